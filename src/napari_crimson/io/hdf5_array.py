"""HDF5 datasets as arrays that stay in their file, with the guards that all HDF5 layouts share."""

from __future__ import annotations

from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.hdf5_sources import check_sources
from napari_crimson.io.lazy import EAGER_BYTES, Box, FileArray, check_promise
from napari_crimson.io.unpacking import check_piece

__all__ = ["check_dataset", "lazy_dataset", "lazy_series", "mean_spectrum", "small_values"]

_PACKERS, _LAST_OWN_FILTER = (1, 4), 255  # deflate and szip; from 256 on they are those of others
_MOST_LOOKED_AT = 20_000  # chunks, in a fifth of a second


def lazy_dataset(path: Path, dataset: h5py.Dataset) -> FileArray:
    """Take a dataset, checked, as an array that stays in the file.

    Raises
    ------
    CrimsonError
        If it lies in files elsewhere, is unreasonably large for its file, or is not numeric.
    """
    check_dataset(path, dataset)
    return FileArray(
        path=path,
        read=partial(_read, path=path, name=dataset.name),
        stored_shape=dataset.shape,
        dtype=_plain(dataset.dtype),
        stored_chunks=dataset.chunks,
    )


def lazy_series(path: Path, datasets: list[h5py.Dataset]) -> FileArray:
    """Take datasets of one shape as an array with a dimension more, in front."""
    for dataset in datasets:
        check_dataset(path, dataset)
    first = datasets[0]
    if any(dataset.shape != first.shape or dataset.dtype != first.dtype for dataset in datasets):
        listed = ", ".join(f"{dataset.name} {dataset.shape}" for dataset in datasets)
        raise CrimsonError(f"{path}: the planes of one stack differ in shape or type: {listed}; open one with name=")
    return FileArray(
        path=path,
        read=partial(_read_series, path=path, names=tuple(dataset.name for dataset in datasets)),
        stored_shape=(len(datasets), *first.shape),
        dtype=_plain(first.dtype),
        stored_chunks=(1, *first.chunks) if first.chunks else None,
    )


def mean_spectrum(path: Path, dataset: h5py.Dataset) -> NDArray[np.float64]:
    """Average a dataset (..., W) over all but its last dimension."""
    values = small_values(path, dataset)
    return np.asarray(values.mean(axis=tuple(range(values.ndim - 1)), dtype=np.float64))


def small_values(path: Path, dataset: h5py.Dataset) -> NDArray[Any]:
    """Read a whole dataset that is known to be small: an axis, a dark, a reference."""
    check_dataset(path, dataset)
    size = prod(dataset.shape) * dataset.dtype.itemsize
    if size > EAGER_BYTES:
        raise CrimsonError(f"{path}: '{dataset.name}' takes {size / 2**30:.3g} GiB, too many for a calibration measurement; remove it")
    return np.asarray(dataset[()])


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype).newbyteorder("=") if dtype.kind in "iufcb" else np.dtype(dtype)


def check_dataset(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a dataset that lies in files elsewhere, is unreasonably large for its file, or is not numeric."""
    check_sources(path, dataset)
    if dataset.dtype.kind not in "iufcb":
        raise CrimsonError(
            f"{path}: '{dataset.name}' holds values of type {dataset.dtype}, expected integers or floats; choose another with name="
        )
    if not (dataset.external or dataset.is_virtual):
        check_promise(path, dataset.shape, dataset.dtype.itemsize, path.stat().st_size)
    if dataset.chunks:
        size = prod(dataset.chunks) * dataset.dtype.itemsize
        check_piece(path, f"the chunks of '{dataset.name}', {dataset.chunks},", size, "rechunk it (h5repack)")
        _check_filters(path, dataset, size)


def _check_filters(path: Path, dataset: h5py.Dataset, chunk_bytes: int) -> None:
    """Refuse chunks that are packed more than once, or into more than they are: the library unpacks to whatever size they have."""
    plist = dataset.id.get_create_plist()
    packers = sum(plist.get_filter(i)[0] in _PACKERS or plist.get_filter(i)[0] > _LAST_OWN_FILTER for i in range(plist.get_nfilters()))
    if packers > 1:
        raise CrimsonError(f"{path}: '{dataset.name}' is packed {packers} times over; repack it (h5repack)")
    seen: list[int] = []

    def look(chunk: Any) -> bool | None:
        seen.append(chunk.size)
        return True if chunk.size > 1.1 * chunk_bytes + 2**16 or len(seen) >= _MOST_LOOKED_AT else None

    if packers and dataset.id.get_num_chunks():
        dataset.id.chunk_iter(look)
    if max(seen, default=0) > 1.1 * chunk_bytes + 2**16:
        raise CrimsonError(
            f"{path}: '{dataset.name}' has a chunk packed into {max(seen):,} bytes that should unpack to {chunk_bytes:,}; "
            "the file is damaged: copy or export it again"
        )


def _read(box: Box, *, path: Path, name: str) -> NDArray[Any]:
    with h5py.File(path, "r") as file:
        return _native(file[name][box])


def _read_series(box: Box, *, path: Path, names: tuple[str, ...]) -> NDArray[Any]:
    with h5py.File(path, "r") as file:
        return np.stack([_native(file[name][box[1:]]) for name in names[box[0]]])


def _native(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("="), copy=False)
