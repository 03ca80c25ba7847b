"""Images of bands, their ratios, and stacks normalised by a band or by the whole spectrum."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.analysis.band_names import BandLike, band_of
from napari_crimson.analysis.band_weights import BandBaseline, BandValue, Weights, band_weights
from napari_crimson.analysis.corrected import pixel_image, spectra_of, variable_of
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import changed, map_spectra

__all__ = ["band_image", "band_ratio", "image_noise", "least_denominator", "normalise"]

Values = NDArray[np.float32]

NOISE_FACTOR = 3.0  # a denominator below as many standard deviations of its noise tells nothing
_WHOLE = ("area", "max", "vector")


def band_image(
    result: xr.Dataset, band: BandLike, *, width_cm1: float | None = None, value: BandValue = "mean", baseline: BandBaseline = None
) -> xr.DataArray:
    """Take one band of a stack as an image.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    band, width_cm1
        As in `band_of`.
    value, baseline
        As in `band_weights`: the mean over the band, or its area, with or without a line below it.

    Returns
    -------
    xarray.DataArray, shape ([T,] [Z,] Y, X), float32
        Lazy. NaN where a point of the band is.

    Raises
    ------
    CrimsonError
        If the band is unknown or does not lie on the axis.
    """
    chosen = band_of(band, width_cm1=width_cm1)
    weights = band_weights(spectra_of(result)[1], chosen, value=value, baseline=baseline)
    note = f"{value} of the band {chosen}{_said(baseline)}"
    image = _weigh(result, weights)
    return pixel_image(result, image, chosen.title, note, {"long_name": note, "centre_cm1": chosen.centre_cm1})


def band_ratio(
    result: xr.Dataset,
    above: BandLike,
    below: BandLike,
    *,
    width_cm1: float | None = None,
    value: BandValue = "mean",
    baseline: BandBaseline = None,
    least: float | None = None,
) -> xr.DataArray:
    """Divide one band of a stack by another, pixel by pixel.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    above, below, width_cm1
        As in `band_of`.
    value, baseline
        As in `band_image`, the same for both bands.
    least : float, optional
        The ratio is NaN where the lower band is not above this value. By default that is three times the noise of its
        image (`image_noise`), for which it is computed now; 0 masks what is not positive alone.

    Returns
    -------
    xarray.DataArray, shape ([T,] [Z,] Y, X), float32
        Lazy; ``least`` is in its attrs.

    Raises
    ------
    CrimsonError
        As `band_image`, and if `least` is negative: a ratio to less than nothing means nothing.
    """
    if least is not None and not 0 <= least < np.inf:
        raise CrimsonError(f"least {least:g}: give the smallest value to divide by, 0 or more")
    top, bottom = (band_image(result, band, width_cm1=width_cm1, value=value, baseline=baseline) for band in (above, below))
    if least is None:
        bottom = bottom.compute()
        least = least_denominator(bottom.values)
    ratio = da.map_blocks(  # type: ignore[no-untyped-call]
        _divide, top.data, _as_chunked(bottom.data, top.data), least=least, dtype=np.float32
    )
    first, second = band_of(above, width_cm1=width_cm1), band_of(below, width_cm1=width_cm1)
    note = f"ratio of the bands {first} to {second}, {value}{_said(baseline)}; NaN where the latter is not above {least:.3g}"
    attrs = {"long_name": f"{first.title} / {second.title}", "least": least}
    return pixel_image(result, ratio, f"{first.title} / {second.title}", note, attrs)


def image_noise(image: NDArray[Any]) -> float:
    """Estimate the standard deviation of the noise of an image (..., Y, X) from what neighbouring pixels do not share.

    Second differences along y and x, as in J. Immerkær, Comput. Vis. Image Underst. 64, 300 (1996), but by their median, which edges
    do not move. The sample's own texture counts as noise where it is as fine as a pixel. 0 where fewer than three pixels lie in a row.
    """
    differences, variance = np.asarray(image, dtype=np.float64), 1.0
    for dim in (-2, -1):
        if differences.ndim >= -dim and differences.shape[dim] >= 3:
            differences, variance = np.diff(differences, n=2, axis=dim), 6 * variance
    found = np.abs(differences[np.isfinite(differences)])
    return float(np.median(found) / 0.6745 / np.sqrt(variance)) if variance > 1 and found.size else 0.0


def least_denominator(image: NDArray[Any]) -> float:
    """Value that an image must exceed to be divided by: three times its noise."""
    return NOISE_FACTOR * image_noise(image)


def normalise(result: xr.Dataset, by: BandLike = "area", *, width_cm1: float | None = None) -> xr.Dataset:
    """Divide each spectrum by a number of its own, so that shapes can be compared.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    by : "area", "max", "vector" or a band
        Area under the whole spectrum, in values times cm⁻¹; highest value; root of the sum of squares; or the mean over a band, as in
        `band_of`. NaN bands are left out of the first three.
    width_cm1 : float, optional
        Width of the band.

    Returns
    -------
    xarray.Dataset
        Lazy, float32; NaN in pixels whose number is not positive. An ``uncertainty`` is divided too; that of the number is not in it.

    Raises
    ------
    CrimsonError
        If the band is unknown or does not lie on the axis.
    """
    name = variable_of(result)
    lazy, axis = spectra_of(result)
    weights = None
    if isinstance(by, str) and by in _WHOLE:
        said = {"area": "its area", "max": "its highest value", "vector": "the root of its sum of squares"}[by]
    else:
        band = band_of(by, width_cm1=width_cm1)
        weights, said = band_weights(axis, band), f"its mean over {band}"
    number = partial(_number, by=str(by), weights=weights, cell=np.gradient(axis) if axis.size > 1 else np.ones(1))
    variables = {name: (result[name].dims, map_spectra(partial(_by_own, number=number), lazy), result[name].attrs)}
    if name == "raman" and "uncertainty" in result:
        spread = result["uncertainty"]
        shares = map_spectra(partial(_by_own, number=number), lazy, spread.chunk(dict(zip(spread.dims, lazy.chunks, strict=True))).data)
        variables["uncertainty"] = (spread.dims, shares, spread.attrs)
    return changed(result, f"each spectrum divided by {said}", **variables)


def _weigh(result: xr.Dataset, weights: Weights) -> da.Array:
    """Value of a band in each pixel; reads no other part of the spectra."""
    lazy, _ = spectra_of(result)
    return map_spectra(partial(_dot, values=weights.values), lazy[..., weights.part], points=0)


def _dot(block: NDArray[Any], *, values: NDArray[np.float64]) -> Values:
    used = values != 0  # NaN times 0 is NaN
    image: Values = (block[..., used].astype(np.float32) @ values[used].astype(np.float32)).astype(np.float32)
    return image


def _divide(top: Values, bottom: Values, *, least: float) -> Values:
    ratio = np.full(top.shape, np.nan, dtype=np.float32)
    np.divide(top, bottom, out=ratio, where=bottom > least)
    return ratio


def _as_chunked(image: Any, like: da.Array) -> da.Array:
    chunked: da.Array = da.asarray(image).rechunk(like.chunks)  # type: ignore[no-untyped-call]
    return chunked


def _number(spectra: Values, *, by: str, weights: Weights | None, cell: NDArray[np.float64]) -> Values:
    """What each spectrum (..., W) is divided by (...,)."""
    if weights is not None:
        return _dot(spectra[..., weights.part], values=weights.values)
    known = np.where(np.isfinite(spectra), spectra, np.float32(0))
    if by == "area":
        return np.asarray(known @ cell.astype(np.float32))
    if by == "vector":
        return np.asarray(np.linalg.norm(known, axis=-1))
    return np.asarray(known.max(axis=-1))


def _by_own(spectra: NDArray[Any], values: NDArray[Any] | None = None, *, number: Any) -> Values:
    """Divide `values`, or the spectra themselves, by the number of each spectrum."""
    divisor = number(spectra.astype(np.float32))[..., None]
    divided = np.full(spectra.shape, np.nan, dtype=np.float32)
    np.divide(spectra if values is None else values, divisor, out=divided, where=divisor > 0)
    return divided


def _said(baseline: BandBaseline) -> str:
    if baseline is None:
        return ""
    where = "at its sides" if baseline == "linear" else f"at {baseline[0]:g} and {baseline[1]:g} cm⁻¹"
    return f" above a line through anchors {where}"
