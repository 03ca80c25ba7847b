"""NumPy files: ``.npy`` stays in its file; so does a member of an ``.npz`` that is not compressed.

The arrays of an ``.npz`` are told by name: ``cars`` (else the largest), ``wavenumber`` or another word
for it, ``dark``, ``reference``. Pickles are never loaded.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import SPECTRA, Found, choose
from napari_crimson.io.lazy import FileArray, check_eager, read_raw
from napari_crimson.io.spectral import choose_axis, is_spectral
from napari_crimson.io.unpacking import check_packed

__all__ = ["read"]

_MOST_HEADER_BYTES = 2**16
_MOST_MEMBERS = 10_000
_LOCAL_HEADER = 30  # bytes of a zip member's own header ahead of its name and extra field


class Header(NamedTuple):
    """The header of a ``.npy``: what follows it, and how many bytes it takes itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    header_bytes: int

    @property
    def data_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def read(path: Path, name: str | None) -> Found:
    """Read ``.npy`` or ``.npz``; `name` is a member of the archive."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            return _read_archive(path, name)
        file.seek(0)
        return Found(arrays={"cars": _in_place(path, _header(path, file), 0, path.stat().st_size)})


def _read_archive(path: Path, name: str | None) -> Found:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if info.filename.endswith(".npy")}
        if len(members) > _MOST_MEMBERS:
            raise CrimsonError(f"{path}: holds {len(members):,} arrays, at most {_MOST_MEMBERS:,} are looked at; save the stack on its own")
        headers = {}
        for key, info in members.items():
            with archive.open(info) as file:
                headers[key] = _header(path, file)
        stacks = {key: header.shape for key, header in headers.items() if name or key == "cars" or len(header.shape) > 2}
        main = choose(path, stacks, name or ("cars" if "cars" in stacks else None))
        lengths = headers[main].shape
        vectors = {
            key: _load(path, archive, members[key], header)
            for key, header in headers.items()
            if key != main and len(header.shape) == 1 and (header.shape[0] in lengths or is_spectral(key))
        }
        stored = members[main].compress_type == zipfile.ZIP_STORED
        cars = _stored(path, members[main], headers[main]) if stored else _load(path, archive, members[main], headers[main])
    axes = {key: (values, None) for key, values in vectors.items() if is_spectral(key)}
    fits = {key: axis for key, axis in axes.items() if axis[0].size in lengths}
    axis = choose_axis(fits or axes)  # one that does not fit is told, not passed over
    return Found(arrays={"cars": cars}, spectra={key: vectors[key] for key in SPECTRA if key in vectors}, **axis)


def _stored(path: Path, info: zipfile.ZipInfo, header: Header) -> FileArray:
    """A member that is not compressed stays in place."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
    skip = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    return _in_place(path, header, info.header_offset + _LOCAL_HEADER + skip, info.file_size)


def _load(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header) -> NDArray[Any]:
    """A compressed member must be read whole, for want of random access."""
    shape, size = header.shape, header.data_bytes
    check_packed(path, f"'{info.filename}' of shape {shape}", size, info.compress_size)
    if info.file_size < header.header_bytes + size:
        raise CrimsonError(f"{path}: '{info.filename}' of shape {shape} needs {size} bytes, it has {info.file_size}; copy the file again")
    check_eager(path, f"'{info.filename}' of shape {shape}", size)
    with archive.open(info) as file:
        file.read(header.header_bytes)
        values = np.frombuffer(file.read(size), header.dtype)
    return values.reshape(shape, order="F" if header.fortran else "C").astype(header.dtype.newbyteorder("="), copy=False)


def _in_place(path: Path, header: Header, start: int, size: int) -> FileArray:
    """The array whose ``.npy`` begins `start` bytes into the file and takes `size` bytes."""
    shape, dtype = header.shape, header.dtype
    needed = header.header_bytes + header.data_bytes
    if needed > size or start + needed > path.stat().st_size:
        raise CrimsonError(f"{path}: shape {shape} of {dtype} needs {needed} bytes, there are {size}; it is truncated, copy it again")
    stored = shape[::-1] if header.fortran else shape
    box_reader = partial(read_raw, path=path, dtype=dtype, shape=stored, offset=start + header.header_bytes)
    array = FileArray(path=path, read=box_reader, stored_shape=stored, dtype=dtype.newbyteorder("="))
    return array.turned(tuple(reversed(range(len(shape))))) if header.fortran else array


def _header(path: Path, file: IO[bytes]) -> Header:
    """Parse the header at the start of `file`; refuse pickles."""
    file = io.BytesIO(file.read(_MOST_HEADER_BYTES))  # numpy would read the 4 GiB that a header may say it has
    try:
        version = npy.read_magic(file)
        with warnings.catch_warnings(action="ignore"):  # of Python's parser, on what a foreign header holds
            shape, fortran, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    except (ValueError, MemoryError, RecursionError) as error:  # the latter two are Python's parser's, of too many brackets
        raise CrimsonError(f"{path}: is no NumPy array that can be read ({error}); save it again with numpy.save") from error
    if dtype.hasobject:
        raise CrimsonError(f"{path}: holds Python objects, which run code when loaded, and is refused; save plain numbers with numpy.save")
    if any(size < 0 for size in shape):
        raise CrimsonError(f"{path}: shape {shape} is none; save it again with numpy.save")
    return Header(shape, fortran, dtype, file.tell())
