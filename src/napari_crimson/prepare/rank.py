"""Noise of each band and the number of components worth keeping, from the Gram matrix of a stack alone.

A component pays its way when it brings more signal than noise. For white noise of known strength that is the hard
threshold of M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014). Photon noise is not white along a
spectrum, so its strength is found band by band: what the components that pay leave over, found in turn with them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

__all__ = ["band_noise", "components_that_pay", "principal_axes"]

Float64 = NDArray[np.float64]

MOST_TURNS = 6  # at the edge of paying a component may come and go for ever
LEAST_NOISE = 1e-6  # of a band's own level: below it lies rounding, not noise


def principal_axes(gram: Float64) -> tuple[Float64, Float64]:
    """Eigenvalues (W,), falling and not negative, and unit eigenvectors (W, W) in columns of a Gram matrix (W, W).

    The sign of a vector is free; here its largest entry is positive, so that runs can be compared.
    """
    values, vectors = eigh(gram)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    peaks = vectors[np.abs(vectors).argmax(axis=0), np.arange(values.size)]
    return values, vectors * np.where(peaks < 0, -1.0, 1.0)


def band_noise(gram: Float64, pixels: int) -> Float64:
    """Standard deviation of the noise in each band (W,), of the Gram matrix (W, W) of `pixels` spectra.

    It starts from the roughness along the spectrum, which is never too low on average, and in each turn takes what is
    left when the components that pay are removed, until their number stays.
    """
    level = np.sqrt(np.maximum(np.diag(gram), 0) / pixels)
    least = LEAST_NOISE * np.where(level > 0, level, max(level.max(), 1.0))
    noise = np.maximum(_roughness(gram, pixels), least)
    kept = -1
    for _ in range(MOST_TURNS):
        values, vectors = principal_axes(gram / np.outer(noise, noise))
        found = components_that_pay(values, vectors, pixels, np.ones_like(noise))
        lead = vectors[:, :found]
        left = np.diag(gram) / noise**2 - (lead**2) @ values[:found]
        free = np.maximum(pixels - found, 1) * np.maximum(1 - (lead**2).sum(axis=1), 1e-3)
        noise = np.maximum(noise * np.sqrt(np.maximum(left, 0) / free), least)
        if found == kept:
            break
        kept = found
    return noise


def components_that_pay(values: Float64, vectors: Float64, pixels: int, noise: Float64) -> int:
    """Number of leading components with more signal than noise, at least 1.

    Parameters
    ----------
    values, vectors : ndarray, shapes (W,) and (W, W)
        From `principal_axes`.
    pixels : int
        Spectra that went into the Gram matrix.
    noise : ndarray, shape (W,)
        Standard deviation of the noise of each band, in the units of the Gram matrix.
    """
    small, large = sorted((pixels, noise.size))
    beta = small / large
    threshold = 2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1))
    pays = values > threshold * large * (noise**2 @ vectors**2)
    return max(1, int(np.argmin(np.append(pays, False))))


def _roughness(gram: Float64, pixels: int) -> Float64:
    """Standard deviation (W,) of the second difference along the spectrum, as if it were all noise."""
    size = len(gram)
    if size < 3:
        return np.sqrt(np.diag(gram) / pixels)
    d = np.diag(gram)
    next_, after = np.diag(gram, 1), np.diag(gram, 2)
    square = d[:-2] + 4 * d[1:-1] + d[2:] - 4 * next_[:-1] - 4 * next_[1:] + 2 * after
    rough: Float64 = np.sqrt(np.maximum(np.pad(square, 1, mode="edge"), 0) / (6 * pixels))
    return rough
