"""The layout on disk: an OME-Zarr 0.5 group (zarr v3) that `xarray.open_zarr` reads as well.

One group a stack. Its arrays bear the names of the stack's variables; the wavenumber axis lies behind
time and ahead of z, y, x, as OME-Zarr orders axes. The coordinates are arrays of their own
(``wavenumber`` in cm⁻¹; ``z``, ``y``, ``x`` in µm), what only we understand is under the attribute
``crimson``. The wavenumber axis has a type of its own: viewers split an axis of type ``channel``
into as many layers.

Format: https://ngff.openmicroscopy.org/0.5
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import ceil, isqrt
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, DTypeLike, NDArray
from zarr.codecs import BloscCodec

__all__ = ["NAMESPACE", "TILE", "bands_first", "bands_last", "create_group", "disk_dims", "fit_tile"]

NAMESPACE = "crimson"
TILE = (64, 64)  # (y, x)
_CHUNK_BYTES = 2**20  # of a usual tile 64 bands of float32, 128 of counts: a spectrum is read the sooner the fewer pieces it lies in
_VERSION = "0.5"


def create_group(
    path: str | Path,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    wavenumber: ArrayLike,
    variables: Mapping[str, DTypeLike],
    *,
    spectra: Mapping[str, ArrayLike] | None = None,
    steps: Mapping[str, float] | None = None,
    attrs: Mapping[str, Any] | None = None,
    chunks: tuple[int, int] = TILE,
) -> zarr.Group:
    """Create a group with empty arrays for the variables of a stack; floats read as NaN until written.

    Parameters
    ----------
    path : path
        A folder that does not exist, or is empty.
    dims, shape : tuple
        As in the stack: ``([t,] [z,] y, x, wavenumber)``.
    wavenumber : array_like, shape (W,)
        Raman shift in cm⁻¹.
    variables : mapping
        Data type by name; ``raman``, else ``cars``, else the first is the image that viewers show.
    spectra : mapping, optional
        Values (W,) by name, such as ``dark`` and ``reference``.
    steps : mapping, optional
        Pixel step in µm by dimension.
    attrs : mapping, optional
        Goes under the attribute ``crimson``; must fit in JSON.
    chunks : tuple
        Extent of a chunk along (y, x).

    Returns
    -------
    zarr.Group
        Open for writing. Its arrays take ``bands_first(values)``.

    Raises
    ------
    zarr.errors.ContainsGroupError, zarr.errors.ContainsArrayError
        If `path` holds one already.
    OSError
        If the folder cannot be written.
    """
    axis = np.asarray(wavenumber, dtype=np.float64)
    steps = {dim: float(step) for dim, step in (steps or {}).items() if dim in dims and dim != "wavenumber"}
    image = next((name for name in ("raman", "cars") if name in variables), next(iter(variables)))
    group = zarr.create_group(path, attributes={"ome": _multiscales(image, dims, axis, steps), NAMESPACE: dict(attrs or {})})

    names = disk_dims(dims)
    sizes = dict(zip(dims, shape, strict=True))
    for name, dtype in variables.items():
        bands = max(1, _CHUNK_BYTES // (min(sizes["y"], chunks[0]) * min(sizes["x"], chunks[1]) * np.dtype(dtype).itemsize))
        tile = {"y": chunks[0], "x": chunks[1], "wavenumber": _even(axis.size, bands)}
        group.create_array(
            name,
            shape=tuple(sizes[dim] for dim in names),
            chunks=tuple(min(sizes[dim], tile.get(dim, 1)) for dim in names),
            dtype=np.dtype(dtype),
            fill_value=np.nan if np.issubdtype(dtype, np.floating) else 0,
            # as small as zstd (counts 1.46 against 1.48 times, results 1.23 both), packed and unpacked three times as quickly
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle", typesize=np.dtype(dtype).itemsize),
            dimension_names=names,
        )
    _write_spectrum(group, "wavenumber", "wavenumber", axis, units="1/cm")
    for name, values in (spectra or {}).items():
        _write_spectrum(group, name, "wavenumber", np.asarray(values, dtype=np.float64))
    for dim, step in steps.items():
        _write_spectrum(group, dim, dim, step * np.arange(sizes[dim], dtype=np.float64), units="um")

    with warnings.catch_warnings():  # not in the zarr 3 specification yet; xarray warns where it is missing
        warnings.simplefilter("ignore", UserWarning)
        return zarr.consolidate_metadata(group.store)


def bands_first(values: NDArray[Any], dims: tuple[str, ...]) -> NDArray[Any]:
    """Turn values from the order in memory, `dims` with wavenumber last, to the order on disk; a view."""
    return values.transpose([dims.index(dim) for dim in disk_dims(dims)])


def bands_last(values: Any, dims: tuple[str, ...]) -> Any:
    """Turn values from the order on disk to the order in memory, `dims` with wavenumber last; lazy if they are."""
    names = disk_dims(dims)
    return values.transpose([names.index(dim) for dim in dims])


def fit_tile(sizes: tuple[int, int], chunks: tuple[int, int]) -> tuple[int, int]:
    """Choose chunks on disk along (y, x) that fit those of the input, about as many pixels as in `TILE`.

    Where the borders of both meet, each chunk is read once and written once. A small stack gets
    smaller ones, some sixteen in all, because work can be stopped and shown only between them.
    """
    pixels = min(TILE[0] * TILE[1], max(256, sizes[0] * sizes[1] // 16))
    y = _fit(sizes[0], chunks[0], isqrt(pixels))
    return y, _fit(sizes[1], chunks[1], max(1, pixels // y))


def disk_dims(dims: tuple[str, ...]) -> tuple[str, ...]:
    """Order dims as OME-Zarr wants them: time, the axis of a type of its own, space."""
    return tuple(sorted(dims, key=("t", "wavenumber", "z", "y", "x").index))


def _write_spectrum(group: zarr.Group, name: str, dim: str, values: NDArray[np.float64], *, units: str | None = None) -> None:
    """Write a 1-D array (W,) along `dim`, in one chunk."""
    array = group.create_array(name, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=(dim,))
    array[:] = values
    if units:
        array.attrs["units"] = units


def _multiscales(image: str, dims: tuple[str, ...], axis: NDArray[np.float64], steps: Mapping[str, float]) -> dict[str, Any]:
    """Describe the one image of the group as OME-Zarr 0.5 does."""
    axes: list[dict[str, str]] = []
    scale, start = [], []
    step = np.diff(axis)
    uniform = step.size > 0 and np.ptp(step) <= 1e-3 * abs(step.mean())
    for dim in disk_dims(dims):
        if dim == "wavenumber":
            axes.append({"name": dim, "type": "spectral", "unit": "1/cm"})
            scale.append(float(step.mean()) if uniform else 1.0)  # the true axis is the array `wavenumber`
            start.append(float(axis[0]) if uniform else 0.0)
        else:
            axes.append({"name": dim, "type": "time" if dim == "t" else "space"} | ({"unit": "micrometer"} if dim in steps else {}))
            scale.append(steps.get(dim, 1.0))
            start.append(0.0)
    transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": start}]
    return {
        "version": _VERSION,
        "multiscales": [{"name": image, "axes": axes, "datasets": [{"path": image, "coordinateTransformations": transforms}]}],
    }


def _fit(size: int, chunk: int, limit: int) -> int:
    """Choose a part or a multiple of `chunk` near `limit`, or `chunk` where that is not far larger; `limit` itself where there is none."""
    if chunk >= size:
        return _even(size, limit)
    if chunk <= limit:
        return min(size, chunk * max(1, limit // 4 // chunk))
    parts = (part for part in range(limit // 4 + 1, 2 * limit + 1) if chunk % part == 0)
    return max(parts, default=chunk if chunk <= 4 * limit else limit)


def _even(size: int, limit: int) -> int:
    """Cut `size` into the fewest equal parts of at most `limit`."""
    return ceil(size / ceil(size / limit))
