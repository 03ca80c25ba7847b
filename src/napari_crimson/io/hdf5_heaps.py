"""The heaps in which HDF5 keeps texts and the lists of virtual datasets, looked at before its library is.

The library goes from one object of a heap to the next by the sizes that stand there: for ever where one is zero, which a
copy that broke off leaves behind, and out of the heap where one is too large. Heaps lie near the other descriptions: at the
beginning or, of what was added, at the end.
Format: "HDF5 File Format Specification", III.E, Disk Format: Level 1E - Global Heap.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from numcodecs.checksum32 import JenkinsLookup3  # type: ignore[import-untyped]

from napari_crimson.errors import CrimsonError

__all__ = ["check_heaps"]

_SIGN = b"GCOL\x01\x00\x00\x00"
_HEAD_BYTES, _TAIL_BYTES = 2**24, 2**22
_MOST_PARTS = 2**24
_MOST_HEAP_BYTES = 2**20  # that are walked through; an ordinary heap has 4096


def check_heaps(path: Path) -> None:
    """Refuse a file that its library would read for ever, or crash on.

    Raises
    ------
    CrimsonError
        If an object of a heap has no size, or an impossible one.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        for start, length in {(0, _HEAD_BYTES), (max(0, size - _TAIL_BYTES), _TAIL_BYTES)}:
            file.seek(start)
            window = file.read(length)
            at = window.find(_SIGN)
            while at >= 0:
                if not _ends(file, start + at):
                    raise CrimsonError(f"{path}: the heap of texts at byte {start + at} is damaged; copy or export the file again")
                at = window.find(_SIGN, at + 1)


def _ends(file: IO[bytes], start: int) -> bool:
    """Whether going from object to object of the heap that begins at a byte comes to an end, in the heap."""
    file.seek(start)
    heap = file.read(_MOST_HEAP_BYTES)
    end = int.from_bytes(heap[8:16], "little")
    at = 16
    while at + 16 <= min(end, len(heap)):
        index, size = int.from_bytes(heap[at : at + 2], "little"), int.from_bytes(heap[at + 8 : at + 16], "little", signed=True)
        need = size if index == 0 else 16 + size + -size % 8  # number 0 is the space that is left, its header included
        if size < 0 or need <= 0 or at + need > end:  # the library would read on behind the heap, and crash
            return False
        if _is_garbled(heap[at + 16 : at + 16 + size]):
            return False
        at += need
    return True


def _is_garbled(content: bytes) -> bool:
    """Whether an object lists the parts of a virtual dataset and is not what its checksum says: the library looks at that last.

    Such a list begins with its version, the number of parts and the name of a file ("Global Heap Block for Virtual Datasets").
    """
    count, name = int.from_bytes(content[1:9], "little"), content[9:].partition(b"\0")[0]
    is_list = content[:1] in (b"\0", b"\1") and 0 < count < _MOST_PARTS and name.isascii() and name.decode("ascii").isprintable()
    return is_list and bool(name) and JenkinsLookup3.checksum(content[:-4]) != int.from_bytes(content[-4:], "little")
