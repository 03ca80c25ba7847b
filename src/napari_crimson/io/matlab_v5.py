"""How much a MATLAB file of v5 to v7.2 unpacks to, told without unpacking it."""

from __future__ import annotations

import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from napari_crimson.errors import CrimsonError

__all__ = ["numeric_bytes", "unpacked_bytes"]

_CLASSES = {
    "double": "f8",
    "single": "f4",
    "logical": "u1",
    **{f"{sign}int{8 * size}": f"{sign or 'i'}{size}" for sign in ("", "u") for size in (1, 2, 4, 8)},
}
_COMPRESSED = 15
_HEADER_BYTES = 128
_TAG_BYTES = 8
_GLANCE_BYTES = 256  # of a compressed variable, enough for its first tag


def numeric_bytes(shape: tuple[int, ...], kind: str) -> int | None:
    """Bytes of an array of MATLAB's class `kind`; None if it is no array of numbers, or empty."""
    return prod(shape) * np.dtype(_CLASSES[kind]).itemsize or None if kind in _CLASSES else None


def unpacked_bytes(path: Path) -> int:
    """Bytes of all variables together, from the tag in front of each.

    Raises
    ------
    CrimsonError
        If a variable reaches beyond the end of the file.
    """
    total, size = 0, path.stat().st_size
    with path.open("rb") as file:
        order = ">" if file.read(_HEADER_BYTES)[-2:] == b"MI" else "<"
        while len(tag := file.read(_TAG_BYTES)) == _TAG_BYTES:
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            if start + length > size:
                raise CrimsonError(f"{path}: a variable ends at byte {start + length}, the file has {size}; it is truncated, copy it again")
            if kind == _COMPRESSED:
                inner = zlib.decompressobj().decompress(file.read(min(length, _GLANCE_BYTES)), _TAG_BYTES)
                length_inside = struct.unpack(f"{order}II", inner)[1]
            total += length_inside if kind == _COMPRESSED else length
            file.seek(start + length)
    return total
