"""What the spectrum dock asks of its thread: the spectrum of a pixel, mean spectra of marks, images of a band."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.pointing.spectra_source import place_text
from napari_crimson.plugin.spectrum.live_remover import Corrected, LiveRemover
from napari_crimson.spectra import float_spectra

if TYPE_CHECKING:
    from napari_crimson.plugin.pointing.marks import Mark
    from napari_crimson.plugin.pointing.spectra_source import Pixel, SpectraSource

__all__ = ["BandRows", "Looked", "MarkSpectra", "Stats", "average_band", "look_around", "look_at", "look_at_marks"]

MOST_PIXELS = 2048  # of one mark: the mean of as many, evenly spread, is as good for the eye
_BATCH = 64
_ROWS = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class Looked:
    """The spectrum of a pixel: `raw` (W,) as stored, and what each remover makes of it; `loading` while they are not ready."""

    pixel: Pixel
    raw: NDArray[Any]
    corrected: Mapping[str, Corrected]
    loading: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Stats:
    """Mean and, of more than one pixel, standard deviation of spectra (W,)."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkSpectra:
    """Spectra of the pixels of a mark, so far: of `pixels` pixels, `used` have been read; `of` as in `Mark`, `place` in words."""

    name: str
    colour: str
    place: str
    pixels: int
    used: int
    raw: Stats
    raman: Stats | None
    of: int


@dataclass(frozen=True, eq=False, kw_only=True)
class BandRows:
    """Some rows (y', x) of the mean over a band."""

    rows: slice
    mean: NDArray[np.float32]


def look_at(source: SpectraSource, removers: Mapping[str, LiveRemover], pixel: Pixel) -> Iterator[Looked]:
    """Read a pixel and correct it; the bare spectrum comes first where a remover has to be loaded."""
    raw = source.spectrum(pixel)
    if not all(remover.ready for remover in removers.values()):
        yield Looked(pixel=pixel, raw=raw, corrected={}, loading=True)
    corrected = {name: remover(raw[None]) for name, remover in removers.items()}
    yield Looked(pixel=pixel, raw=raw, corrected=corrected, loading=False)


def look_around(source: SpectraSource, pixel: Pixel) -> Iterator[None]:
    """Read the neighbours of a pixel ahead of the cursor, once that has been seen."""
    source.read_around(pixel)
    yield


def look_at_marks(source: SpectraSource, remover: LiveRemover | None, find: Callable[[], list[Mark]]) -> Iterator[dict[str, MarkSpectra]]:
    """Average over each mark, giving what is there of all of them after each few pixels."""
    found: dict[str, MarkSpectra] = {}
    yield found
    for mark in find():
        pixels, raw, raman = _evenly(mark.pixels), _Moments(), _Moments()
        for start in range(0, len(pixels), _BATCH):
            batch = pixels[start : start + _BATCH]
            spectra = source.spectra(batch)
            raw.add(float_spectra(spectra))
            if remover is not None:
                raman.add(remover(spectra).raman)
            found = {
                **found,
                mark.name: MarkSpectra(
                    name=mark.name,
                    colour=mark.colour,
                    place=place_text(mark.pixels[0]) if len(mark.pixels) == 1 else f"{len(mark.pixels)} pixels",
                    pixels=len(mark.pixels),
                    used=start + len(batch),
                    raw=raw.stats(),
                    raman=None if remover is None else raman.stats(),
                    of=mark.of,
                ),
            }
            yield found


def average_band(source: SpectraSource, bands: slice, lead: Pixel) -> Iterator[BandRows]:
    """Average some bands of the plane `lead` ([t,] [z]), some rows at a time."""
    height = source.shape[-2]
    for start in range(0, height, _ROWS):
        rows = slice(start, min(start + _ROWS, height))
        yield BandRows(rows=rows, mean=_mean_of_finite(source.band(rows, bands, lead)))


class _Moments:
    """Sums over spectra, without what is not finite."""

    def __init__(self) -> None:
        self._count: Any = 0
        self._sum: Any = 0.0
        self._squares: Any = 0.0

    def add(self, spectra: NDArray[Any]) -> None:
        finite = np.isfinite(spectra)
        values = np.where(finite, spectra, 0).astype(np.float64)
        self._count = self._count + finite.sum(axis=0)
        self._sum = self._sum + values.sum(axis=0)
        self._squares = self._squares + (values**2).sum(axis=0)

    def stats(self) -> Stats:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / self._count
            variance = (self._squares - self._sum * mean) / (self._count - 1)
        sd = np.sqrt(np.maximum(variance, 0.0)) if np.max(self._count) > 1 else None
        return Stats(mean=mean, sd=sd)


def _evenly(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_PIXELS`, evenly spread."""
    if len(pixels) <= MOST_PIXELS:
        return pixels
    return pixels[np.linspace(0, len(pixels) - 1, MOST_PIXELS).round().astype(np.int64)]


def _mean_of_finite(block: NDArray[Any]) -> NDArray[np.float32]:
    """Mean over the first axis, NaN where nothing is finite."""
    finite = np.isfinite(block)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(finite, block, 0).sum(axis=0, dtype=np.float64) / finite.sum(axis=0)
    return mean.astype(np.float32)
