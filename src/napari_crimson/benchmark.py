"""Removers side by side on simulated sets with fixed seeds; nothing is trained or downloaded.

The sets are drawn from the priors of `synthesis`, at seeds that training never uses. Those of a published family are what its
network was reported on. A remover of the other convention is scaled to each truth by least squares, and its row says so.
"""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.metrics import count_lines, coverage, score
from napari_crimson.remover import Remover
from napari_crimson.synthesis import Crimson, Prior, Specnet, Wide, draw

__all__ = ["SETS", "Row", "SimulatedSet", "benchmark", "dilution", "silent_region"]

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SimulatedSet:
    """Spectra of one prior on one axis, START to STOP in cm⁻¹; `own_reference`: each is given the reference drawn beside it."""

    prior: Prior
    axis: tuple[float, float, int]
    own_reference: bool = False

    def wavenumber(self) -> NDArray[np.float64]:
        """The axis (W,)."""
        return np.linspace(*self.axis)


@dataclass(frozen=True)
class Row:
    """Figures of one remover on one set; `scaled` where the conventions differ."""

    set: str
    remover: str
    scaled: bool
    figures: dict[str, float]


_PUBLISHED = (0.1, 1998.1, 1000)
_BROAD, _CH = (400.0, 3600.0, 1281), (2600.0, 3300.0, 351)
_NO, _ONLY = (Wide(with_reference_share=share, drawn_out_share=0.0) for share in (0.0, 1.0))

SETS: dict[str, SimulatedSet] = {
    "crimson 2-5 lines": SimulatedSet(prior=Crimson(lines=(2, 5)), axis=_PUBLISHED),
    "crimson 2-10, narrow": SimulatedSet(prior=Crimson(lines=(2, 10), broad_share=0.0), axis=_PUBLISHED),
    "crimson 2-10": SimulatedSet(prior=Crimson(lines=(2, 10)), axis=_PUBLISHED),
    "crimson 2-15": SimulatedSet(prior=Crimson(lines=(2, 15)), axis=_PUBLISHED),
    "specnet": SimulatedSet(prior=Specnet(), axis=(0.1, 2000.0, 640)),
    "vector 1a": SimulatedSet(prior=Specnet(lines=(1, 15), broadest=(0.005, 0.005), inner_share=1.0), axis=_PUBLISHED),
    "vector 2b": SimulatedSet(prior=Specnet(lines=(15, 30), broadest=(0.0125, 0.0125), inner_share=1.0), axis=_PUBLISHED),
    "wide": SimulatedSet(prior=_NO, axis=_BROAD),
    "wide, drawn out": SimulatedSet(prior=Wide(with_reference_share=0.0, drawn_out_share=1.0), axis=_BROAD),
    "wide, reference": SimulatedSet(prior=_ONLY, axis=_BROAD, own_reference=True),
    "wide, C-H": SimulatedSet(prior=_NO, axis=_CH),
    "wide, C-H, reference": SimulatedSet(prior=_ONLY, axis=_CH, own_reference=True),
}


def benchmark(
    removers: list[Remover], sets: list[str] | None = None, *, spectra: int = 1000, progress: Callable[[str], object] | None = None
) -> Iterator[Row]:
    """Yield the figures of each remover on each set.

    Parameters
    ----------
    removers : list of Remover
        To compare.
    sets : list of str, optional
        Names, or beginnings of names, in `SETS`; default all.
    spectra : int
        Of each set. Sets with a reference of their own for every spectrum take a fifth of it.
    progress : callable, optional
        Called with the name of a set before it is begun.

    Raises
    ------
    CrimsonError
        If one of the names is that of no set.
    """
    if unknown := [start for start in sets or [] if not any(name.startswith(start) for name in SETS)]:
        raise CrimsonError(f"no set is called '{unknown[0]}'; there are {'; '.join(SETS)}")
    chosen = [name for name in SETS if sets is None or any(name.startswith(start) for start in sets)]
    for name in chosen:
        if progress:
            progress(name)
        one = SETS[name]
        n = max(8, spectra // 5) if one.own_reference else spectra
        wavenumber = one.wavenumber()
        batch = draw(one.prior, n, torch.from_numpy(wavenumber), generator=_seeded(name))
        cars, truth, reference = batch.cars.numpy(), batch.raman.numpy(), batch.reference.numpy()
        for remover in removers:
            with warnings.catch_warnings():  # that some sets lie outside of a network's training is what is looked at here
                warnings.simplefilter("ignore")
                mean, sd, seconds = _timed(remover, cars, wavenumber, reference if one.own_reference else None)
            scaled = remover.convention != one.prior.convention
            figures = _figures(truth, _fitted(truth, mean) if scaled else mean, None if scaled else sd, wavenumber)
            yield Row(name, remover.name, scaled, {**figures, "spectra_per_s": n / seconds})


def dilution(remover: Remover, *, spectra: int = 100) -> dict[str, float]:
    """How the strongest line follows the concentration, 1:1 to 1:64, on simulated organic spectra with their noise.

    Each spectrum of the wide prior is diluted in seven steps, χ_R divided by 1, 2, …, 64, at one excitation and noise. A line is fitted to
    answer against truth, at the truth's strongest band, over the seven steps, both divided by the undiluted truth.

    Returns
    -------
    dict
        Medians over the spectra: ``linearity``, R² of the line, and its ``slope``.
    """
    wavenumber = np.linspace(*_BROAD)
    axis = torch.from_numpy(wavenumber).float()
    answers = []
    for step in range(7):
        ratio = 0.6 / 2**step
        prior = replace(_NO, ratio=(ratio, ratio), empty_share=0.0, photons=(1e5, 1e6), water_share=0.0, offset_share=0.0)
        batch = draw(prior, spectra, axis, generator=_seeded("dilution"))  # one state: the same spectra, weaker
        answers.append((batch.raman.numpy(), remover(batch.cars.numpy(), wavenumber)))
    undiluted = answers[0][0]
    band = undiluted.argmax(axis=1)
    rows = np.arange(spectra)
    truth, found = (np.stack([pair[k][rows, band] for pair in answers]) / undiluted[rows, band] for k in (0, 1))
    linearity = [np.corrcoef(t, f)[0, 1] ** 2 for t, f in zip(truth.T, found.T, strict=True)]
    slope = [np.polyfit(t, f, 1)[0] for t, f in zip(truth.T, found.T, strict=True)]
    return {"linearity": float(np.median(linearity)), "slope": float(np.median(slope))}


def silent_region(remover: Remover, *, spectra: int = 300) -> dict[str, float]:
    """Lines invented in 1800–2700 cm⁻¹, a spectrum, where the simulated spectrum has none there.

    A line counts that rises 4 % of the spectrum's strongest true line above its surroundings.
    """
    wavenumber = np.linspace(*_BROAD)
    inside = (wavenumber > 1800) & (wavenumber < 2700)
    prior = replace(_NO, organic_share=1.0, empty_share=0.0, ratio=(0.05, 5.0))
    batch = draw(prior, 8 * spectra, torch.from_numpy(wavenumber), generator=_seeded("silent"))
    truth = batch.raman.numpy()
    top = truth.max(axis=1)
    flat = _prominent(truth[:, inside], 0.002 * top) == 0
    rows = np.flatnonzero(flat)[:spectra]
    answer = remover(batch.cars.numpy()[rows], wavenumber)
    return {"invented": float(_prominent(answer[:, inside], 0.04 * top[rows]).mean()), "spectra": float(len(rows))}


def _prominent(curves: Array, least: Array) -> NDArray[np.int64]:
    """Local maxima of each curve (N, W) with a prominence of `least` (N,)."""
    from scipy.signal import find_peaks

    return np.array([len(find_peaks(curve, prominence=one)[0]) for curve, one in zip(curves, least, strict=True)])


def _seeded(name: str) -> torch.Generator:
    """A generator of this set's own, the same on every machine."""
    return torch.Generator().manual_seed(zlib.crc32(name.encode()) + 7_000_003)


def _timed(remover: Remover, cars: Array, wavenumber: NDArray[np.float64], own: Array | None) -> tuple[Array, Array | None, float]:
    """Answer, its deviation if there is one, and the seconds it took."""
    options: dict[str, Any] = {"uncertainty": True} if remover.gives_uncertainty else {}
    remover(cars[:4], wavenumber)  # what is done once for an axis is not counted
    started = time.perf_counter()
    if own is None:
        answers = remover(cars, wavenumber, **options)
        mean, sd = answers if options else (answers, None)
    else:  # a reference of its own for every spectrum: one at a time
        one_by_one = [remover(cars[i : i + 1], wavenumber, own[i], **options) for i in range(len(cars))]
        mean = np.concatenate([a[0] if options else a for a in one_by_one])
        sd = np.concatenate([a[1] for a in one_by_one]) if options else None
    return mean, sd, time.perf_counter() - started


def _fitted(truth: Array, answer: Array) -> Array:
    """Each answer (N, W) times the factor that brings it nearest to its truth."""
    scale = (answer * truth).sum(1, keepdims=True) / np.maximum((answer**2).sum(1, keepdims=True), 1e-30)
    fitted: Array = answer * scale
    return fitted


def _figures(truth: Array, answer: Array, sd: Array | None, wavenumber: NDArray[np.float64]) -> dict[str, float]:
    wanted = ("mse_mean", "mse_median", "r2_median", "r_median", "r_p5", "r_over_98", "nrmse", "slope")
    every = score(truth, answer)
    lines = count_lines(truth, answer, wavenumber)
    return {**{key: every[key] for key in wanted}, **lines, **({} if sd is None else coverage(truth, answer, sd))}
