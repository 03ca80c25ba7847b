"""Which input points made a peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_crimson.errors import CrimsonError
from napari_crimson.inspect_network.spectrum import Spectrum, gradient
from napari_crimson.networks import Network

__all__ = ["Attribution", "attribute_peak"]

Array = NDArray[np.float64]

_STEPS = 64  # of the integral
_SMOOTHING_CM1 = 150.0  # standard deviation of the Gaussian that takes the lines out
_LEAST = 1e-3  # of the mean intensity: below it a logarithm is of noise


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution:
    """What made the answer at one wavenumber, `at_cm1`.

    Attributes
    ----------
    answer : ndarray, shape (W,)
        The network's answer, all of it.
    without_lines : ndarray, shape (W,)
        The intensity that the integral starts from.
    made_by : ndarray, shape (W,)
        What each input point adds to the answer at `at_cm1`; they sum to the answer there less `start`.
    gradient : ndarray, shape (W,)
        By how much the answer there changes with the logarithm of each intensity: 0.01 times it for one per cent.
    start : float
        The answer there to `without_lines`.
    half_within_cm1 : float
        Half of the sizes in `made_by` are no farther off than this.
    """

    at_cm1: float
    answer: Array
    without_lines: Array
    made_by: Array
    gradient: Array
    start: float
    half_within_cm1: float


def attribute_peak(network: Network, spectrum: Spectrum, at_cm1: float | None = None) -> Attribution:
    """Share the answer at one wavenumber among the measured intensities.

    Integrated gradients (Sundararajan, Taly and Yan, ICML 2017, arXiv:1703.01365) from the spectrum without lines to the
    spectrum as it is. Without lines means the logarithm smoothed, of the ratio to the reference if there is one; the lines
    grow in the logarithm, in which they add to the background.

    Parameters
    ----------
    network : Network
        In float32.
    spectrum : Spectrum
        Whose answer is shared out.
    at_cm1 : float, optional
        Where to look, at the nearest point; default where the answer is largest.

    Raises
    ------
    CrimsonError
        If that lies beyond the axis.
    """
    axis = spectrum.wavenumber
    if at_cm1 is not None and not axis[0] <= at_cm1 <= axis[-1]:
        raise CrimsonError(f"peak at {at_cm1:g} cm⁻¹: the axis goes from {axis[0]:.6g} to {axis[-1]:.6g}")
    with torch.no_grad():
        answer = spectrum.answers(network, spectrum.intensity)[0].double().numpy()
    index = int(np.argmax(answer) if at_cm1 is None else np.argmin(np.abs(axis - at_cm1)))

    log_cars = _log(spectrum.cars)
    log_excitation = 0.0 if spectrum.reference is None else _log(spectrum.reference)
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    log_start = gaussian_filter1d(log_cars - log_excitation, _SMOOTHING_CM1 / step, mode="mirror") + log_excitation
    share = (np.arange(_STEPS) + 0.5) / _STEPS
    way = torch.tensor(log_start + share[:, None] * (log_cars - log_start), dtype=torch.float32).requires_grad_()
    slopes = gradient(spectrum.answers(network, way.exp())[:, index], way).double().numpy()
    made_by = (log_cars - log_start) * slopes.mean(axis=0)

    ends = torch.tensor(np.stack([log_start, log_cars]), dtype=torch.float32).requires_grad_()
    at_ends = spectrum.answers(network, ends.exp())[:, index]
    distance = np.abs(axis - axis[index])
    order = np.argsort(distance)
    total = np.cumsum(np.abs(made_by[order]))
    return Attribution(
        at_cm1=float(axis[index]),
        answer=answer,
        without_lines=np.exp(log_start),
        made_by=made_by,
        gradient=gradient(at_ends, ends)[1].double().numpy(),
        start=float(at_ends[0].detach()),
        half_within_cm1=float(distance[order][np.searchsorted(total, 0.5 * total[-1])]),
    )


def _log(intensity: Array) -> Array:
    """Natural logarithm (W,), of a small share of the mean where there is no light."""
    values = intensity.astype(np.float64)
    floored: Array = np.log(np.maximum(values, _LEAST * values.clip(0).mean()))
    return floored
