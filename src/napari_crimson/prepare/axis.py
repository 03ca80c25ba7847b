"""The spectral axis: crop, resample, calibrate; wavelengths and wavenumbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline

from napari_crimson.carried import recorded
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import changed, finite_spectrum, lazy_cars, map_spectra
from napari_crimson.spectra import float_spectra
from napari_crimson.stack import check_axis

__all__ = ["calibrate_axis", "crop", "replace_axis", "resample", "shift_from_wavelengths", "wavelength_from_shift"]

Float64 = NDArray[np.float64]


def shift_from_wavelengths(short_nm: ArrayLike, long_nm: ArrayLike, /) -> Float64:
    """Raman shift in cm⁻¹ between two wavelengths in nm: pump and Stokes, or anti-Stokes and probe.

    ``10⁷/short − 10⁷/long``; either may be an array, such as the tuned beam or the pixels of a spectrometer.

    Raises
    ------
    CrimsonError
        If a wavelength is not positive, or the shift negative throughout.
    """
    short, long = np.asarray(short_nm, dtype=np.float64), np.asarray(long_nm, dtype=np.float64)
    for values in (short, long):
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise CrimsonError(f"wavelengths from {values.min():g} to {values.max():g}: give nm, finite and above 0")
    shift = np.asarray(1e7 / short - 1e7 / long)
    if (shift < 0).all():
        raise CrimsonError(f"{short.min():g} nm is longer than {long.max():g} nm: give the shorter first, pump then Stokes")
    return shift


def wavelength_from_shift(shift_cm1: ArrayLike, long_nm: float, /) -> Float64:
    """Wavelength in nm that lies `shift_cm1` above `long_nm` in energy: the inverse of `shift_from_wavelengths`.

    Raises
    ------
    CrimsonError
        If a wavelength would not be positive.
    """
    energy = 1e7 / long_nm + np.asarray(shift_cm1, dtype=np.float64) if long_nm > 0 else np.zeros(1)
    if not (energy > 0).all():
        raise CrimsonError(f"no wavelength lies at these shifts from {long_nm:g} nm: give nm above 0, and shifts in cm⁻¹")
    return np.asarray(1e7 / energy)


@recorded
def replace_axis(ds: xr.Dataset, wavenumber: ArrayLike) -> xr.Dataset:
    """Give a stack another axis (W,) in cm⁻¹, in the order of its present one; one that falls is turned, with the data.

    Raises
    ------
    CrimsonError
        If the axis has another length, is not finite, or not monotonic.
    """
    axis = np.asarray(wavenumber, dtype=np.float64)
    check_axis(axis, ds.sizes["wavenumber"], source=str(ds.attrs.get("source", "")))
    new = changed(ds, f"axis replaced: {axis.min():g} to {axis.max():g} cm⁻¹", wavenumber=_coordinate(axis))
    return new.isel(wavenumber=slice(None, None, -1)) if axis[0] > axis[-1] else new


@recorded
def calibrate_axis(ds: xr.Dataset, lines_cm1: Mapping[float, float], /, *, degree: int = 1) -> xr.Dataset:
    """Correct the axis by known lines.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    lines_cm1 : mapping of float to float
        Where a line appears on the present axis, and where it belongs, in cm⁻¹: two lines or more. One line shifts.
    degree : int
        Of the polynomial from the one to the other, fitted by least squares; less than the number of lines.

    Raises
    ------
    CrimsonError
        If there are too few lines, one lies off the axis, or the axis would turn.
    """
    axis = ds["wavenumber"].values
    seen, true = (np.array(list(part), dtype=np.float64) for part in (lines_cm1.keys(), lines_cm1.values()))
    if degree < 1 or seen.size <= degree:
        raise CrimsonError(f"{seen.size} lines for a polynomial of degree {degree}: give at least 2, and more than the degree")
    if not (np.isfinite(seen).all() and np.isfinite(true).all()):
        raise CrimsonError(f"lines {dict(lines_cm1)}: give finite positions in cm⁻¹")
    outside = seen[(seen < axis[0]) | (seen > axis[-1])]
    if outside.size:
        raise CrimsonError(
            f"a line at {outside[0]:g} cm⁻¹ is off the axis, {axis[0]:g} to {axis[-1]:g}: give lines where they appear on it"
        )
    fit = np.polynomial.Polynomial.fit(seen, true, degree, domain=[axis[0], axis[-1]])
    new = fit(axis)
    if not (np.diff(new) > 0).all():
        raise CrimsonError(f"through lines {dict(lines_cm1)} the axis would turn: check the pairs, or lower degree={degree}")
    worst = np.abs(fit(seen) - true).max()
    note = f"axis calibrated by {seen.size} lines, degree {degree}: {new[0]:g} to {new[-1]:g} cm⁻¹, lines within {worst:.2g}"
    return changed(ds, note, wavenumber=_coordinate(new))


@recorded
def crop(ds: xr.Dataset, first_cm1: float, last_cm1: float, /) -> xr.Dataset:
    """Keep a part of the axis, ends included.

    Raises
    ------
    CrimsonError
        If no band lies there.
    """
    axis = ds["wavenumber"].values
    inside = np.flatnonzero((axis >= first_cm1) & (axis <= last_cm1))
    if inside.size == 0:
        raise CrimsonError(f"no band lies from {first_cm1:g} to {last_cm1:g} cm⁻¹: the axis goes from {axis[0]:g} to {axis[-1]:g}")
    kept = ds.isel(wavenumber=slice(int(inside[0]), int(inside[-1]) + 1))
    return changed(kept, f"cropped to {first_cm1:g} to {last_cm1:g} cm⁻¹: {inside.size} of {axis.size} bands")


@recorded
def resample(ds: xr.Dataset, wavenumber: ArrayLike, /) -> xr.Dataset:
    """Bring a stack, and all in it that has a spectrum, to another axis.

    A cubic spline through the bands; a new point that stands for more than one of them takes the mean of the
    spline over its share of the axis, so that coarser sampling averages noise rather than drops bands.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    wavenumber : array_like, shape (V,)
        New axis in cm⁻¹, monotonic, within the present one.

    Returns
    -------
    xarray.Dataset
        Intensities float32; NaN in pixels saturated or not finite at any band.

    Raises
    ------
    CrimsonError
        If the present axis does not cover the new one, either is no axis, or dark or reference is not finite.
    """
    old, new = ds["wavenumber"].values, np.asarray(wavenumber, dtype=np.float64)
    check_axis(new, new.size)
    new = np.sort(new)
    if new.size == 0 or old.size < 2:
        raise CrimsonError(f"{old.size} bands to {new.size} points: resampling needs two bands at least, and a point")
    slack = 1e-9 * (old[-1] - old[0])
    if new[0] < old[0] - slack or new[-1] > old[-1] + slack:
        raise CrimsonError(
            f"the stack covers {old[0]:g} to {old[-1]:g} cm⁻¹, not {new[0]:g} to {new[-1]:g}: nothing is invented, give an axis within"
        )
    operator = _resampling(old, np.clip(new, old[0], old[-1]))
    variables: dict[str, Any] = {}
    for name, value in ds.data_vars.items():
        if name == "cars" or (value.ndim > 1 and value.dims[-1] == "wavenumber"):
            data = map_spectra(partial(_apply, operator=operator), lazy_cars(ds.assign(cars=value)), points=new.size)
            variables[str(name)] = (value.dims, data, value.attrs)
        elif value.dims == ("wavenumber",):
            variables[str(name)] = (value.dims, finite_spectrum(ds, str(name)) @ operator, value.attrs)
    rest = ds.drop_vars([*variables, "wavenumber"]).assign_coords(wavenumber=_coordinate(new))
    return changed(rest.assign(variables), f"resampled from {old.size} bands to {new.size}: {new[0]:g} to {new[-1]:g} cm⁻¹")


def _resampling(old: Float64, new: Float64) -> Float64:
    """Matrix (W, V) that takes spectra (N, W) on `old` to `new`."""
    spline = make_interp_spline(old, np.eye(old.size), k=min(3, old.size - 1))
    middle = (new[1:] + new[:-1]) / 2
    left, right = np.concatenate([new[:1], middle]), np.concatenate([middle, new[-1:]])
    left[0], right[-1] = 2 * new[0] - right[0], 2 * new[-1] - left[-1]
    left, right = np.clip(left, old[0], old[-1]), np.clip(right, old[0], old[-1])
    step = np.interp(new, old, np.gradient(old))
    rows = spline(new)
    wide = right - left > 1.001 * step
    total = spline.antiderivative()
    rows[wide] = (total(right[wide]) - total(left[wide])) / (right - left)[wide, None]
    operator: Float64 = rows.T.copy()
    return operator


def _apply(block: NDArray[Any], operator: Float64) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):  # an infinity times nothing
        result: NDArray[np.float32] = float_spectra(block) @ operator.astype(np.float32)
    return result


def _coordinate(axis: Float64) -> xr.DataArray:
    return xr.DataArray(axis, dims="wavenumber", attrs={"units": "1/cm"})
