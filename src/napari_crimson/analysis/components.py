"""Spectra of the components of a sample: by MCR-ALS (pyMCR), by NMF and k-means (scikit-learn).

- MCR-ALS: R. Tauler, Chemom. Intell. Lab. Syst. 30, 133 (1995); pyMCR: C. H. Camp, J. Res. Natl. Inst. Stand. Technol. 124, 124018 (2019);
- NMF: D. D. Lee and H. S. Seung, Nature 401, 788 (1999); its start: C. Boutsidis and E. Gallopoulos, Pattern Recognit. 41, 1350 (2008);
- k-means: S. P. Lloyd, IEEE Trans. Inf. Theory 28, 129 (1982).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.analysis.nonnegative import nonnegative_least_squares
from napari_crimson.errors import CrimsonError

__all__ = ["clustered_spectra", "factorised_spectra", "resolved_spectra"]

Float64 = NDArray[np.float64]
Heed = Callable[[float], object]

_ROUND = 20  # iterations between two looks at progress and convergence
_TRIES = 10  # of k-means, from other starts


def factorised_spectra(spectra: Float64, components: int, *, seed: int, iterations: int, tolerance: float, progress: Heed) -> Float64:
    """Find components by NMF; what is negative counts as zero.

    Parameters
    ----------
    spectra : ndarray, shape (N, W)
        Finite.
    components : int
        K, at most the smaller of N and W.
    seed : int
        Of what starts at random.
    iterations : int
        At most.
    tolerance : float
        It ends when 20 iterations change the residual by less than this part.
    progress : callable
        Called with 0 to 1; whatever it raises ends the work.

    Returns
    -------
    ndarray, shape (K, W), float64
    """
    factorise = _need("sklearn.decomposition", "scikit-learn").non_negative_factorization
    positive = np.maximum(spectra, 0.0).astype(np.float32)  # as the stack is
    shares, found = None, None
    before, rounds = np.inf, max(1, iterations // _ROUND)
    for turn in range(rounds):
        progress(turn / rounds)
        shares, found, _ = factorise(
            positive,
            W=shares,
            H=found,
            n_components=components,
            init="nndsvda" if shares is None else "custom",
            max_iter=min(_ROUND, iterations),
            tol=0,  # else it warns at the end of each round
            random_state=seed,
        )
        error = float(np.linalg.norm(positive - shares @ found))
        if before - error <= tolerance * error:
            break
        before = error
    return np.asarray(found, dtype=np.float64)


def resolved_spectra(spectra: Float64, start: Float64, *, iterations: int, tolerance: float, progress: Heed) -> Float64:
    """Find components by MCR-ALS with no negative share and no negative spectrum, from a first guess (K, W).

    Other than NMF it sees negative noise as it is, so that it does not take its mean for signal.
    """
    mcr = _need("pymcr.mcr", "pyMCR")
    logging.getLogger("pymcr").handlers.clear()  # it writes on stdout, which is the command line's
    resolver = mcr.McrAR(
        c_regr=_NonNegative(),
        st_regr=_NonNegative(),
        c_constraints=[],
        st_constraints=[],
        max_iter=iterations,
        tol_increase=1.0,  # rounding, at the end
        tol_err_change=tolerance * float(np.mean(spectra**2)),
    )
    turn = 0

    def heed(*_: Any) -> None:
        nonlocal turn
        turn += 1
        progress(turn / iterations)

    resolver.fit(spectra, ST=start, post_iter_fcn=heed)
    return np.asarray(resolver.ST_opt_, dtype=np.float64)


def clustered_spectra(spectra: Float64, components: int, *, seed: int, iterations: int) -> Float64:
    """Find the means (K, W) of clusters of like spectra by k-means, the best of ten starts."""
    means = _need("sklearn.cluster", "scikit-learn").KMeans(components, n_init=_TRIES, max_iter=iterations, random_state=seed)
    return np.asarray(means.fit(spectra).cluster_centers_, dtype=np.float64)


class _NonNegative:
    """Regressor of pyMCR: solves a x = b; `coef_` is the answer transposed, as scikit-learn has it."""

    coef_: Float64

    def fit(self, a: Float64, b: Float64) -> None:
        self.coef_ = nonnegative_least_squares(a, b).T


def _need(module: str, package: str) -> Any:
    """Import what an extra brings."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CrimsonError(f'this needs {package}, which is not installed: pip install "napari-crimson[analysis]"') from error
