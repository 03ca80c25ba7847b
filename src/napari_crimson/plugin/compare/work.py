"""What the compare dock asks of its thread: the spectra of marked pixels through several removers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.compare import average, compare_spectra, plan_comparison
from napari_crimson.correction import Correction, Settings
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.pointing.marks import left_out
from napari_crimson.plugin.pointing.spectra_source import place_text

if TYPE_CHECKING:
    from napari_crimson.plugin.pointing.marks import Mark
    from napari_crimson.plugin.pointing.spectra_source import SpectraSource

__all__ = ["ALL", "Compared", "Comparer"]

ALL = "all together"
MOST_PIXELS = 512  # evenly spread: more than this keeps the user waiting, and moves the mean by little


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """What is known so far.

    Attributes
    ----------
    marks : tuple of str
        Names of all marks that were found.
    place : str
        Which pixels these are, for people.
    waiting : str
        What is still to come, for people; empty at the end.
    result : xarray.Dataset, optional
        Of `compare`, with the removers that are done.
    shown : xarray.Dataset, optional
        Spectra to draw, without dim ``spectrum``: of the one pixel, or the `average` of several.
    """

    marks: tuple[str, ...]
    place: str
    waiting: str
    result: xr.Dataset | None = None
    shown: xr.Dataset | None = None


class Comparer:
    """Compares pixels of one stack; keeps the removers that it has loaded.

    Networks run on the CPU, which is quick enough for a few spectra and leaves a GPU to those who need it.
    """

    def __init__(self, source: SpectraSource) -> None:
        self.source = source
        self._planned: dict[str, Correction] = {}
        self._removers: tuple[str, ...] = ()

    def compare(
        self, removers: Sequence[str], truth: SpectraSource | None, find: Callable[[], list[Mark]], mark: str
    ) -> Iterator[Compared]:
        """Compare the pixels of a mark, or of all of them; gives what is there after each remover."""
        found = find()
        names = tuple(one.name for one in found)
        wanted = [one.pixels for one in found if mark in (one.name, ALL)] or [one.pixels for one in found]
        if not wanted:
            raise CrimsonError("no pixel of the stack is marked; click in the image, or mark some in the layer that is chosen")
        every = np.unique(np.concatenate(wanted), axis=0)
        pixels = _evenly(every)
        place = " · ".join(text for text in (_place_text(every, len(pixels)), left_out(found)) if text)
        yield Compared(marks=names, place=place, waiting="loading the removers …")
        corrections = self._plan(tuple(removers))
        raw = self.source.spectra(pixels)
        known = None if truth is None else _spectra_of_truth(truth, self.source, pixels)
        left = list(corrections)
        for result in compare_spectra(corrections, raw, truth=known):
            left.pop(0)
            shown = result.isel(spectrum=0) if len(pixels) == 1 else average(result)
            yield Compared(marks=names, place=place, waiting=f"{left[0]} …" if left else "", result=result, shown=shown)

    def forget(self) -> None:
        """Load the removers anew when they are next wanted: a name may mean other weights now."""
        self._removers = ()

    def _plan(self, removers: tuple[str, ...]) -> dict[str, Correction]:
        if removers != self._removers:
            _, self._planned = plan_comparison(self.source.stack, removers, Settings(device="cpu"))
            self._removers = removers
        return self._planned


def _spectra_of_truth(truth: SpectraSource, source: SpectraSource, pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    if truth.shape != source.shape or not np.array_equal(truth.wavenumber, source.wavenumber):
        raise CrimsonError(
            f"the layer to compare with has {truth.shape} pixels of {truth.wavenumber.size} bands, the stack {source.shape} of "
            f"{source.wavenumber.size}, or its wavenumbers differ; choose a result of this stack"
        )
    return np.asarray(truth.spectra(pixels), dtype=np.float32)


def _evenly(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(pixels) <= MOST_PIXELS:
        return pixels
    return pixels[np.linspace(0, len(pixels) - 1, MOST_PIXELS).round().astype(np.int64)]


def _place_text(pixels: NDArray[np.int64], used: int) -> str:
    if len(pixels) == 1:
        return f"pixel {place_text(pixels[0])}"
    part = f", {used} of them evenly spread" if used < len(pixels) else ""
    return f"{len(pixels)} pixels{part}, mean ± sd"
