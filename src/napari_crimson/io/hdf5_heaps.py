"""The heaps in which HDF5 keeps texts and the lists of virtual datasets, looked at before its library is.

The library goes from one object of a heap to the next by the sizes that stand there, and for ever where one is zero, which a
copy that broke off leaves behind. Heaps lie near the other descriptions: at the beginning or, of what was added, at the end.
Format: "HDF5 File Format Specification", III.E, Disk Format: Level 1E - Global Heap.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from napari_crimson.errors import CrimsonError

__all__ = ["check_heaps"]

_SIGN = b"GCOL\x01\x00\x00\x00"
_HEAD_BYTES, _TAIL_BYTES = 2**24, 2**22
_MOST_HEAP_BYTES = 2**20  # that are walked through; an ordinary heap has 4096


def check_heaps(path: Path) -> None:
    """Refuse a file that its library would read for ever.

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
    """Whether going from object to object of the heap that begins at a byte comes to an end."""
    file.seek(start)
    heap = file.read(_MOST_HEAP_BYTES)
    end = min(int.from_bytes(heap[8:16], "little"), len(heap))
    return all(need > 0 for need in _steps(heap, end))


def _steps(heap: bytes, end: int) -> Iterator[int]:
    """What each object takes with its header of 16 bytes, padded to 8; the first that is none is the last."""
    at = 16
    while at + 16 <= end:
        index, size = int.from_bytes(heap[at : at + 2], "little"), int.from_bytes(heap[at + 8 : at + 16], "little", signed=True)
        need = size if index == 0 else 16 + size + -size % 8  # number 0 is the space that is left, its header included
        yield min(need, size + 1)
        if need <= 0 or size < 0:
            return
        at += need
