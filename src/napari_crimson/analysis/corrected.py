"""What all of the analysis shares: which image of a stack it works on, and the record of what was done."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.stack import as_stack

__all__ = ["pixel_coords", "pixel_image", "spectra_of", "variable_of"]


def variable_of(result: xr.Dataset) -> str:
    """Name of the image that is analysed: ``raman``, or ``cars`` where there is none.

    Raises
    ------
    CrimsonError
        If it has neither.
    """
    for name in ("raman", "cars"):
        if name in result:
            return name
    raise CrimsonError(f"the dataset has variables {list(result)}, expected 'raman', as remove_background gives it")


def spectra_of(result: xr.Dataset) -> tuple[da.Array, NDArray[np.float64]]:
    """Spectra (..., W) of the image that is analysed, as dask with whole spectra in every chunk, and their axis (W,) in cm⁻¹."""
    stack = as_stack(result[variable_of(result)])
    return stack["cars"].data, stack["wavenumber"].values


def pixel_coords(result: xr.Dataset) -> dict[Hashable, Any]:
    """Coordinates of the pixels, where the stack has them."""
    dims = result[variable_of(result)].dims[:-1]
    return {dim: result[dim] for dim in dims if dim in result.coords}


def pixel_image(result: xr.Dataset, values: Any, name: str, note: str, attrs: Mapping[str, Any]) -> xr.DataArray:
    """Make an image of one value a pixel, which carries where it is from and how it was made."""
    dims = result[variable_of(result)].dims[:-1]
    record = {"source": result.attrs.get("source", ""), "history": [*result.attrs.get("history", ()), note]}
    return xr.DataArray(values, pixel_coords(result), dims, name=name, attrs={**attrs, **record})
