"""Write a stack as OME-Zarr, in the layout of `ome_zarr`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr

from napari_crimson.io.found import IMAGES, SPECTRA
from napari_crimson.io.ome_zarr import TILE, bands_first, create_group, disk_dims
from napari_crimson.stack import PIXEL_DIMS

__all__ = ["record_of", "slabs", "steps_of", "write"]

_SLAB_BYTES = 256 * 2**20  # what is in memory at a time


def write(ds: xr.Dataset, path: Path, name: str) -> None:
    """Write images, spectra, axis and attributes of a stack to a group, in whole chunks, slab by slab; `name` is not kept."""
    images = [image for image in IMAGES if image in ds]
    dims, shape = tuple(map(str, ds[images[0]].dims)), ds[images[0]].shape
    group = create_group(
        path,
        dims,
        shape,
        ds["wavenumber"].values,
        {image: ds[image].dtype for image in images},
        spectra={word: ds[word].values for word in SPECTRA if word in ds},
        steps=steps_of(ds),
        attrs={"status": "complete", **record_of(ds)},
    )
    for image in images:
        array = cast("zarr.Array[Any]", group[image])
        for region in slabs(shape, ds[image].dtype.itemsize):
            spans = dict(zip(dims, region, strict=True))
            array[tuple(spans[dim] for dim in disk_dims(dims))] = bands_first(np.asarray(ds[image].data[region]), dims)


def steps_of(ds: xr.Dataset) -> dict[str, float]:
    """Pixel steps in µm, by dimension."""
    return {dim: float(ds[dim][1] - ds[dim][0]) for dim in PIXEL_DIMS if dim in ds.coords and ds.sizes[dim] > 1}


def record_of(ds: xr.Dataset) -> dict[str, Any]:
    """Attributes of a stack as plain values that fit in JSON."""
    record: dict[str, Any] = json.loads(json.dumps(dict(ds.attrs), default=_plain))
    return record


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def slabs(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[slice, ...]]:
    """Cut ([t,] [z,] y, x, W) into slabs that begin and end on the borders of chunks."""
    *leading, rows, columns, points = shape
    tiles = max(1, _SLAB_BYTES // (TILE[0] * TILE[1] * points * itemsize))
    spans = [range(0, size, 1) for size in leading] + [range(0, rows, TILE[0]), range(0, columns, tiles * TILE[1])]
    extent = [1 for _ in leading] + [TILE[0], tiles * TILE[1]]
    for corner in product(*spans):
        yield (*(slice(at, min(at + length, size)) for at, length, size in zip(corner, extent, shape, strict=False)), slice(0, points))
