"""Baselines of many spectra at once: asymmetric least squares on a coarse grid of knots.

A baseline has no structure finer than a knot, so it is sought there: `knot_operators` carries
spectra (N, W) to K knots and back, `asymmetric_baseline` finds the smooth curves beneath (K, N),
all abreast (P. H. C. Eilers, Anal. Chem. 75, 3631 (2003); the asymmetric weights: P. H. C.
Eilers and H. F. M. Boelens, 2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.sparse import csr_array

__all__ = ["asymmetric_baseline", "knot_operators"]

Float64 = NDArray[np.float64]

MAX_ROUNDS = 60  # five to twenty are usual; the weights of noisy spectra settle last


def knot_operators(points: int, knots: int, /, *, average: bool = True) -> tuple[csr_array, Float64]:
    """Matrices that carry spectra to evenly spaced knots, and a curve on the knots back to all points by a cubic spline.

    Parameters
    ----------
    points, knots : int
        W and K, 4 ≤ K ≤ W. The outer knots lie on the outer points.
    average : bool
        Take around each knot the mean, weighted by a triangle that ends at its neighbours. It quiets
        noise, which would pull an asymmetric baseline down. False: the cubic spline's value at the knot.

    Returns
    -------
    csr_array, shape (K, W), float64
        ``sample @ spectra.T`` are the values at the knots, shape (K, N).
    ndarray, shape (W, K), float64
        ``spread @ curves`` are the values at the points.
    """
    at_points = np.arange(points, dtype=np.float64)
    at_knots = np.linspace(0.0, points - 1.0, knots)
    if average:
        sample = np.maximum(0.0, 1.0 - np.abs(at_knots[:, None] - at_points) / at_knots[1])
        sample /= sample.sum(axis=1, keepdims=True)
    else:
        sample = make_interp_spline(at_points, np.eye(points))(at_knots)
    return csr_array(sample), make_interp_spline(at_knots, np.eye(knots))(at_points)


def asymmetric_baseline(signals: Float64, /, *, smoothness: float, asymmetry: float) -> Float64:
    """Minimise Σ w (s − b)² + smoothness · Σ (second difference of b)², with w = `asymmetry` where s ≥ b, else 1 − `asymmetry`.

    The minimum is unique. The weights take two values, so the rounds end exactly, once none
    changes. Every signal is solved by itself: its answer does not depend on its neighbours.

    Parameters
    ----------
    signals : ndarray, shape (K, N)
        One signal a column, so that a step down the knots is one step through memory; K ≥ 3.
    smoothness : float
        Above 0; the baseline bends over about (smoothness / w)^¼ knots.
    asymmetry : float
        Between 0 and 1; small values let the baseline run beneath peaks.

    Returns
    -------
    ndarray, shape (K, N), float64
    """
    s = np.ascontiguousarray(signals)
    baseline = _solve_penalised(np.ones_like(s), s, smoothness)
    above = s >= baseline
    active = np.arange(s.shape[1])
    for _ in range(MAX_ROUNDS):
        b = _solve_penalised(np.where(above, asymmetry, 1.0 - asymmetry), s, smoothness)
        baseline[:, active] = b
        above, before = s >= b, above
        moving = (above != before).any(axis=0)
        if not moving.any():
            break
        active, s, above = active[moving], s[:, moving], above[:, moving]
    return baseline


def _solve_penalised(weights: Float64, s: Float64, smoothness: float) -> Float64:
    """Solve (diag(w) + smoothness · DᵀD) b = w s for every column of w and s (K, N); D is the second difference.

    LDLᵀ of a matrix with two diagonals beside the main one, walking down the knots with all spectra
    abreast. `below1` and `below2` are the diagonals of L. Two rows of zeros behind the last knot
    stand for the neighbours it lacks, and, as rows −1 and −2, for those of the first.
    """
    main, first, second = _penalty_diagonals(s.shape[0], smoothness)
    padding = ((0, 2), (0, 0))
    b = np.pad(weights * s, padding)
    d = weights + main[:, None]
    below1, below2 = np.zeros_like(b), np.zeros_like(b)
    u = np.zeros_like(s[0])  # below1 times d, of the knot before
    for i in range(s.shape[0]):
        d[i] -= below1[i - 1] * u + second[i - 2] * below2[i - 2]
        b[i] -= below1[i - 1] * b[i - 1] + below2[i - 2] * b[i - 2]
        u = first[i] - second[i - 1] * below1[i - 1]
        np.divide(u, d[i], out=below1[i])
        np.divide(second[i], d[i], out=below2[i])
    b[:-2] /= d
    for i in range(s.shape[0] - 2, -1, -1):
        b[i] -= below1[i] * b[i + 1] + below2[i] * b[i + 2]
    return b[:-2]


def _penalty_diagonals(knots: int, smoothness: float) -> tuple[Float64, Float64, Float64]:
    """Diagonals 0, 1 and 2 of smoothness · DᵀD, the latter two ending in zeros: length K, K and K."""
    d = np.diff(np.eye(knots), n=2, axis=0)
    penalty = smoothness * (d.T @ d)
    return np.diag(penalty), np.append(np.diag(penalty, 1), 0.0), np.append(np.diag(penalty, 2), [0.0, 0.0])
