"""MATLAB's format of v5 to v7.2: a list of variables, each packed by zlib or not, whose parts are tagged with type and size.

Read here and not by scipy, whose reader believes the types and sizes in a file and ends the whole program on some that
are wrong. Numbers, cells and structs are read; text, sparse arrays, objects and functions are left out.
Format: "MAT-File Format", MathWorks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import FileArray, read_raw

__all__ = ["Variable", "in_place", "load", "variables"]

_HEADER_BYTES = 128
_TAG_BYTES = 8
_GLANCE_BYTES = 4096  # of a variable, in which its class, shape and name lie
_MOST_DEPTH = 8
_MATRIX, _PACKED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CELL, _STRUCT = 1, 2
_CLASSES = {6: 8, 7: 4, 8: 1, 9: 1, 10: 2, 11: 2, 12: 4, 13: 4, 14: 8, 15: 8}  # of numbers: bytes of each
_IS_COMPLEX = 0x800


class Variable(NamedTuple):
    """A variable and where its contents lie; `size_bytes` is what it takes once read."""

    name: str
    shape: tuple[int, ...]
    kind: int
    size_bytes: int
    start: int
    stored_bytes: int
    is_packed: bool
    order: str

    @property
    def is_numeric(self) -> bool:
        """Whether it is an array of numbers with any in it."""
        return self.kind in _CLASSES and prod(self.shape) > 0

    @property
    def is_nested(self) -> bool:
        """Whether it is a cell or a struct."""
        return self.kind in (_CELL, _STRUCT)


def variables(path: Path) -> list[Variable]:
    """List the variables with their shapes; reads no values.

    Raises
    ------
    CrimsonError
        If a variable reaches beyond the end of the file.
    """
    size = path.stat().st_size
    found = []
    with path.open("rb") as file:
        order = ">" if file.read(_HEADER_BYTES)[-2:] == b"MI" else "<"
        while len(tag := file.read(_TAG_BYTES)) == _TAG_BYTES:
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            if start + length > size:
                raise CrimsonError(f"{path}: a variable ends at byte {start + length}, the file has {size}; it is truncated, copy it again")
            if kind in (_MATRIX, _PACKED):
                found.append(_describe(file, order, start, length, is_packed=kind == _PACKED))
            file.seek(start + length)
    return found


def load(path: Path, variable: Variable) -> Any:
    """Read a variable: an array, a dict of the fields of a struct, an object array of a cell, or None for what is not read."""
    with path.open("rb") as file:
        file.seek(variable.start)
        raw = file.read(variable.stored_bytes)
    if variable.is_packed:  # never more than the tag inside says, which was looked at
        raw = zlib.decompressobj().decompress(raw, variable.size_bytes + _TAG_BYTES)[_TAG_BYTES:]
    return _matrix(memoryview(raw), variable.order, 0)


def in_place(path: Path, variable: Variable) -> FileArray | None:
    """An array of real numbers that is not packed stays in the file; None for any that must be read whole."""
    if variable.is_packed or not variable.is_numeric:
        return None
    with path.open("rb") as file:
        file.seek(variable.start)
        raw = memoryview(file.read(min(variable.stored_bytes, _GLANCE_BYTES)))
    flags, shape, _, at = _head(raw, variable.order)
    kind, size = struct.unpack_from(f"{variable.order}II", raw, at)
    if flags & _IS_COMPLEX or kind not in _STORED or at + _TAG_BYTES + size > variable.stored_bytes:
        return None
    dtype = np.dtype(_STORED[kind]).newbyteorder("<" if variable.order == "<" else ">")
    if size != prod(shape) * dtype.itemsize:
        return None
    offset = variable.start + at + _TAG_BYTES
    reader = partial(read_raw, path=path, dtype=dtype, shape=shape[::-1], offset=offset)
    array = FileArray(path=path, read=reader, stored_shape=shape[::-1], dtype=dtype.newbyteorder("="))
    return array.turned(tuple(reversed(range(len(shape)))))


def _describe(file: IO[bytes], order: str, start: int, length: int, *, is_packed: bool) -> Variable:
    """Look at the first bytes of a variable."""
    raw, inside = file.read(min(length, _GLANCE_BYTES)), length
    if is_packed:
        raw = zlib.decompressobj().decompress(raw, _GLANCE_BYTES)
        inside = struct.unpack_from(f"{order}II", raw)[1]
        raw = raw[_TAG_BYTES:]
    flags, shape, name, _ = _head(memoryview(raw), order)
    kind = flags & 0xFF
    values = prod(shape) * _CLASSES.get(kind, 0) * (2 if flags & _IS_COMPLEX else 1)
    return Variable(name, shape, kind, max(inside, values), start, length, is_packed, order)


def _head(data: memoryview, order: str) -> tuple[int, tuple[int, ...], str, int]:
    """Flags, shape and name of an array, and where what follows them begins."""
    _, flags, at = _part(data, 0, order)
    _, dims, at = _part(data, at, order)
    _, name, at = _part(data, at, order)
    shape = tuple(int(size) for size in np.frombuffer(dims, f"{order}i4"))
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"an array of shape {shape}")
    return struct.unpack_from(f"{order}I", flags)[0], shape, bytes(name).decode("ascii", "replace"), at


def _part(data: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and contents of the part that begins at a byte, and where the next begins; up to four bytes lie within the tag."""
    (first,) = struct.unpack_from(f"{order}I", data, at)
    if first >> 16:
        kind, size, start, after = first & 0xFFFF, first >> 16, at + 4, at + _TAG_BYTES
    else:
        (size,) = struct.unpack_from(f"{order}I", data, at + 4)
        kind, start = first, at + _TAG_BYTES
        after = start + size + -size % 8
    if start + size > len(data) or (first >> 16) > 4:
        raise ValueError(f"a part of {size} bytes where {max(0, len(data) - start)} are left")
    return kind, data[start : start + size], after


def _matrix(data: memoryview, order: str, depth: int) -> Any:
    """Read an array, a cell or a struct."""
    if not len(data) or depth > _MOST_DEPTH:
        return None
    flags, shape, _, at = _head(data, order)
    kind = flags & 0xFF
    if kind in _CLASSES:
        values, at = _numbers(data, at, order)
        if flags & _IS_COMPLEX:
            values = values + 1j * _numbers(data, at, order)[0]
        return values.reshape(shape, order="F")
    if kind == _CELL:
        items = list(_matrices(data, at, order, depth, prod(shape)))
        cell = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):  # one by one: of arrays of one shape numpy would make a larger array
            cell[i] = item
        return cell.reshape(shape, order="F")
    if kind == _STRUCT and prod(shape) == 1:
        _, width, at = _part(data, at, order)
        _, names, at = _part(data, at, order)
        step = max(1, struct.unpack(f"{order}i", width)[0])
        fields = [bytes(names[i : i + step]).partition(b"\0")[0].decode("ascii", "replace") for i in range(0, len(names), step)]
        return dict(zip(fields, _matrices(data, at, order, depth, len(fields)), strict=True))
    return None


def _matrices(data: memoryview, at: int, order: str, depth: int, count: int) -> Iterator[Any]:
    """Read the arrays within a cell or a struct."""
    for _ in range(count):
        _, inside, at = _part(data, at, order)
        yield _matrix(inside, order, depth + 1)


def _numbers(data: memoryview, at: int, order: str) -> tuple[np.ndarray[Any, np.dtype[Any]], int]:
    kind, values, after = _part(data, at, order)
    if kind not in _STORED:
        raise ValueError(f"numbers of type {kind}")
    dtype = np.dtype(_STORED[kind]).newbyteorder("<" if order == "<" else ">")
    return np.frombuffer(values, dtype).astype(dtype.newbyteorder("="), copy=False), after
