"""What is looked at in a Renishaw file before rosettasciio, which believes every number in it, may read it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import check_eager

__all__ = ["check_wdf"]

_BLOCK = struct.Struct("<4sIQ")  # name, number, length with this header
_MOST_BLOCKS = 10_000


def check_wdf(path: Path) -> None:
    """Walk the blocks of a Renishaw file, and compare what its header promises with what is there.

    Raises
    ------
    CrimsonError
        If blocks are missing, do not follow each other, or are too small or too large for the promise.
    """
    with path.open("rb") as file:
        check_eager(path, "the file", path.stat().st_size)
        blocks = _blocks(path, file)
        missing = [name.decode() for name in (b"WDF1", b"XLST", b"DATA") if name not in blocks]
        if missing:
            raise CrimsonError(f"{path}: lacks the blocks {', '.join(missing)} of a Renishaw measurement; was it stopped before it began?")
        file.seek(blocks[b"WDF1"][0])
        (points, capacity, count, _, names, axis_points, origins) = struct.unpack("<IQQIIII", file.read(96)[44 : 44 + 36])
    promised = {b"DATA": count * points * 4, b"XLST": axis_points * 4, b"YLST": names * 4, b"ORGN": origins * (24 + 8 * count)}
    for name, size in promised.items():
        held = blocks.get(name, (0, 0))[1]
        if size > held and name in blocks:
            raise CrimsonError(
                f"{path}: block {name.decode()} should hold {size} bytes for {count} spectra of {points} points, it has {held}; "
                "copy or export it again"
            )
    if points < 2 or count < 1:
        raise CrimsonError(f"{path}: {count} spectra of {points} points were finished; there is nothing to open: measure it again")
    check_eager(path, f"a map of {capacity} spectra of {points} points", max(capacity, count) * points * 4)


def _blocks(path: Path, file: IO[bytes]) -> dict[bytes, tuple[int, int]]:
    """Where the contents of each block begin and how many bytes they are, by name; the first of a name counts."""
    blocks: dict[bytes, tuple[int, int]] = {}
    at, size = 0, path.stat().st_size
    for _ in range(_MOST_BLOCKS):
        file.seek(at)
        head = file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            return blocks
        name, _, length = _BLOCK.unpack(head)
        if length < _BLOCK.size:
            raise CrimsonError(f"{path}: the block at byte {at} is {length} bytes long, which is none; copy or export it again")
        blocks.setdefault(name, (at + _BLOCK.size, min(length, size - at) - _BLOCK.size))
        at += length
    raise CrimsonError(f"{path}: more than {_MOST_BLOCKS} blocks; it is no Renishaw measurement")
