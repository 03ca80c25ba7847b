"""What the Analyse dock can do with a corrected stack, each as a task that runs in a thread and gives layers to add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import xarray as xr
from dask.array.core import slices_from_chunks
from numpy.typing import NDArray

from napari_crimson.analysis import BandLike, band_image, band_of, band_ratio, blend, normalise, subtract_baseline, unmix
from napari_crimson.analysis.bands import least_denominator
from napari_crimson.analysis.composite import COLOURS
from napari_crimson.memory import memory_room
from napari_crimson.plugin.plot.theme import colours_of_theme

if TYPE_CHECKING:
    from napari_crimson.analysis.band_weights import BandBaseline, BandValue
    from napari_crimson.analysis.unmix import Method

__all__ = [
    "BandTask",
    "BaselineTask",
    "CompositeTask",
    "NewImage",
    "NewStack",
    "NormaliseTask",
    "Outcome",
    "RatioTask",
    "Task",
    "UnmixTask",
    "line_colours",
]

Heed = Callable[[str, float], None]

_SLOW_PIXELS = 1024  # worked on between two looks at the Cancel button, where a pixel takes milliseconds


@dataclass(frozen=True, eq=False, kw_only=True)
class NewImage:
    """An image over the pixels of the stack, ([t,] [z,] y, x) or with (…, 3) in its own colours.

    `title` goes behind the name of the stack; `colour`, ``#rrggbb``, makes a layer that adds up with others; `from_zero` shows
    zero as black.
    """

    title: str
    data: NDArray[Any]
    history: list[str]
    colour: str | None = None
    from_zero: bool = False
    rgb: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class NewStack:
    """A changed stack."""

    title: str
    stack: xr.Dataset


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a task gives: layers, what to say, and spectra (component, wavenumber) to plot."""

    layers: list[NewImage | NewStack]
    said: str
    spectra: xr.DataArray | None = None


class Task(Protocol):
    """One piece of work."""

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """Do it, in a thread; `heed` is told what is being done and how far it is, and raises to stop."""


@dataclass(frozen=True, kw_only=True)
class BandTask:
    """Image of a band."""

    band: str
    width_cm1: float | None = None
    value: BandValue = "mean"
    baseline: BandBaseline = None

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        image = band_image(stack, self.band, width_cm1=self.width_cm1, value=self.value, baseline=self.baseline)
        values = _computed(image, heed, "band")
        new = NewImage(title=_title(self.band), data=values, history=image.attrs["history"])
        return Outcome(layers=[new], said=_last(image.attrs))


@dataclass(frozen=True, kw_only=True)
class RatioTask:
    """Ratio of two bands."""

    above: str
    below: str
    baseline: BandBaseline = None
    least: float | None = None

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        least = self.least
        if least is None:
            below = band_image(stack, self.below, baseline=self.baseline)
            least = least_denominator(_computed(below, heed, "noise"))
        image = band_ratio(stack, self.above, self.below, baseline=self.baseline, least=least)
        values = _computed(image, heed, "ratio")
        masked = int(np.isnan(values).sum())
        new = NewImage(title=str(image.name), data=values, history=image.attrs["history"])
        return Outcome(layers=[new], said=f"{_last(image.attrs)}: {masked} of {values.size} pixels")


@dataclass(frozen=True, kw_only=True)
class CompositeTask:
    """Several bands in false colours: a layer each, or one picture."""

    bands: tuple[str, ...]
    baseline: BandBaseline = None
    picture: bool = False

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        images = [band_image(stack, band, baseline=self.baseline) for band in self.bands]
        values = [_computed(image, heed, f"band {number} of {len(images)}") for number, image in enumerate(images, start=1)]
        colours = [COLOURS[number % len(COLOURS)] for number in range(len(images))]
        titles = [_title(band) for band in self.bands]
        if self.picture:
            history = [*images[0].attrs["history"][:-1], f"false colours: {', '.join(map(' in '.join, zip(titles, colours, strict=True)))}"]
            layers = [NewImage(title=" ".join(titles), data=blend(values, colours, [None] * len(values)), history=history, rgb=True)]
        else:
            layers = [
                NewImage(title=title, data=one, history=image.attrs["history"], colour=colour)
                for title, one, image, colour in zip(titles, values, images, colours, strict=True)
            ]
        return Outcome(layers=list(layers), said=f"False colours of {', '.join(titles)}.")


@dataclass(frozen=True, kw_only=True)
class NormaliseTask:
    """Stack normalised by a band or by the whole spectrum."""

    by: str

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        done = _held(normalise(stack, self.by), heed, "normalisation")
        return Outcome(layers=[NewStack(title=f"by {self.by}", stack=done)], said=_last(done.attrs))


@dataclass(frozen=True, kw_only=True)
class BaselineTask:
    """Stack without the baselines of its spectra."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        done = _held(subtract_baseline(_finer(stack), self.method, **self.options), heed, "baselines")
        return Outcome(layers=[NewStack(title=self.method, stack=done)], said=_last(done.attrs))


@dataclass(frozen=True, kw_only=True)
class UnmixTask:
    """Abundances of components."""

    method: Method
    components: int
    sum_to_one: bool = False
    most_pixels: int = 10_000
    seed: int = 0

    def run(self, stack: xr.Dataset, heed: Heed) -> Outcome:
        """See `Task`."""
        found = unmix(
            stack,
            self.method,
            components=self.components,
            sum_to_one=self.sum_to_one,
            most_pixels=self.most_pixels,
            seed=self.seed,
            progress=lambda part: heed("spectra of the components", part),
        )
        abundance = _computed(found["abundance"], heed, "abundances")
        history = found.attrs["history"]
        layers: list[NewImage | NewStack] = [
            NewImage(title=f"{self.method} {number}", data=one, history=[*history, f"component {number}"], colour=colour, from_zero=True)
            for number, (one, colour) in enumerate(zip(abundance, line_colours(len(abundance)), strict=True), start=1)
        ]
        return Outcome(layers=layers, said=_last(found.attrs), spectra=found["spectra"])


def line_colours(number: int) -> list[str]:
    """Colours of as many lines of a plot, as on dark paper; in light themes the plot has a darker shade of each."""
    colours = colours_of_theme("dark").lines
    return [colours[one % len(colours)] for one in range(number)]


def _computed(image: xr.DataArray, heed: Heed, doing: str) -> NDArray[np.float32]:
    """Compute a lazy image block by block."""
    lazy = image.data
    values = np.empty(lazy.shape, dtype=lazy.dtype)
    regions = list(slices_from_chunks(lazy.chunks))  # type: ignore[no-untyped-call]
    for done, region in enumerate(regions):
        heed(doing, done / len(regions))
        values[region] = lazy[region].compute()
    return values


def _held(result: xr.Dataset, heed: Heed, doing: str) -> xr.Dataset:
    """Compute a lazy stack into memory, where it fits; a slider over a lazy one would do the work again at each band."""
    name = next(iter(result.data_vars))
    if result[name].nbytes > memory_room():
        return result
    return result.assign({name: result[name].copy(data=_computed(result[name], heed, doing))})


def _finer(stack: xr.Dataset) -> xr.Dataset:
    """Cut a stack into blocks of few pixels."""
    name = next(iter(stack.data_vars))
    *_, rows, columns = stack[name].shape[:-1]
    width = min(columns, _SLOW_PIXELS)
    sizes = {"y": max(1, min(rows, _SLOW_PIXELS // width)), "x": width}
    lead = dict.fromkeys(stack[name].dims[:-3], 1)
    return stack if prod(stack[name].shape[:-1]) <= _SLOW_PIXELS else stack.chunk({**sizes, **lead})


def _title(band: BandLike) -> str:
    return band_of(band).title


def _last(attrs: Mapping[str, Any]) -> str:
    """Last line of a history, as a sentence."""
    said = str(attrs["history"][-1])
    return said[:1].upper() + said[1:]
