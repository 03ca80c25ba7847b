"""Phase retrieval as a remover: all that Kramers–Kronig and maximum entropy share.

A retrieval takes the logarithm of the ratio of CARS to reference, finds the phase that belongs to it, each method
in its own way (`PhaseRetrieval.phase`), and with it Im χ_R/χ_NR. A reference from glass or water has another χ_NR
than the sample; the slow error this leaves in phase and scale is estimated and taken out (C. H. Camp Jr, Y. J. Lee
and M. T. Cicerone, J. Raman Spectrosc. 47, 408 (2016)). Without a reference, an asymmetric baseline of ln I stands in.

`RetrievalSettings` are the choices, `PhaseRetrieval` the remover, `Plan` what depends on the axis alone.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.priority import as_here, leave_cores
from napari_crimson.remover.base import Remover, Spectra
from napari_crimson.remover.baseline import asymmetric_baseline, knot_operators
from napari_crimson.remover.spectral_filters import HilbertTransform, SavitzkyGolay

__all__ = ["Float64", "PhaseRetrieval", "Plan", "RetrievalSettings"]

Float64 = NDArray[np.float64]

FEWEST_POINTS = 8
MOST_PADDING = 64  # more changes nothing that can be seen, and takes memory
MOST_WORKERS = 16  # bounds the memory on large machines
DARK_RATIO = 1e-3  # intensities below this share of the spectrum's level are noise; resonant dips stop at a few hundredths
TREND_RATIO = 0.1  # a trend of the real part below this share of its mean comes from a phase gone astray


@dataclass(frozen=True, kw_only=True)
class RetrievalSettings:
    """Choices of a phase retrieval.

    Attributes
    ----------
    padding : int
        Lengths of the spectrum over which its edge values are held on either side ahead of the transform.
    phase_correction : bool
        Subtract an asymmetric baseline from the phase, and what belongs to it from the amplitude.
    smoothness, asymmetry : float
        Penalty and weight of points above, in that baseline; see `asymmetric_baseline`.
    knot_cm1 : float
        Spacing of the knots of all baselines, cm⁻¹ on average over the axis.
    knot_average : bool
        Average the phase around each knot, rather than take it at the knot alone.
    scale_correction : bool
        Divide by the slow trend of the real part.
    trend_cm1 : float
        Window of the Savitzky–Golay filter that gives the trend, in cm⁻¹; at most the whole spectrum is used.
    trend_order : int
        Degree of its polynomial.
    background_smoothness, background_asymmetry : float
        Penalty and weight of the baseline of ln I, used only where there is no reference.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    padding: int = 1
    phase_correction: bool = True
    smoothness: float = 30.0
    asymmetry: float = 0.01
    knot_cm1: float = 40.0
    knot_average: bool = True
    scale_correction: bool = True
    trend_cm1: float = 1200.0
    trend_order: int = 2
    background_smoothness: float = 30.0
    background_asymmetry: float = 0.3

    def __post_init__(self) -> None:
        for name in ("smoothness", "background_smoothness", "knot_cm1", "trend_cm1"):
            if not 0 < getattr(self, name) < np.inf:
                raise CrimsonError(f"{name} {getattr(self, name)}: give a number above 0")
        for name in ("asymmetry", "background_asymmetry"):
            if not 0 < getattr(self, name) < 1:
                raise CrimsonError(f"{name} {getattr(self, name)}: give a number between 0 and 1, such as 0.01")
        if not 0 <= self.padding <= MOST_PADDING:
            raise CrimsonError(f"padding {self.padding}: give 0 or a number of lengths up to {MOST_PADDING}, such as 1")
        if not 0 <= self.trend_order < FEWEST_POINTS - 1:
            raise CrimsonError(f"trend_order {self.trend_order}: give a degree from 0 to {FEWEST_POINTS - 2}, such as 2")


class PhaseRetrieval(Remover):
    """A remover by phase retrieval; the method is in `phase`.

    Attributes
    ----------
    settings : RetrievalSettings
    batch_values : int
        Values taken at a time, so that what is made of them mostly stays in the cache.
    """

    fewest_points = FEWEST_POINTS
    most_dark = 0.5  # between lit neighbours it is bridged
    settings: RetrievalSettings
    batch_values: int

    @abstractmethod
    def phase(self, log_amplitude: Float64, plan: Plan) -> Float64:
        """Phase (N, W) of a response whose logarithmic amplitude ½ ln(I/I_ref) is (N, W), float64; the latter is left alone."""

    @property
    def provenance(self) -> dict[str, Any]:
        """Name, convention and settings."""
        return {**super().provenance, **asdict(self.settings)}

    def correct(self, spectra: Spectra, wavenumber: Float64, reference: Spectra | None) -> tuple[Spectra, None]:
        """Retrieve Im χ_R/χ_NR of spectra (N, W), in batches on all cores."""
        plan = _plan(wavenumber.size, float(wavenumber[-1] - wavenumber[0]), self.settings)
        log_amplitude = plan.without_reference if reference is None else _Ratio(reference)
        raman = np.empty(spectra.shape, dtype=np.float32)
        rows = max(1, self.batch_values // wavenumber.size)

        def run(start: int) -> None:
            batch = slice(start, start + rows)
            with leave_cores():
                y = log_amplitude(spectra[batch])
                raman[batch] = plan.correct(y, self.phase(y, plan))

        with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_WORKERS), initializer=as_here()) as pool:
            list(pool.map(run, range(0, len(spectra), rows)))  # listing them raises what a batch raised
        return raman, None


class Plan:
    """What a retrieval needs that depends only on the axis (W points over `span_cm1`) and the settings."""

    def __init__(self, points: int, span_cm1: float, settings: RetrievalSettings) -> None:
        step_cm1 = span_cm1 / (points - 1)
        knots = min(max(round(points * step_cm1 / settings.knot_cm1), FEWEST_POINTS), points)
        window = max(int(settings.trend_cm1 / step_cm1 / 2) * 2 + 1, (settings.trend_order + 1) | 1)
        self.settings = settings
        self.hilbert = HilbertTransform(points, settings.padding)
        self.trend = SavitzkyGolay(points, min(window, points - 1 + points % 2), settings.trend_order)
        self.sample, spread = knot_operators(points, knots, average=settings.knot_average)
        self.spread = np.ascontiguousarray(spread.T, dtype=np.float32)
        # both are linear, so a baseline's transform is a small product too
        self.spread_transform = self.hilbert(spread.T).astype(np.float32)

    def without_reference(self, spectra: Spectra) -> Float64:
        """½ (ln I − baseline) of spectra (N, W)."""
        intensity = spectra.astype(np.float64)
        y = _log_clipped(intensity, np.maximum(intensity, 0.0).mean(axis=1))
        s = self.settings
        baseline = asymmetric_baseline(self.sample @ y.T, smoothness=s.background_smoothness, asymmetry=s.background_asymmetry)
        y -= _product(baseline, self.spread)
        y *= 0.5
        return y

    def correct(self, log_amplitude: Float64, phase: Float64) -> Spectra:
        """Im χ_R/χ_NR of ½ ln(I/I_ref) and its phase (N, W), both overwritten, their slow errors taken out."""
        s = self.settings
        if s.phase_correction:
            error = asymmetric_baseline(self.sample @ phase.T, smoothness=s.smoothness, asymmetry=s.asymmetry)
            phase -= _product(error, self.spread)
            log_amplitude += _product(error, self.spread_transform)
        amplitude, angle = np.exp(log_amplitude.astype(np.float32)), phase.astype(np.float32)
        raman: Spectra = amplitude * np.sin(angle)
        if s.scale_correction:
            real = amplitude * np.cos(angle)
            raman /= np.maximum(self.trend(real), TREND_RATIO * np.abs(real).mean(axis=1, keepdims=True))
        return raman


class _Ratio:
    """½ ln(I/I_ref) for a reference (W,); where the reference is dark, a line between the lit neighbours, level at the edges."""

    def __init__(self, reference: Spectra) -> None:
        lit, dark = np.flatnonzero(reference > 0), np.flatnonzero(reference <= 0)
        self.reference = np.where(reference > 0, reference, np.inf).astype(np.float64)
        self.lit = (reference > 0) / reference[lit].sum(dtype=np.float64)
        after = np.searchsorted(lit, dark)
        self.dark, self.left, self.right = dark, lit[np.maximum(after - 1, 0)], lit[np.minimum(after, lit.size - 1)]
        self.share = (dark - self.left) / np.maximum(self.right - self.left, 1)

    def __call__(self, spectra: Spectra) -> Float64:
        level = np.einsum("nw,w->n", np.maximum(spectra, 0.0), self.lit)
        y = _log_clipped(spectra / self.reference, level)
        y *= 0.5
        if self.dark.size:
            y[:, self.dark] = y[:, self.left] * (1.0 - self.share) + y[:, self.right] * self.share
        return y


@lru_cache(maxsize=8)
def _plan(points: int, span_cm1: float, settings: RetrievalSettings) -> Plan:
    return Plan(points, span_cm1, settings)


def _product(curves: Float64, spread: Spectra) -> Spectra:
    """Curves on the knots (K, N) at all points (N, W), `spread` (K, W)."""
    # not by BLAS: it would start threads of its own in each of ours, which costs more than it saves
    product: Spectra = np.einsum("nk,kw->nw", np.ascontiguousarray(curves.T, dtype=np.float32), spread)
    return product


def _log_clipped(ratio: Float64, level: Float64) -> Float64:
    """Logarithm of `ratio` (N, W), in place, with nothing taken below a small share of each spectrum's `level` (N,)."""
    floor = np.maximum(DARK_RATIO * level, np.finfo(np.float32).tiny)
    np.maximum(ratio, floor[:, None], out=ratio)
    return np.log(ratio, out=ratio)
