"""What all steps share: the intensities as dask, the record in the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.stack import as_stack

__all__ = ["changed", "finite_spectrum", "lazy_cars", "map_spectra"]


def lazy_cars(ds: xr.Dataset) -> da.Array:
    """Intensities (..., W) of a stack as dask, whole spectra in every chunk, also where the stack has been loaded."""
    cars: da.Array = as_stack(ds)["cars"].data
    return cars


def map_spectra(
    function: Callable[..., NDArray[Any]], *cars: da.Array, points: int | None = None, dtype: DTypeLike = np.float32
) -> da.Array:
    """Apply a function of blocks (..., W) lazily; `points` is the length of what it gives instead, 0 for one value a pixel."""
    chunks = cars[0].chunks[:-1] if points == 0 else (*cars[0].chunks[:-1], (points or cars[0].shape[-1],))
    drop = cars[0].ndim - 1 if points == 0 else None
    meta = np.empty((0,) * len(chunks), dtype)
    mapped: da.Array = da.map_blocks(function, *cars, dtype=dtype, meta=meta, chunks=chunks, drop_axis=drop)  # type: ignore[no-untyped-call]
    return mapped


def changed(ds: xr.Dataset, note: str, **variables: Any) -> xr.Dataset:
    """Copy of a stack with `variables` replaced, a value of None dropped, and `note` at the end of its history.

    Intensities keep dims and attrs; the other values are whatever `xarray.Dataset.assign` takes.
    """
    dropped = [name for name, value in variables.items() if value is None and name in ds]
    new = {name: value for name, value in variables.items() if value is not None}
    if "cars" in new and not isinstance(new["cars"], xr.DataArray | tuple):
        new["cars"] = (ds["cars"].dims, new["cars"], ds["cars"].attrs)
    return ds.drop_vars(dropped).assign(new).assign_attrs(history=[*ds.attrs.get("history", ()), note])


def finite_spectrum(ds: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Spectrum `name` (W,) of a stack; one that is not finite would reach every pixel.

    Raises
    ------
    CrimsonError
        If a value is not finite.
    """
    values = np.asarray(ds[name].values, dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        at = ds["wavenumber"].values[bad][0]
        raise CrimsonError(
            f"the {name} holds {bad.sum()} values that are not finite, the first at {at:g} cm⁻¹; "
            f"mend it, or leave it out: ds.drop_vars({name!r})"
        )
    return values
