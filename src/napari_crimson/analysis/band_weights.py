"""A band as weights of the points of the axis: its mean or area, less a line through two anchors, is one sum over a spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_crimson.analysis.band_names import Band
from napari_crimson.errors import CrimsonError

__all__ = ["BandBaseline", "BandValue", "Weights", "band_weights"]

BandValue = Literal["mean", "area"]
BandBaseline = Literal["linear"] | tuple[float, float] | None
Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Weights:
    """``spectra[..., part] @ values`` is the value of the band; points outside of `part` have no weight."""

    part: slice
    values: Float64


def band_weights(axis: Float64, band: Band, *, value: BandValue = "mean", baseline: BandBaseline = None) -> Weights:
    """Make the weights of a band.

    Parameters
    ----------
    axis : ndarray, shape (W,)
        Ascending, cm⁻¹.
    band : Band
        Where it is narrower than a step of the axis, the nearest point is taken.
    value : {"mean", "area"}
        Each point counts for the part of the axis around it, so that uneven axes are taken as they are; the area is in
        values times cm⁻¹.
    baseline : "linear", (float, float) or None
        A line through two anchors in cm⁻¹, below the band, is subtracted; ``"linear"`` puts them half a width outside of its edges.
        An anchor is the mean over half the width of the band.

    Raises
    ------
    CrimsonError
        If the centre or an anchor lies outside of the axis, the anchors do not enclose the centre, or a choice is unknown.
    """
    if value not in get_args(BandValue):
        raise CrimsonError(f"value '{value}': give one of {', '.join(get_args(BandValue))}")
    weights = _around(axis, band.centre_cm1, band.width_cm1, f"band {band}")
    if value == "mean":
        weights /= weights.sum()
    if baseline is not None:
        weights -= _line_below(axis, weights, band, baseline)
    used = np.flatnonzero(weights)
    part = slice(int(used[0]), int(used[-1]) + 1)
    return Weights(part=part, values=weights[part])


def _line_below(axis: Float64, weights: Float64, band: Band, baseline: BandBaseline) -> Float64:
    """Weights (W,) of what the line through the anchors gives the band."""
    if baseline == "linear":
        first, last = band.centre_cm1 - band.width_cm1, band.centre_cm1 + band.width_cm1
    elif isinstance(baseline, tuple) and len(baseline) == 2:
        first, last = sorted(map(float, baseline))
    else:
        raise CrimsonError(f"baseline {baseline!r}: give 'linear', two anchors in cm⁻¹ such as (2830, 2870), or None")
    if not first < band.centre_cm1 < last:
        raise CrimsonError(f"anchors at {first:g} and {last:g} cm⁻¹ do not enclose the band {band}; give one below it and one above")
    left, right = (_around(axis, anchor, band.width_cm1 / 2, f"anchor of {band},") for anchor in (first, last))
    left, right = left / left.sum(), right / right.sum()
    at_left, at_right = left @ axis, right @ axis
    if at_left == at_right:
        raise CrimsonError(f"anchors at {first:g} and {last:g} cm⁻¹ fall on the same point of the axis; put them further apart")
    share = (axis - at_left) / (at_right - at_left)
    line: Float64 = (weights @ (1 - share)) * left + (weights @ share) * right
    return line


def _around(axis: Float64, centre: float, width: float, what: str) -> Float64:
    """Part of the axis (W,), in cm⁻¹, that each point around a centre stands for; 0 elsewhere."""
    if not axis[0] <= centre <= axis[-1]:
        raise CrimsonError(f"{what} at {centre:g} cm⁻¹ lies outside of the axis; give one from {axis[0]:.6g} to {axis[-1]:.6g}")
    cell = np.gradient(axis) if axis.size > 1 else np.ones(1)
    inside = np.abs(axis - centre) <= width / 2
    if not inside.any():
        inside[np.abs(axis - centre).argmin()] = True
    return np.where(inside, cell, 0.0)
