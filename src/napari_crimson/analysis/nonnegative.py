"""Least squares with no negative answers, for many spectra abreast.

J. Kim and H. Park, SIAM J. Sci. Comput. 33, 3261 (2011): block principal pivoting. All spectra are solved together, each
with its own set of components that are not zero; few rounds do, and no loop over pixels is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["nonnegative_least_squares", "shares_of"]

Float64 = NDArray[np.float64]

_MAX_ROUNDS = 200  # three to ten are usual
_PATIENCE = 3  # whole exchanges that may bring nothing before one component is exchanged at a time
_SLAB = 8192  # spectra solved together: some MB
_RIDGE = 1e-12  # keeps the answer unique where two components are the same
_SUM = 1e5  # weight of the sum rule against that of the spectra


def shares_of(spectra: NDArray[np.floating], components: Float64, *, sum_to_one: bool = False) -> Float64:
    """How much of each component is in each spectrum.

    Parameters
    ----------
    spectra : ndarray, shape (N, W)
        Finite.
    components : ndarray, shape (K, W)
        Spectra of the components.
    sum_to_one : bool
        Hold the shares of each spectrum to a sum of 1, as D. C. Heinz and C.-I. Chang do (IEEE Trans. Geosci. Remote Sens. 39, 529, 2001):
        by one more equation of a large weight.

    Returns
    -------
    ndarray, shape (N, K), float64
        None negative.
    """
    gram, projected = components @ components.T, spectra @ components.T
    if sum_to_one:
        weight = _SUM * max(float(np.trace(gram)) / len(gram), np.finfo(float).tiny)
        gram, projected = gram + weight, projected + weight
    slabs = [_solve(gram, projected[start : start + _SLAB].astype(np.float64)) for start in range(0, len(spectra), _SLAB)]
    return np.concatenate(slabs) if slabs else np.empty((0, len(components)))


def nonnegative_least_squares(a: Float64, b: Float64) -> Float64:
    """Minimise ‖a x − b‖² with x ≥ 0, for each column of b (M, N) with the same a (M, K); x is (K, N)."""
    return shares_of(b.T, a.T).T


def _solve(gram: Float64, projected: Float64) -> Float64:
    """Minimise ½ x·G·x − x·h with x ≥ 0 for each row h of `projected` (N, K)."""
    pixels, components = projected.shape
    gram = gram + _RIDGE * (np.trace(gram) / components + np.finfo(float).tiny) * np.eye(components)
    free = np.zeros((pixels, components), dtype=bool)  # components that are not held at zero
    x, slope = np.zeros_like(projected), -projected
    least = np.full(pixels, components + 1)
    patience = np.full(pixels, _PATIENCE)
    small = 1e-10 * np.abs(projected).max(axis=1, keepdims=True)
    for _ in range(_MAX_ROUNDS):
        wrong = (free & (x * gram.diagonal() < -small)) | (~free & (slope < -small))
        count = wrong.sum(axis=1)
        at = np.flatnonzero(count)
        if not at.size:
            break
        better = count[at] < least[at]
        patience[at] = np.where(better, _PATIENCE, patience[at] - 1)
        least[at] = np.minimum(least[at], count[at])
        single = at[patience[at] < 0]  # exchange the last component alone: slower, but it always ends
        last = components - 1 - wrong[single, ::-1].argmax(axis=1)
        wrong[single] = False
        wrong[single, last] = True
        free[at] ^= wrong[at]
        x[at], slope[at] = _on_free(gram, projected[at], free[at])
    return np.maximum(x, 0.0)


def _on_free(gram: Float64, projected: Float64, free: NDArray[np.bool_]) -> tuple[Float64, Float64]:
    """Solve for the free components of each row, and give the slope towards the others."""
    both = free[:, :, None] & free[:, None, :]
    matrices = np.where(both, gram, np.eye(len(gram)))
    x = np.linalg.solve(matrices, np.where(free, projected, 0.0)[..., None])[..., 0]
    return x, np.where(free, 0.0, x @ gram - projected)
