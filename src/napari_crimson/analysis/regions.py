"""Mean spectra of labelled regions, with their standard deviation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from dask.array.core import slices_from_chunks
from numpy.typing import ArrayLike, NDArray

from napari_crimson.analysis.corrected import spectra_of
from napari_crimson.errors import CrimsonError
from napari_crimson.spectra import float_spectra

__all__ = ["region_spectra"]

Moments = NDArray[np.float64]


def region_spectra(result: xr.Dataset, labels: ArrayLike, /, *, progress: Callable[[float], object] | None = None) -> xr.Dataset:
    """Average the spectra of each labelled region; a block without labels is not read.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    labels : array_like of int, shape ([T,] [Z,] Y, X) or (Y, X)
        Number of the region that a pixel belongs to, 0 for none, as napari's Labels are. (Y, X) holds in every plane.
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    xarray.Dataset
        Along ``region``, in the order of the numbers, and ``wavenumber``: ``mean`` and ``sd`` (of a sample, NaN of one pixel),
        float64, and ``pixels``, of how many; values that are not finite, and saturated pixels, are left out.

    Raises
    ------
    CrimsonError
        If the labels are of another shape or no whole numbers, or mark no pixel.
    """
    lazy, axis = spectra_of(result)
    marked = np.asarray(labels)
    if marked.dtype.kind not in "iub":
        raise CrimsonError(f"labels of type {marked.dtype}: give whole numbers, 0 where a pixel belongs to no region")
    if marked.shape not in (lazy.shape[:-1], lazy.shape[-3:-1]):
        raise CrimsonError(
            f"labels of shape {marked.shape} for pixels of {lazy.shape[:-1]}; give one for each pixel, or for each of a plane"
        )
    regions = np.unique(marked[marked > 0]).astype(np.int64)
    if not regions.size:
        raise CrimsonError("the labels mark no pixel: all are 0")
    marked = np.broadcast_to(marked, lazy.shape[:-1])
    moments: Moments = np.zeros((3, regions.size, axis.size))
    blocks = list(slices_from_chunks(lazy.chunks))  # type: ignore[no-untyped-call]
    for done, block in enumerate(blocks):
        if progress is not None:
            progress(done / len(blocks))
        inside = marked[block[:-1]]
        if (inside > 0).any():
            _add(moments, regions, inside.ravel(), float_spectra(lazy[block].compute()).reshape(-1, axis.size))
    return _spectra(moments, regions, axis, result.attrs)


def _add(moments: Moments, regions: NDArray[np.int64], labels: NDArray[Any], spectra: NDArray[np.float32]) -> None:
    """Add count, sum and sum of squares of some spectra (N, W) to those of their regions."""
    for number in np.intersect1d(regions, labels):
        values = spectra[labels == number].astype(np.float64)
        finite = np.isfinite(values)
        values = np.where(finite, values, 0.0)
        moments[:, np.searchsorted(regions, number)] += finite.sum(axis=0), values.sum(axis=0), (values**2).sum(axis=0)


def _spectra(moments: Moments, regions: NDArray[np.int64], axis: NDArray[np.float64], attrs: dict[Any, Any]) -> xr.Dataset:
    count, total, squares = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        sd = np.sqrt(np.maximum(squares - total * mean, 0.0) / (count - 1))
    sd[count < 2] = np.nan
    dims = ("region", "wavenumber")
    note = f"mean and standard deviation of {regions.size} regions"
    return xr.Dataset(
        {"mean": (dims, mean), "sd": (dims, sd), "pixels": (dims, count.astype(np.int64))},
        {"region": regions, "wavenumber": ("wavenumber", axis, {"units": "1/cm"})},
        {"source": attrs.get("source", ""), "history": [*attrs.get("history", ()), note]},
    )
