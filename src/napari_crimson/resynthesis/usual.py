"""What the residuals of a stack usually look like, and how far a pixel is from that.

No remover is perfect: what it leaves over is, in the strong lines of every sound pixel, more than noise. So the residuals of a
sample of pixels are learnt first: their usual shape and spread, and the few spectra along which they vary (a principal
component analysis of the calmest pixels). Everything is told by medians, which a minority of odd pixels does not move.
A pixel is then seen in ten ways, and how far it lies above the median of the stack in each makes one figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

__all__ = ["PARTS", "Usual", "learn"]

Float64 = NDArray[np.float64]

WINDOWS = (1, 3, 8, 20, 50)  # bands: from a cosmic ray to a broad misfit
SLOW = (8, 50)  # bands: means over these are squared and averaged, for what is small in each band but everywhere
PARTS = ("whole", "rest", "component", *(f"window of {window}" for window in WINDOWS), *(f"slow {window}" for window in SLOW))
MOST_COMPONENTS = 30
CALM = 0.8  # share of the pixels, those of smallest residuals, that the components are learnt from
SD_OF_MAD = 1.4826
LEAST_SCALE = 0.3  # of the noise: an answer that follows the noise leaves less, and what little it leaves tells nothing


@dataclass(frozen=True, eq=False, kw_only=True)
class Usual:
    """The usual residuals of a stack, in standard deviations of the noise.

    Attributes
    ----------
    centre, scale : ndarray, shape (W,)
        Median and spread of each band.
    vectors : ndarray, shape (W, K)
        Unit spectra along which residuals vary by more than noise.
    score_centre, score_scale : ndarray, shape (K,)
    rest_scale : ndarray, shape (W,)
        Spread of each band of what the vectors leave.
    median, spread : ndarray, shape (P,)
        Of the logarithm of each part: its median, and from there to the upper quartile.
    """

    centre: Float64
    scale: Float64
    vectors: Float64
    score_centre: Float64
    score_scale: Float64
    rest_scale: Float64
    median: Float64
    spread: Float64

    def unusual(self, residuals: Float64) -> Float64:
        """Distance (N,) of the parts of residuals (N, W) above their medians, in spreads: the root of the sum of squares."""
        above = np.maximum((_log_parts(residuals, self) - self.median) / self.spread, 0)
        distance: Float64 = np.sqrt((above**2).sum(axis=1))
        return distance


def learn(residuals: Float64) -> Usual:
    """Learn what is usual from the residuals (N, W) of some hundred pixels or more."""
    centre = np.median(residuals, axis=0)
    scale = np.maximum(_spread(residuals - centre), LEAST_SCALE)
    scaled = (residuals - centre) / scale
    vectors = _components(scaled)
    scores = scaled @ vectors
    score_centre = np.median(scores, axis=0)
    rest = scaled - scores @ vectors.T
    first = Usual(
        centre=centre,
        scale=scale,
        vectors=vectors,
        score_centre=score_centre,
        score_scale=np.maximum(_spread(scores - score_centre), LEAST_SCALE),
        rest_scale=np.maximum(_spread(rest), LEAST_SCALE),
        median=np.zeros(len(PARTS)),
        spread=np.ones(len(PARTS)),
    )
    median, upper = np.quantile(_log_parts(residuals, first), [0.5, 0.75], axis=0)
    return Usual(**{**first.__dict__, "median": median, "spread": np.maximum(upper - median, 1e-3)})


def _log_parts(residuals: Float64, usual: Usual) -> Float64:
    """Logarithm of the parts (N, P): mean squares, largest score, largest and mean square of the windows' means."""
    scaled = (residuals - usual.centre) / usual.scale
    scores = scaled @ usual.vectors
    rest = (scaled - scores @ usual.vectors.T) / usual.rest_scale
    largest = np.abs((scores - usual.score_centre) / usual.score_scale).max(axis=1, initial=1.0)
    means = {window: uniform_filter1d(rest, min(window, rest.shape[1]), axis=1) for window in WINDOWS}
    peaks = [np.abs(means[window]).max(axis=1) for window in WINDOWS]
    slow = [(means[window] ** 2).mean(axis=1) for window in SLOW]
    # squares and amplitudes alike: the distances are in spreads of each
    parts = np.stack([(residuals**2).mean(axis=1), (rest**2).mean(axis=1), largest, *peaks, *slow], axis=1)
    logarithm: Float64 = np.log(np.maximum(parts, 1e-12))
    return logarithm


def _components(scaled: Float64) -> Float64:
    """Unit vectors (W, K) along which the calm part of scaled residuals (N, W) varies by more than noise."""
    strength = (scaled**2).mean(axis=1)
    calm = scaled[strength <= np.quantile(strength, CALM)]
    pixels, points = calm.shape
    values, vectors = np.linalg.eigh(calm.T @ calm / pixels)
    # the largest eigenvalue of noise alone: V. A. Marchenko and L. A. Pastur (1967)
    noise = np.median(values[-min(pixels, points) :]) * (1 + np.sqrt(points / pixels)) ** 2
    kept = int(min((values > 2.5 * noise).sum(), MOST_COMPONENTS, pixels // 10))
    lead: Float64 = vectors[:, ::-1][:, :kept]
    return lead


def _spread(values: Float64) -> Float64:
    """Standard deviation of columns centred on zero, by the median of their sizes."""
    spread: Float64 = SD_OF_MAD * np.median(np.abs(values), axis=0)
    return spread
