"""MATLAB: v7.3 is HDF5 and stays in its file; so does v5 to v7.2 that is not packed, the rest of it is read whole.

MATLAB stores the first dimension fastest, so that the dimensions of HDF5 are reversed. WITec and
PLS_Toolbox write spectra as ``data`` (pixels, W), with ``imagesize`` (rows, columns), down the columns
first, and ``axisscale``, a cell whose element {2, 1} is the spectral axis; in a struct or bare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES, SPECTRA, Found, choose
from napari_crimson.io.hdf5 import datasets_in
from napari_crimson.io.hdf5_array import lazy_dataset, small_values
from napari_crimson.io.hdf5_heaps import check_heaps
from napari_crimson.io.lazy import Box, FileArray, check_eager
from napari_crimson.io.matlab_v5 import in_place, load, variables
from napari_crimson.io.spectral import choose_axis, is_spectral
from napari_crimson.io.unpacking import check_packed

__all__ = ["read"]

_HDF5_FROM = 512  # where HDF5 begins in v7.3, behind MATLAB's own text
_BOOKKEEPING = "#"  # begins the names of what MATLAB keeps for itself in v7.3


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """What is in a file: shapes of the numeric arrays, in MATLAB's order, and how to take one.

    Attributes
    ----------
    take : callable
        ``take(key)`` gives an array or a `FileArray` of the shape in `shapes`.
    fold : callable
        ``fold(key, rows, columns)`` gives (pixels, W) as (rows, columns, W).
    values : callable
        ``values(key)`` gives a small array, or None for none of this name; of a cell its element {2, 1}.
    text : str
        What is written in the variable ``history``.
    """

    shapes: Mapping[str, tuple[int, ...]]
    take: Callable[[str], Any]
    fold: Callable[[str, int, int], Any]
    values: Callable[[str], NDArray[Any] | None]
    text: str = ""


def read(path: Path, name: str | None) -> Found:
    """Read a stack from MATLAB; `name` is a variable, or ``struct/field``."""
    with path.open("rb") as file:
        file.seek(_HDF5_FROM)
        is_hdf5 = file.read(4) == b"\x89HDF"
    if not is_hdf5:
        return _found(path, _from_v5(path, name), name)
    check_heaps(path)
    with h5py.File(path, "r") as file:
        return _found(path, _from_v73(path, file), name)


def _found(path: Path, contents: _Contents, name: str | None) -> Found:
    """Choose the stack, fold it if it is a list of pixels, and find its axis, dark, reference and steps by name."""
    shapes = contents.shapes
    folded = {key: size for key in shapes if (size := _image_size(path, contents, key)) is not None}
    stacks = {key: (*folded[key], shape[-1]) if key in folded else shape for key, shape in shapes.items()}
    candidates = {key: shape for key, shape in stacks.items() if len(shape) > 2 or key == name}
    main = choose(path, candidates, name or next((key for key in IMAGES if key in candidates), None))
    images = [main, *(key for key in IMAGES if not name and main in IMAGES and key != main and shapes.get(key) == shapes[main])]
    arrays = {key if key in IMAGES else "cars": contents.take(key) for key in images if key not in folded}
    history = contents.text.splitlines()
    if main in folded:
        arrays["cars"] = contents.fold(main, *folded[main])
        history.append(f"'{main}' folded to {folded[main]}, down the columns first")
        scale = contents.values(_beside(main, "axisscale"))
        if scale is not None and scale.size == stacks[main][-1]:
            axis = np.asarray(scale, dtype=np.float64).ravel()
            return Found(arrays=arrays, wavenumber=axis, spectra_last=True, history=(*history, "axis from axisscale, taken as cm⁻¹"))
    vectors = {key for key, shape in shapes.items() if len(shape) == 2 and prod(shape) == max(shape)} - {main}
    beside = [key for key in vectors if key.rpartition("/")[0] == main.rpartition("/")[0]]
    fits = sorted(key for key in vectors if is_spectral(key) and max(shapes[key]) in stacks[main])
    found = choose_axis({key: (_vector(contents, key), None) for key in fits}, near=beside)
    spectra = {word: _vector(contents, key) for word in SPECTRA for key in sorted(vectors) if key.rpartition("/")[2].lower() == word}
    places = {dim: _vector(contents, f"{dim}_um") for dim in "zyx" if f"{dim}_um" in vectors}
    return Found(
        arrays=arrays,
        spectra=spectra,
        step_um={dim: float(at[1] - at[0]) for dim, at in places.items() if at.size > 1},
        spectra_last=main in folded,
        history=tuple(history),
        **found,
    )


def _image_size(path: Path, contents: _Contents, key: str) -> tuple[int, int] | None:
    """Rows and columns of ``data`` (pixels, W) that has ``imagesize`` beside it; None for anything else."""
    shape, beside = contents.shapes[key], _beside(key, "imagesize")
    if key.rpartition("/")[2] != "data" or len(shape) != 2 or prod(contents.shapes.get(beside, ())) != 2:
        return None
    rows, columns = (int(value) for value in _vector(contents, beside))
    if rows < 1 or columns < 1 or rows * columns != shape[0]:
        raise CrimsonError(f"{path}: '{key}' has {shape[0]} pixels, its imagesize says {rows} × {columns}; was the export interrupted?")
    return rows, columns


def _beside(key: str, name: str) -> str:
    folder = key.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def _vector(contents: _Contents, key: str) -> NDArray[np.float64]:
    return np.asarray(contents.values(key), dtype=np.float64).ravel()


def _from_v5(path: Path, name: str | None) -> _Contents:
    """Variables of v5 to v7.2, their sizes checked before they are read; structs only where no variable is a stack."""
    listed = {variable.name: variable for variable in variables(path)}
    shapes = {key: variable.shape for key, variable in listed.items() if variable.is_numeric}
    loaded: dict[str, Any] = {}

    def take(key: str) -> Any:
        array = in_place(path, listed[key]) if key in listed else None
        return read_whole(key) if array is None else array

    def read_whole(key: str) -> Any:
        if key not in loaded and key in listed:
            check_packed(path, f"'{key}' of shape {listed[key].shape}", listed[key].size_bytes, listed[key].stored_bytes)
            check_eager(path, f"'{key}' of shape {listed[key].shape}", listed[key].size_bytes)
            loaded[key] = load(path, listed[key])
        return loaded.get(key)

    if not any(len(shape) > 2 or key == name for key, shape in shapes.items()):
        for key in [key for key, variable in listed.items() if variable.is_nested]:
            value = read_whole(key)
            loaded |= {f"{key}/{field}": item for field, item in value.items()} if isinstance(value, dict) else {}
        shapes |= {key: item.shape for key, item in loaded.items() if isinstance(item, np.ndarray) and item.dtype != object and item.size}

    def fold(key: str, rows: int, columns: int) -> Any:
        flat = read_whole(key)
        return flat.reshape((rows, columns, flat.shape[-1]), order="F")

    def values(key: str) -> NDArray[Any] | None:
        found = read_whole(key)
        if isinstance(found, np.ndarray) and found.dtype == object:
            found = found[1, 0] if found.ndim == 2 and found.shape[0] > 1 else None
        return found if isinstance(found, np.ndarray) and found.dtype != object else None

    return _Contents(shapes=shapes, take=take, fold=fold, values=values)


def _from_v73(path: Path, file: h5py.File) -> _Contents:
    """Datasets of v7.3, which stay in the file."""
    datasets = {key: item for key, item in datasets_in(file).items() if not key.startswith(_BOOKKEEPING)}
    words = {key for key, item in datasets.items() if item.attrs.get("MATLAB_class") == b"char"}
    numeric = {
        key: item for key, item in datasets.items() if item.dtype.kind in "iufb" and item.ndim > 0 and item.size and key not in words
    }

    def take(key: str) -> FileArray:
        return lazy_dataset(path, numeric[key]).turned(tuple(reversed(range(numeric[key].ndim))))

    def fold(key: str, rows: int, columns: int) -> FileArray:
        flat = lazy_dataset(path, numeric[key])
        shape = (flat.shape[0], columns, rows)
        reader = partial(_read_folded, path=path, name=key, rows=rows)
        return FileArray(path=path, read=reader, stored_shape=shape, dtype=flat.dtype).turned((2, 1, 0))

    def values(key: str) -> NDArray[Any] | None:
        item = datasets.get(key)
        if item is not None and item.dtype == h5py.ref_dtype:
            item = file[item[0, 1]] if item.ndim == 2 and item.shape[1] > 1 else None
        return None if item is None else small_values(path, item)

    shapes = {key: item.shape[::-1] for key, item in numeric.items()}
    text = small_values(path, datasets["history"]).astype("<u2").tobytes().decode("utf-16-le", "replace") if "history" in words else ""
    return _Contents(shapes=shapes, take=take, fold=fold, values=values, text=text)


def _read_folded(box: Box, *, path: Path, name: str, rows: int) -> NDArray[Any]:
    """Read a box of (W, columns, rows) from (W, pixels)."""
    bands, columns, within = box
    with h5py.File(path, "r") as file:
        flat = file[name][bands, columns.start * rows : columns.stop * rows]
    return np.asarray(flat.reshape(flat.shape[0], -1, rows)[..., within])
