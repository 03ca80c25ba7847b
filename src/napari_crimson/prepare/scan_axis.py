"""The axis of a scan that brings none: from two lines that are known, or from the wavelengths of its beams."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import find_peaks

from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.axis import shift_from_wavelengths
from napari_crimson.stack import check_axis

__all__ = ["KNOWN_LINES", "RANGE_CM1", "axis_from_beams", "axis_from_lines", "check_scan_axis", "nearest_maximum"]

Float64 = NDArray[np.float64]

RANGE_CM1 = (-2000.0, 10_000.0)  # of any Raman shift: spectrographs see some beyond the probe, and no line lies as high
_PROMINENT = 0.01  # of the height of a spectrum: less is noise

# Raman shifts in cm⁻¹ of what is put under a microscope to calibrate it: polystyrene and cyclohexane after ASTM E1840;
# DMSO after W. N. Martens et al., J. Raman Spectrosc. 33, 84 (2002), doi:10.1002/jrs.827
KNOWN_LINES: dict[str, tuple[float, ...]] = {
    "polystyrene": (620.9, 1001.4, 1031.8, 1602.3, 2904.5, 3054.3),
    "cyclohexane": (801.3, 1028.3, 1266.4, 1444.4, 2852.9, 2923.8, 2938.3),
    "DMSO": (667.0, 698.0, 2913.0, 2995.0),
}


def axis_from_lines(lines: Mapping[float, float], points: int, /) -> Float64:
    """Make an even axis through two known lines.

    Parameters
    ----------
    lines : mapping of float to float
        The plane at which a line appears, counted from 0, parts of planes allowed; and the line's Raman shift in cm⁻¹.
    points : int
        Planes.

    Returns
    -------
    ndarray, shape (points,)
        Falling, where the scan went downwards.

    Raises
    ------
    CrimsonError
        If there are not two lines, they lie on one plane or have one shift, or the axis would leave `RANGE_CM1`.
    """
    if len(lines) != 2:
        raise CrimsonError(f"known lines on {len(lines)} of two planes: give two lines, on two planes")
    (first, one), (second, other) = sorted((float(plane), float(shift)) for plane, shift in lines.items())
    if not np.isfinite([first, one, second, other]).all() or first < 0 or second > points - 1:
        raise CrimsonError(f"lines on planes {first:g} and {second:g}: give planes from 0 to {points - 1}, and shifts in cm⁻¹")
    if one == other:
        raise CrimsonError(f"both lines are at {one:g} cm⁻¹: give two that differ")
    axis = one + (np.arange(points) - first) * (other - one) / (second - first)
    return check_scan_axis(axis, points)


def axis_from_beams(points: int, /, *, pump_nm: ArrayLike, stokes_nm: ArrayLike) -> Float64:
    """Make the axis of a scan from its wavelengths: ``10⁷/pump − 10⁷/Stokes``.

    Parameters
    ----------
    points : int
        Planes.
    pump_nm, stokes_nm : array_like
        One wavelength of a beam that stays; first and last of one tuned in even steps of wavelength; or one for each plane.
        Of a spectrograph, the wavelengths that it sees and that of the probe.

    Returns
    -------
    ndarray, shape (points,)
        Raman shift in cm⁻¹ in the order of the planes; not quite even, where the wavelengths are.

    Raises
    ------
    CrimsonError
        If neither beam is tuned, one has another number of wavelengths, the pump is the longer, or the axis would turn or leave
        `RANGE_CM1`.
    """
    pump, stokes = (_each_plane(beam, points) for beam in (pump_nm, stokes_nm))
    if np.array_equal(pump, stokes):
        raise CrimsonError(f"both wavelengths are {pump[0]:g} nm: no Raman shift lies between them; give two that differ")
    shift = shift_from_wavelengths(pump, stokes)
    if points > 1 and np.ptp(shift) == 0:
        raise CrimsonError("neither wavelength changes from plane to plane: give first and last of one, or one for each plane")
    return check_scan_axis(shift, points)


def check_scan_axis(axis: ArrayLike, points: int, /) -> Float64:
    """Give `axis` (points,) back if it can be the axis of a scan: of this length, finite, rising or falling, within `RANGE_CM1`.

    Raises
    ------
    CrimsonError
        If it cannot.
    """
    values = np.asarray(axis, dtype=np.float64)
    if values.ndim != 1 or values.size != points:
        raise CrimsonError(f"{values.size} values for {points} planes: give one for each plane")
    if points > 1 and np.ptp(values) == 0:
        raise CrimsonError(f"every plane would be at {values[0]:g} cm⁻¹: give a first and a last that differ")
    check_axis(values, points, source="this axis")
    low, high = RANGE_CM1
    if values.min() < low or values.max() > high:
        raise CrimsonError(
            f"the axis would go from {values[0]:.6g} to {values[-1]:.6g} cm⁻¹: check it, a Raman shift lies from {low:g} to {high:g}"
        )
    return values


def nearest_maximum(spectrum: ArrayLike, at: float, /) -> float:
    """Plane of the local maximum of a spectrum (W,) that lies nearest to the plane `at`, or `at` where there is none.

    Between the planes it is taken from the parabola through the three highest points.
    """
    values = np.asarray(spectrum, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nanmin(values, initial=np.inf) if np.isfinite(values).any() else 0.0)
    found, _ = find_peaks(values, prominence=max(_PROMINENT * float(np.ptp(values)), np.finfo(float).tiny))
    if not found.size:
        return float(np.clip(at, 0, values.size - 1))
    peak = int(found[np.abs(found - at).argmin()])
    left, middle, right = values[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    return peak + (float(0.5 * (left - right) / bend) if bend < 0 else 0.0)


def _each_plane(beam_nm: ArrayLike, points: int) -> Float64:
    """Wavelengths (points,) of a beam that stays, is tuned evenly, or is given for each plane."""
    beam = np.atleast_1d(np.asarray(beam_nm, dtype=np.float64))
    if beam.ndim != 1 or beam.size not in (1, 2, points):
        raise CrimsonError(f"{beam.size} wavelengths for {points} planes: give one, first and last, or one for each plane")
    return np.linspace(beam[0], beam[-1], points) if beam.size < points else beam
