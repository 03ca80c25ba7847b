"""Figures of merit of corrected spectra against a truth, as the field gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError

__all__ = ["count_lines", "coverage", "score"]


def score(truth: ArrayLike, prediction: ArrayLike, /) -> dict[str, float]:
    """Compare spectra with their truth, spectrum by spectrum.

    With t the truth and p the prediction of a spectrum, sums and means over its W points:

    - MSE = mean (p − t)²
    - R² = 1 − Σ (p − t)² / Σ (t − mean t)²
    - Pearson's r = Σ (p − mean p)(t − mean t) / √(Σ (p − mean p)² · Σ (t − mean t)²)

    and over all spectra at once

    - nRMSE = √(Σ (p − t)² / Σ t²)
    - slope = Σ p t / Σ t², the factor by which peaks come out too high

    Parameters
    ----------
    truth, prediction : array_like, shape (..., W)
        In the same units; whole stacks will do, spectra last.

    Returns
    -------
    dict
        ``mse_mean``, ``mse_median``, ``nrmse``, ``r2_median``, ``r_median``, ``r_p5`` (fifth percentile),
        ``r_over_98`` (share of r > 0.98), ``slope``, ``spectra`` (how many were compared), ``left_out``
        (spectra with a value that is not finite on either side). R² and r are undefined where the
        truth is constant: such spectra are left out of these alone, and a constant prediction has r = 0.
        A figure of no spectrum is NaN.

    Raises
    ------
    CrimsonError
        If the shapes differ or there is no spectral axis.
    """
    t, p = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if t.shape != p.shape or t.ndim == 0 or t.size == 0:
        raise CrimsonError(f"truth of shape {t.shape} and prediction of shape {p.shape}: give two of the same shape, spectra last")
    t, p = t.reshape(-1, t.shape[-1]), p.reshape(-1, p.shape[-1])
    sound = np.isfinite(t).all(axis=1) & np.isfinite(p).all(axis=1)
    t, p = t[sound], p[sound]

    error = ((p - t) ** 2).sum(axis=1)
    power = (t**2).sum()
    r2, r = _r2_and_r(t, p, error)
    return {
        "mse_mean": _reduce(np.mean, error / t.shape[1]),
        "mse_median": _reduce(np.median, error / t.shape[1]),
        "nrmse": float(np.sqrt(error.sum() / power)) if power > 0 else float("nan"),
        "r2_median": _reduce(np.median, r2),
        "r_median": _reduce(np.median, r),
        "r_p5": _reduce(lambda values: np.percentile(values, 5), r),
        "r_over_98": _reduce(lambda values: np.mean(values > 0.98), r),
        "slope": float((p * t).sum() / power) if power > 0 else float("nan"),
        "spectra": float(sound.sum()),
        "left_out": float((~sound).sum()),
    }


def count_lines(
    truth: NDArray[Any], prediction: NDArray[Any], wavenumber: NDArray[Any], *, prominence: float = 0.015, tolerance_cm1: float = 4.0
) -> dict[str, float]:
    """Count lines found, missed and invented, as Vernuccio et al., Sci. Rep. (2024) do.

    Parameters
    ----------
    truth, prediction : ndarray, shape (N, W)
        In the same units.
    wavenumber : ndarray, shape (W,)
        Ascending, cm⁻¹.
    prominence : float
        What a local maximum must rise above its surroundings to count, relative to the largest |truth| of its spectrum
        (absolute where that spectrum is empty).
    tolerance_cm1 : float
        How far a predicted line may lie from a true one. Each counts once.

    Returns
    -------
    dict
        ``found``, ``missed`` and ``invented``, lines a spectrum on average.
    """
    from scipy.signal import find_peaks

    found = missed = invented = 0
    for t, p in zip(truth, prediction, strict=True):
        least = prominence * (float(np.abs(t).max()) or 1.0)
        # an edge is no obstacle: a line at the very end of the axis counts as well
        true, seen = (wavenumber[find_peaks(np.pad(y, 1, constant_values=min(0.0, y.min())), prominence=least)[0] - 1] for y in (t, p))
        hits = _pairs(true, seen, tolerance_cm1)
        found, missed, invented = found + hits, missed + len(true) - hits, invented + len(seen) - hits
    n = max(1, len(truth))
    return {"found": found / n, "missed": missed / n, "invented": invented / n}


def coverage(truth: NDArray[Any], mean: NDArray[Any], sd: NDArray[Any]) -> dict[str, float]:
    """Share of points whose truth lies within one and two of the given deviations; arrays of one shape."""
    beyond = np.abs(mean - truth) / sd
    return {"within_1sd": float((beyond <= 1).mean()), "within_2sd": float((beyond <= 2).mean())}


def _pairs(true: NDArray[Any], seen: NDArray[Any], tolerance: float) -> int:
    """How many pairs can be made of two ascending lists within `tolerance`."""
    i = j = pairs = 0
    while i < len(true) and j < len(seen):
        if abs(true[i] - seen[j]) <= tolerance:
            i, j, pairs = i + 1, j + 1, pairs + 1
        elif true[i] < seen[j]:
            i += 1
        else:
            j += 1
    return pairs


def _r2_and_r(
    t: NDArray[np.float64], p: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R² and Pearson's r of each pair of rows (N, W) whose truth is not constant."""
    varied = np.ptp(t, axis=1) > 0
    a = t[varied] - t[varied].mean(axis=1, keepdims=True)
    b = p[varied] - p[varied].mean(axis=1, keepdims=True)
    spread_t, spread_p = (a**2).sum(axis=1), (b**2).sum(axis=1)
    product = np.sqrt(spread_t * spread_p)
    r = np.divide((a * b).sum(axis=1), product, out=np.zeros_like(product), where=product > 0)
    return 1 - error[varied] / spread_t, r


def _reduce(figure: Callable[[NDArray[np.float64]], np.floating], values: NDArray[np.float64]) -> float:
    return float(figure(values)) if values.size else float("nan")
