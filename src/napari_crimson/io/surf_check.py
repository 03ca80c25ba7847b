"""What is looked at in a file of Digital Surf's Mountains before rosettasciio, which believes it, may read it.

Byte offsets are those of the format's header of 512 bytes; a comment and a private zone follow, then the points,
as they are or in streams packed by zlib.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import IO

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import MOST_COMPRESSION, check_eager

__all__ = ["check_surf"]

_HEADER_BYTES = 512
_KINDS = {20: "spectrum", 21: "hyperspectral map"}
_IN_MEMORY = 3  # rosettasciio keeps the points packed, unpacked and as float64: at most so many times float64
_MOST_STREAMS = 100_000


def check_surf(path: Path) -> None:
    """Compare what the header promises with what is there, packed streams included.

    Raises
    ------
    CrimsonError
        If it is no spectrum or map of spectra, or holds another number of points than it says.
    """
    with path.open("rb") as file:
        check_eager(path, "the file", path.stat().st_size)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            raise CrimsonError(f"{path}: has {len(header)} bytes, its header {_HEADER_BYTES}; it is truncated, copy it again")
        objects, kind, channels, bits, comment, private = (struct.unpack_from("<h", header, at)[0] for at in (14, 18, 80, 98, 334, 336))
        bands, columns, rows, pixels = (*struct.unpack_from("<I", header, 94), *struct.unpack_from("<iii", header, 108))
        if kind not in _KINDS:
            known = " or ".join(f"{key} ({word})" for key, word in _KINDS.items())
            raise CrimsonError(f"{path}: a Mountains file of type {kind}, expected {known}; export the map of spectra")
        if max(objects, channels) > 1:
            raise CrimsonError(f"{path}: holds {max(objects, channels)} measurements; export each to a file of its own")
        if bits not in (16, 32) or min(columns, rows, comment, private + 1) < 0 or columns * rows != pixels or pixels < 1:
            raise CrimsonError(f"{path}: {columns} × {rows} points of {bits} bits, {pixels} in all, make no map; export it again")
        file.seek(_HEADER_BYTES + comment + private)
        size, held = pixels * max(bands, 1) * bits // 8, path.stat().st_size - file.tell()
        packed = header.startswith(b"DSCOMPRESSED")
        what = f"a map of {pixels} spectra of {max(bands, 1)} points"
        if held * (MOST_COMPRESSION if packed else 1) >= size:  # else it is refused, without a word ahead of that
            check_eager(path, what, pixels * max(bands, 1) * 8 * _IN_MEMORY)
            held = _unpacked_bytes(path, file, size) if packed else held
    if held < size:
        raise CrimsonError(f"{path}: {what} needs {size} bytes, there are {held}; copy it again")


def _unpacked_bytes(path: Path, file: IO[bytes], most: int) -> int:
    """How many bytes the packed streams unpack to; none may give more than it says, nor all of them more than `most`."""
    (count,) = struct.unpack("<I", file.read(4))
    if count > _MOST_STREAMS:
        raise CrimsonError(f"{path}: {count} packed streams are more than a map has; export it again")
    sizes = list(struct.iter_unpack("<II", file.read(8 * count)))
    total, left = 0, path.stat().st_size - file.tell()
    if sum(packed for _, packed in sizes) > left:
        raise CrimsonError(f"{path}: its packed points take {sum(packed for _, packed in sizes)} bytes, there are {left}; copy it again")
    for _, packed in sizes:
        stream = zlib.decompressobj()
        total += len(stream.decompress(file.read(packed), most - total + 1))
        if total > most or not stream.eof:
            raise CrimsonError(f"{path}: its packed points do not end after the {most} bytes that the header names; export it again")
    return total
