"""Counts that are no light of the sample: the dark, an offset left over; and the noise of a measured reference."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.signal import savgol_filter

from napari_crimson.carried import recorded
from napari_crimson.errors import CrimsonError, DamagedError
from napari_crimson.prepare.step import changed, finite_spectrum, lazy_cars, map_spectra
from napari_crimson.spectra import float_spectra, sound_pixels

__all__ = ["check_dark", "smooth_reference", "subtract_dark", "subtract_offset"]

Values = NDArray[np.float32]


def check_dark(ds: xr.Dataset, dark: NDArray[np.float64], /) -> None:
    """Check that a dark (W,) is not brighter than a stack.

    Raises
    ------
    CrimsonError
        Unless most pixels of the middle row, the only part that is read, are brighter on average. Pixels without a spectrum
        (saturated, not finite or nowhere positive) have no say.
    """
    cars = lazy_cars(ds)
    try:
        row = float_spectra(cars[tuple(size // 2 for size in cars.shape[:-2])].compute())
    except DamagedError:
        return  # the removal names the place
    level = row[sound_pixels(row)].mean(axis=-1, dtype=np.float64)
    if level.size and np.median(level) <= dark.mean():
        raise CrimsonError(
            f"the dark ({dark.mean():g} counts on average) is brighter than the data (median {np.median(level):g}): "
            "it belongs to another exposure, or was subtracted already; leave it out or give the right one"
        )


@recorded
def subtract_dark(ds: xr.Dataset, dark: ArrayLike | None = None) -> xr.Dataset:
    """Subtract the dark counts from the intensities and from the reference.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    dark : array_like, shape (W,), or float, optional
        Counts without light, on the axis of the stack; by default its own `dark`.

    Returns
    -------
    xarray.Dataset
        Without `dark`, so that nothing subtracts it again; intensities float32, NaN in saturated pixels, negative where
        the noise is larger than the light: nothing is clipped, as that would lift the mean.

    Raises
    ------
    CrimsonError
        If there is no dark, it does not fit or is not finite, or it is brighter than the data. That is judged by the
        middle row of pixels, the only part that is read.
    """
    if dark is None and "dark" not in ds:
        raise CrimsonError("the stack has no dark of its own: give dark=, a spectrum of counts or one number")
    given = np.asarray(ds["dark"].values if dark is None else dark, dtype=np.float64)
    points = ds.sizes["wavenumber"]
    if given.shape not in ((), (points,)):
        raise CrimsonError(f"a dark of shape {given.shape} for spectra of {points} points; give ({points},) or one number")
    counts = np.broadcast_to(given, points)
    if not np.isfinite(counts).all():
        raise CrimsonError(f"the dark holds {(~np.isfinite(counts)).sum()} values that are not finite; mend it or leave it out")
    check_dark(ds, counts)
    cars = map_spectra(partial(_subtract, counts=counts.astype(np.float32)), lazy_cars(ds))
    reference = ("wavenumber", ds["reference"].values - counts) if "reference" in ds else None
    return changed(ds, f"dark subtracted ({counts.mean():g} counts on average)", cars=cars, reference=reference, dark=None)


@recorded
def subtract_offset(ds: xr.Dataset, *, counts: float | None = None, region_cm1: tuple[float, float] | None = None) -> xr.Dataset:
    """Subtract a residual offset from the intensities; the reference keeps its own.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack, its dark subtracted.
    counts : float, optional
        The same for all pixels.
    region_cm1 : (float, float), optional
        Part of the axis that no light reaches: in each pixel its mean is subtracted.

    Returns
    -------
    xarray.Dataset
        Intensities float32, NaN in saturated pixels.

    Raises
    ------
    CrimsonError
        If not exactly one of the two is given, the number is not finite, or no band lies in the region.
    """
    if (counts is None) == (region_cm1 is None):
        raise CrimsonError(f"counts={counts}, region_cm1={region_cm1}: give one of them, the offset or the dark part of the axis")
    if counts is not None and not np.isfinite(counts):
        raise CrimsonError(f"counts={counts}: give a finite number, the offset")
    if region_cm1 is None:
        offset, said = partial(_subtract, counts=np.float32(counts)), f"{counts:g} counts"
    else:
        axis = ds["wavenumber"].values
        inside = (axis >= min(region_cm1)) & (axis <= max(region_cm1))
        said = f"the mean over {min(region_cm1):g} to {max(region_cm1):g} cm⁻¹ in each pixel"
        if not inside.any():
            raise CrimsonError(f"no band lies in {said[14:-14]}: the axis goes from {axis[0]:g} to {axis[-1]:g} cm⁻¹")
        offset = partial(_subtract_mean, inside=inside)
    cars = map_spectra(offset, lazy_cars(ds))
    return changed(ds, f"offset subtracted: {said}", cars=cars)


@recorded
def smooth_reference(ds: xr.Dataset, *, window_cm1: float = 60.0, order: int = 2) -> xr.Dataset:
    """Smooth the measured reference with a moving polynomial (Savitzky and Golay, Anal. Chem. 36, 1627 (1964)).

    A reference has no narrow lines, but noise that every corrected pixel would share.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack with a reference.
    window_cm1 : float
        Width of the window; taken on the average step of the axis.
    order : int
        Degree of the polynomial.

    Raises
    ------
    CrimsonError
        If there is no reference or it is not finite, or the window holds too few points for the polynomial or more than the axis has.
    """
    if "reference" not in ds:
        raise CrimsonError("the stack has no reference to smooth; add one, ds['reference'] = ('wavenumber', counts)")
    axis, reference = ds["wavenumber"].values, finite_spectrum(ds, "reference")
    step = (axis[-1] - axis[0]) / max(1, axis.size - 1)
    window = 2 * round(window_cm1 / step / 2) + 1 if step > 0 and np.isfinite(window_cm1) else 0
    if not 0 <= order < window <= axis.size:
        raise CrimsonError(
            f"window_cm1={window_cm1:g} is {window} points of a step of {step:g} cm⁻¹: a polynomial of degree {order} needs "
            f"{order + 1} to {axis.size}; change the window or the order"
        )
    smooth = savgol_filter(reference, window, order)
    return changed(ds, f"reference smoothed over {window_cm1:g} cm⁻¹ ({window} points, order {order})", reference=("wavenumber", smooth))


def _subtract(block: NDArray[Any], counts: Any) -> Values:
    spectra = float_spectra(block)
    spectra -= counts
    return spectra


def _subtract_mean(block: NDArray[Any], *, inside: NDArray[np.bool_]) -> Values:
    spectra = float_spectra(block)
    spectra -= spectra[..., inside].mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    return spectra
