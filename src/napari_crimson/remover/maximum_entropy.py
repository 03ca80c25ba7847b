"""Maximum entropy phase retrieval, the second classical remover: slower than Kramers–Kronig, and quieter on noise.

E. M. Vartiainen, J. Opt. Soc. Am. B 9, 1209 (1992); E. M. Vartiainen, H. A. Rinia, M. Müller and M. Bonn, Opt. Express 14,
3622 (2006). The line shape S = I/I_ref, taken for the power spectrum of a series about which nothing is known but its first
M autocorrelations, is modelled by the spectrum of largest entropy that has them: one of M poles, S ≈ β / |A|². The phase of
1/A* is that of the response, but for a slow error, which `phase_retrieval` takes out as for Kramers–Kronig. The two agree where
there is no noise (M. T. Cicerone, K. A. Aamer, Y. J. Lee and E. Vartiainen, J. Raman Spectrosc. 43, 637 (2012)).

The amplitude stays the measured √S: the model's own is the same where poles are many, and worse where they are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_crimson.errors import CrimsonError
from napari_crimson.remover.phase_retrieval import Float64, PhaseRetrieval, Plan, RetrievalSettings
from napari_crimson.remover.spectral_filters import HilbertTransform

__all__ = ["MEMSettings", "MaximumEntropy", "levinson_durbin", "maximum_entropy_phase"]

Complex128 = NDArray[np.complex128]

LOADING = 1e-9  # of the mean of S, added to it throughout: bounds the condition of the equations, far below any noise


@dataclass(frozen=True, kw_only=True)
class MEMSettings(RetrievalSettings):
    """Choices of the maximum entropy retrieval: those of `RetrievalSettings`, and the poles.

    Attributes
    ----------
    poles_per_point : float
        Poles M of the model over points W of the spectrum. Fewer give a smoother phase, in less time, and broaden
        narrow lines.
    padding : int
        Lengths of the spectrum over which its edge values are held, half of it on either side, for the series is periodic.
        More asks for more poles.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    poles_per_point: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.poles_per_point <= 1:
            raise CrimsonError(f"poles_per_point {self.poles_per_point}: give a number above 0 and up to 1, such as 0.5")


class MaximumEntropy(PhaseRetrieval):
    """Maximum entropy phase retrieval with phase-error and scale correction, as a remover."""

    name = "mem"
    batch_values = 2**17  # the rows of a batch abreast keep the recursion in the cache
    settings: MEMSettings

    def __init__(self, settings: MEMSettings | None = None) -> None:
        self.settings = settings or MEMSettings()

    def phase(self, log_amplitude: Float64, plan: Plan) -> Float64:
        """Phase of the model of the line shape (N, W)."""
        s = self.settings
        poles = max(1, round(s.poles_per_point * log_amplitude.shape[1]))
        return maximum_entropy_phase(np.exp(2.0 * log_amplitude), poles=poles, padding=s.padding)


def maximum_entropy_phase(line_shape: Float64, /, *, poles: int, padding: int = 1) -> Float64:
    """Phase of the maximum entropy model of line shapes.

    Parameters
    ----------
    line_shape : ndarray, shape (N, W), float64
        S = I/I_ref on an ascending axis, above 0.
    poles : int
        M, at least 1; of a spectrum of L points with its padding, at most (L − 1)/2 are used.
    padding : int
        Lengths of the spectrum over which the edge values are held, half of it on either side. The model is periodic; without
        padding it would join the two edges. Vartiainen's squeezing by K is the same with `padding` = 2 K.

    Returns
    -------
    ndarray, shape (N, W), float64
        In radians, continuous along the spectrum, positive at peaks; zero on average over the padded spectrum.
    """
    points = line_shape.shape[1]
    before, length = points * padding // 2, points * (1 + padding)
    padded = np.pad(line_shape, ((0, 0), (before, length - points - before)), mode="edge")
    lags = fft.rfft(padded, axis=1)[:, : min(poles, (length - 1) // 2) + 1].conj()
    lags[:, 0] *= 1.0 + LOADING
    model = fft.fft(levinson_durbin(np.ascontiguousarray(lags.T)).T, length, axis=1)
    # A has no zero outside the unit circle, so that its phase is the Hilbert transform of its logarithm, on this grid good to a
    # fraction of a turn: it tells which of the angles, 2π apart, is meant, also where they turn too fast to be unwrapped
    angle = np.angle(model)
    turns = np.rint((_circular_hilbert(length)(-np.log(np.abs(model))) - angle) / (2 * np.pi))
    phase: Float64 = (angle + 2 * np.pi * turns)[:, before : before + points]
    return phase


def levinson_durbin(lags: Complex128, /) -> Complex128:
    """Prediction-error filters of many autocorrelations, all abreast.

    Solves Σ_k a_k C_{j−k} = 0 for j = 1 … M, with a_0 = 1 and C_{−k} the conjugate of C_k (N. Levinson, J. Math. Phys. 25, 261
    (1946); J. Durbin, Rev. Inst. Int. Stat. 28, 233 (1960)).

    Parameters
    ----------
    lags : ndarray, shape (M + 1, N), complex128
        Autocorrelations C_0 … C_M, one series a column, positive definite.

    Returns
    -------
    ndarray, shape (M + 1, N), complex128
        Coefficients a_0 … a_M.
    """
    filters = np.zeros_like(lags)
    filters[0] = 1.0
    mirrored = np.empty_like(lags)
    error = lags[0].real.copy()
    for order in range(1, len(lags)):
        reflection = np.einsum("mn,mn->n", filters[:order], lags[order:0:-1])
        reflection /= -error
        mirror = np.conjugate(filters[order - 1 :: -1], out=mirrored[:order])
        mirror *= reflection
        filters[1 : order + 1] += mirror
        error *= 1.0 - (reflection.real**2 + reflection.imag**2)
    return filters


@lru_cache(maxsize=4)
def _circular_hilbert(points: int) -> HilbertTransform:
    return HilbertTransform(points, padding=0)
