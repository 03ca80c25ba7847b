"""Two linear filters along the spectrum, by Fourier transform: the Hilbert transform and a Savitzky–Golay trend.

Each is made once for a length of spectra and then called on (N, W) of either float type. Only lags
shorter than the spectrum meet, so 2 W − 1 points of transform are enough, however far the spectrum
is thought to go on beyond its edges.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["HilbertTransform", "SavitzkyGolay"]

Float64 = NDArray[np.float64]
Float = TypeVar("Float", np.float32, np.float64)


class HilbertTransform:
    """Hilbert transform of spectra (N, W), each held constant at its edge values over `padding` lengths on either side.

    The discrete transform of the padded spectrum, −i sgn(frequency), as in C. H. Camp Jr, Y. J. Lee
    and M. T. Cicerone, J. Raman Spectrosc. 47, 408 (2016); a Lorentzian's dispersive real part gives
    its positive imaginary part on an ascending axis. What the padding adds is one known curve times
    the difference of the edges, so that no padded spectrum is ever made.
    """

    def __init__(self, points: int, padding: int = 1) -> None:
        before = points * padding
        length = points + 2 * before
        response = np.full(length // 2 + 1, -1j)
        response[0] = 0.0
        if length % 2 == 0:
            response[-1] = 0.0
        impulse = fft.irfft(response, length)
        step = np.zeros(length)
        step[before + points :] = 1.0
        self._edge = fft.irfft(fft.rfft(step) * response, length)[before : before + points]
        self._convolve = _Convolution(points, after=impulse[:points], before=-impulse[1:points])

    def __call__(self, spectra: Float64) -> Float64:
        """Transform spectra (N, W)."""
        rise = spectra - spectra[:, :1]  # a constant has no transform, so the left edge can be zero
        transform = self._convolve(rise)
        transform += rise[:, -1:] * self._edge
        return transform


class SavitzkyGolay:
    """Moving polynomial fit of spectra (N, W): `window` points, odd and ≤ W, of degree `order`.

    The outer half windows take the values of the polynomial fitted to the outermost window. A. Savitzky
    and M. J. E. Golay, Anal. Chem. 36, 1627 (1964).
    """

    def __init__(self, points: int, window: int, order: int) -> None:
        # polynomials orthonormal on the window: fitting is projecting onto them
        self._basis = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, window), order))[0].T.copy()
        half = window // 2
        taps = self._basis[:, half] @ self._basis
        self._convolve = _Convolution(points, after=taps[half:], before=taps[half + 1 :])

    def __call__(self, spectra: NDArray[Float]) -> NDArray[Float]:
        """Smooth spectra (N, W)."""
        basis = self._basis.astype(spectra.dtype)
        window, half = basis.shape[1], basis.shape[1] // 2
        trend = self._convolve(spectra)
        left, right = (np.einsum("nw,kw->nk", part, basis) for part in (spectra[:, :window], spectra[:, -window:]))
        trend[:, :half] = np.einsum("nk,kw->nw", left, basis[:, :half])
        trend[:, trend.shape[1] - half :] = np.einsum("nk,kw->nw", right, basis[:, window - half :])
        return trend


class _Convolution:
    """Convolution of spectra (N, W), zero outside, with a response at lags 0, 1, … (`after`) and −1, −2, … (`before`)."""

    def __init__(self, points: int, *, after: Float64, before: Float64) -> None:
        self._length = fft.next_fast_len(points + max(after.size - 1, before.size), real=True)
        response = np.zeros(self._length)
        response[: after.size] = after
        response[self._length - before.size :] = before[::-1]
        self._response = fft.rfft(response)

    def __call__(self, spectra: NDArray[Float]) -> NDArray[Float]:
        transform = fft.rfft(spectra, self._length, axis=1)
        transform *= self._response.astype(transform.dtype)
        result: NDArray[Float] = fft.irfft(transform, self._length, axis=1, overwrite_x=True)[:, : spectra.shape[1]]
        return result
