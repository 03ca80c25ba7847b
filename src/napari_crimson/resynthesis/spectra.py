"""Re-synthesis: from Im χ_R/χ_NR back to the CARS intensity, and what is left of the measured one.

The real part of ρ = χ_R/χ_NR belongs to its imaginary part r by Kramers–Kronig, so r alone gives the line shape
|1 + ρ|² (C. H. Camp Jr, Y. J. Lee and M. T. Cicerone, J. Raman Spectrosc. 47, 408 (2016)). The measured intensity divided
by it is the excitation, which all pixels of a stack share but for a factor: the power, the square of χ_NR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from napari_crimson.errors import CrimsonError
from napari_crimson.prepare import NoiseModel
from napari_crimson.remover.spectral_filters import HilbertTransform
from napari_crimson.stack import check_axis

__all__ = [
    "CheckSettings",
    "Float64",
    "admissible",
    "fit_excitation",
    "fit_noise",
    "intensity_ratio",
    "levels",
    "residuals",
    "standard_deviation",
]

Float64 = NDArray[np.float64]

FEWEST_POINTS = 16
ROUNDS = 3  # of levels and excitation in turn; they settle in two
TAIL = 20.0  # beyond the ends an answer falls to 1/e over this fraction of the axis
LEAST_RATIO = 1e-3  # of |1 + ρ|²: a deeper dip is none that a detector would show
LEAST_NOISE = 1e-3  # of the intensity: photon noise of a million electrons, more than any camera holds
LEVELS = 30  # at which the noise is looked up
MEDIAN_SQUARE = 0.4549  # of a standard normal variable


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """Choices of the physics check.

    Attributes
    ----------
    resolution_cm1 : float
        Full width at half maximum below which nothing in an answer can be a line: answers are smoothed over it.
    edge : float
        Share of the axis that is left out at either end, where lines beyond it bend the real part.
    limit : float
        Distance from the usual, as `usual.Usual.unusual` gives it, at which a pixel becomes suspicious: ``distrust`` is 1 there.
    noise : NoiseModel, optional
        Of the camera; by default it is estimated from the counts.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    resolution_cm1: float = 10.0
    edge: float = 0.02
    limit: float = 10.0
    noise: NoiseModel | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.resolution_cm1 < np.inf:
            raise CrimsonError(f"resolution_cm1 {self.resolution_cm1}: give the width of the narrowest line in cm⁻¹, 0 to smooth nothing")
        if not 0 <= self.edge <= 0.25:
            raise CrimsonError(f"edge {self.edge}: give the share of the axis to leave out at either end, 0 to 0.25")
        if not 0 < self.limit < np.inf:
            raise CrimsonError(f"limit {self.limit}: give a number above 0, such as 10")


def intensity_ratio(raman: ArrayLike, /) -> Float64:
    """Line shape |1 + ρ|² of spectra r = Im ρ = Im χ_R/χ_NR.

    Parameters
    ----------
    raman : array_like, shape (N, W)
        Finite, on an ascending axis. Beyond its ends they are thought to fall off over a twentieth of its length, so that a
        line there bends the first and last bands; see `CheckSettings.edge`.

    Returns
    -------
    ndarray, shape (N, W), float64
    """
    imaginary = np.asarray(raman, dtype=np.float64)
    points = imaginary.shape[1]
    beyond = np.exp(-np.arange(1, points // 2 + 1) * (TAIL / points))
    padded = np.concatenate([imaginary[:, :1] * beyond[::-1], imaginary, imaginary[:, -1:] * beyond], axis=1)
    real = -HilbertTransform(padded.shape[1])(padded)[:, beyond.size : beyond.size + points]
    ratio: Float64 = np.maximum((1 + real) ** 2 + imaginary**2, LEAST_RATIO)
    return ratio


def admissible(raman: NDArray[np.floating], points: float, /) -> Float64:
    """Spectra (N, W) as they could be: nothing narrower than `points` (full width at half maximum), nothing negative.

    An answer that explains away a cosmic ray or a line of another phase does so with what this takes from it.
    """
    r = raman.astype(np.float64)
    sigma = points / 2.3548
    return np.maximum(gaussian_filter1d(r, sigma, axis=1, mode="nearest") if sigma > 0.3 else r, 0.0)


def levels(quotient: Float64, excitation: Float64) -> Float64:
    """Factor (N, 1) between spectra I/|1 + ρ|² (N, W) and the excitation (W,): the median over the bands."""
    level: Float64 = np.median(quotient / excitation, axis=1, keepdims=True)
    return level


def fit_excitation(quotient: Float64) -> Float64:
    """Excitation (W,) that spectra I/|1 + ρ|² (N, W) share, positive: medians, so that a few odd pixels do not count."""
    mean = quotient.mean(axis=1, keepdims=True)
    excitation = _positive(np.median(quotient[mean[:, 0] > 0] / mean[mean > 0][:, None], axis=0))
    for _ in range(ROUNDS):
        level = levels(quotient, excitation)
        lit = level[:, 0] > 0
        excitation = _positive(np.median(quotient[lit] / level[lit], axis=0))
    return excitation


def fit_noise(spectra: Float64) -> NoiseModel:
    """Gain and read noise of counts (N, W): the variance of their second difference along the axis, a line in the light.

    Lines are smooth from band to band and few; the median over many bands of the same light does not see them.
    """
    rough = (spectra[:, :-2] - 2 * spectra[:, 1:-1] + spectra[:, 2:]) ** 2 / 6
    light = (spectra[:, :-2] + spectra[:, 1:-1] + spectra[:, 2:]) / 3
    borders = np.quantile(light, np.linspace(0, 1, LEVELS + 1)[1:-1])
    where = np.digitize(light, borders).ravel()
    there = [where == level for level in range(LEVELS)]
    pairs = np.array([(np.median(light.ravel()[t]), np.median(rough.ravel()[t]) / MEDIAN_SQUARE) for t in there if t.any()])
    mean, variance = pairs.T
    variance = np.maximum(variance, (LEAST_NOISE * np.abs(mean).max()) ** 2 * 1e-3)
    # relative weights; a slope or an offset below zero is no noise
    design = np.stack([mean, np.ones_like(mean)], axis=1) / variance[:, None]
    gain, offset = np.linalg.lstsq(design, np.ones_like(mean), rcond=None)[0]
    if gain <= 0:
        gain, offset = 1e-6 * np.median(variance) / max(np.median(mean), 1e-12), np.median(variance)
    return NoiseModel(gain=float(max(gain, 1e-12)), read_noise=float(np.sqrt(max(offset, 0.0))))


def standard_deviation(expected: Float64, noise: NoiseModel) -> Float64:
    """Standard deviation of counts whose mean is `expected` (N, W)."""
    variance = noise.gain * np.maximum(expected, 0) + noise.read_noise**2
    sd: Float64 = np.sqrt(np.maximum(variance, (LEAST_NOISE * expected) ** 2))
    return np.maximum(sd, 1e-12)


def residuals(
    spectra: ArrayLike,
    raman: ArrayLike,
    wavenumber: ArrayLike,
    reference: ArrayLike | None = None,
    *,
    order: int = 4,
    noise: NoiseModel | None = None,
) -> Float64:
    """What is left of measured spectra when the intensity of an answer is subtracted, in standard deviations of the noise.

    Parameters
    ----------
    spectra : array_like, shape (N, W)
        CARS intensities, dark subtracted.
    raman : array_like, shape (N, W)
        The answer, r = Im χ_R/χ_NR.
    wavenumber : array_like, shape (W,)
        Raman shift in cm⁻¹, ascending.
    reference : array_like, shape (W,), optional
        Spectrum of a non-resonant sample, dark subtracted: taken for the excitation; else that is fitted to all spectra
        together, which takes many of them.
    order : int
        Degree of the polynomial that the logarithm of the excitation may differ by from pixel to pixel; 0 is the power alone.
    noise : NoiseModel, optional
        By default estimated from the spectra.

    Returns
    -------
    ndarray, shape (N, W), float64
        About 1 on average where answer and noise explain the spectrum; NaN in pixels where either is not finite.

    Raises
    ------
    CrimsonError
        If shapes do not fit, the axis falls, or the reference is not positive.
    """
    counts, r, axis = (np.asarray(values, dtype=np.float64) for values in (spectra, raman, wavenumber))
    if counts.ndim != 2 or counts.shape != r.shape:
        raise CrimsonError(f"spectra of shape {counts.shape} and an answer of shape {r.shape}: give both as (pixels, wavenumbers)")
    check_axis(axis, counts.shape[1])
    if axis.size < FEWEST_POINTS or axis[0] > axis[-1]:
        raise CrimsonError(f"an axis of {axis.size} points from {axis[0]:g}: the check takes {FEWEST_POINTS} or more, ascending")
    left = np.full(counts.shape, np.nan)
    sound = np.isfinite(counts).all(axis=1) & np.isfinite(r).all(axis=1) & (counts.mean(axis=1) > 0)
    if not sound.any():
        return left
    counts = counts[sound]
    ratio = intensity_ratio(r[sound])
    if reference is None:
        excitation = fit_excitation(counts / ratio)
    else:
        excitation = np.asarray(reference, dtype=np.float64)
        if excitation.shape != axis.shape or not (excitation > 0).all():
            raise CrimsonError(
                f"a reference of shape {excitation.shape}: give {axis.shape}, above 0 in every band (cut off those without light)"
            )
    expected = _drifting(counts, ratio * excitation, order)
    left[sound] = (counts - expected) / standard_deviation(expected, noise or fit_noise(counts))
    return left


def _drifting(counts: Float64, shape: Float64, order: int) -> Float64:
    """Shapes (N, W) times the polynomial of `order` that brings each nearest to its counts, weighted by the light."""
    basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, counts.shape[1]), order)
    shape = shape * (counts.mean(axis=1, keepdims=True) / shape.mean(axis=1, keepdims=True))
    weights = np.maximum(shape, 1e-3 * shape.mean(axis=1, keepdims=True))  # 1 / variance of counts / shape is its square by the counts
    normal = np.einsum("nw,wi,wj->nij", weights, basis, basis, optimize=True)
    right = np.einsum("nw,wi->ni", weights * counts / shape, basis)
    expected: Float64 = shape * (np.linalg.solve(normal, right[..., None])[..., 0] @ basis.T)
    return expected


def _positive(curve: Float64) -> Float64:
    """Keep a curve (W,) above zero, where noise in the dark would make it cross."""
    return np.maximum(curve, 1e-4 * max(float(curve.max()), 1e-12))
