"""N-FINDR: the purest pixels of a stack as its components.

M. E. Winter, Proc. SPIE 3753, 266 (1999): where every pixel is a mixture of K components with shares that sum to one, the pixels fill a
simplex with the pure ones at its corners, and among all choices of K pixels those span the largest volume.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["purest_spectra"]

Float64 = NDArray[np.float64]

_MAX_ROUNDS = 50
_LARGER = 1 + 1e-9


def purest_spectra(spectra: Float64, components: int, /, *, progress: Callable[[float], object] | None = None) -> Float64:
    """Find the purest pixels, as they are in the space of the leading principal components.

    It begins with the pixels that each lie furthest from those before (H. Ren and C.-I. Chang, IEEE Trans. Aerosp. Electron.
    Syst. 39, 1232, 2003), so that nothing is random, and exchanges one corner at a time while the volume grows.

    Parameters
    ----------
    spectra : ndarray, shape (N, W)
        Finite, N ≥ K.
    components : int
        K.
    progress : callable, optional
        Called with 0 to 1; whatever it raises ends the search.

    Returns
    -------
    ndarray, shape (K, W), float64
        Noise that is not in the K − 1 leading principal components is left out.
    """
    mean = spectra.mean(axis=0)
    centred = spectra - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, : components - 1]
    scores = centred @ axes
    lifted = np.column_stack([np.ones(len(scores)), scores])  # the volume is a determinant of these
    corners = _furthest(scores, components)
    for turn in range(_MAX_ROUNDS):
        if progress is not None:
            progress(turn / _MAX_ROUNDS)
        before = corners.copy()
        for corner in range(components):
            volumes = np.abs(lifted @ _cofactors(lifted[corners], corner))
            best = int(volumes.argmax())
            if volumes[best] > _LARGER * volumes[corners[corner]]:
                corners[corner] = best
        if (corners == before).all():
            break
    found: Float64 = mean + scores[corners] @ axes.T
    return found


def _furthest(scores: Float64, components: int) -> NDArray[np.int64]:
    """Pixels that each lie furthest from the plane through those chosen before."""
    chosen = [int((scores**2).sum(axis=1).argmax())]
    rest = scores - scores[chosen[0]]
    for _ in range(components - 1):
        distance = (rest**2).sum(axis=1)
        furthest = int(distance.argmax())
        chosen.append(furthest)
        if distance[furthest] > 0:
            direction = rest[furthest] / np.sqrt(distance[furthest])
            rest = rest - np.outer(rest @ direction, direction)
    return np.array(chosen)


def _cofactors(corners: Float64, row: int) -> Float64:
    """Weights (K,) with which any point in the place of a row gives the determinant of `corners` (K, K), up to its sign."""
    others = np.delete(corners, row, axis=0)
    return np.array([(-1) ** column * np.linalg.det(np.delete(others, column, axis=1)) for column in range(corners.shape[1])])
