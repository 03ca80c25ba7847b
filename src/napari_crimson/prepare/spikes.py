"""Cosmic rays: spikes in one pixel and a few bands, replaced by what their neighbours say.

A ray stands out against the pixels around it, and against the bands beside it; a small droplet does the first only with
the full width of its lines, a narrow line the second only where its neighbours have it too. So the spectrum of each pixel
is compared with the median of its eight neighbours, the slow part of the difference is taken out, and what then rises
far above the noise, over no more bands than a ray hits, is a spike. All of it is local: the answer does not depend
on how the stack is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from napari_crimson.carried import recorded
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import changed, lazy_cars, map_spectra

__all__ = ["SpikeSettings", "remove_spikes"]

Values = NDArray[np.float32]

NEIGHBOURS = [(dy, dx) for dy in (0, 1, 2) for dx in (0, 1, 2) if (dy, dx) != (1, 1)]
SEGMENT_BANDS = 64  # over which the noise of a pixel is estimated
LEAST_NOISE = 1e-3  # of the pixel's mean: photon noise of a million electrons, more than any camera holds


@dataclass(frozen=True, kw_only=True)
class SpikeSettings:
    """Choices of the cosmic-ray removal.

    Attributes
    ----------
    threshold : float
        Height of a spike in standard deviations of the noise.
    edge : float
        What rises above this many beside a spike belongs to it.
    most_bands : int
        Bands a ray hits at most; anything wider is taken for the sample.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    threshold: float = 8.0
    edge: float = 3.0
    most_bands: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.edge <= self.threshold < np.inf:
            raise CrimsonError(f"threshold {self.threshold}, edge {self.edge}: give numbers above 0, the edge not above the threshold")
        if self.most_bands < 1:
            raise CrimsonError(f"most_bands {self.most_bands}: give 1 or more, such as 3")


@recorded
def remove_spikes(ds: xr.Dataset, settings: SpikeSettings | None = None) -> xr.Dataset:
    """Replace cosmic rays.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack, as measured or with its dark subtracted.
    settings : SpikeSettings, optional
        How high and how narrow a spike is.

    Returns
    -------
    xarray.Dataset
        Intensities of the same dtype, lazy; a new variable `spikes` (..., y, x), lazy too, counts the bands replaced in
        each pixel. Pixels that are not finite stay as they are.

    Raises
    ------
    CrimsonError
        If the image is smaller than 3 pixels both ways, or the axis has too few bands to tell a spike from a line.
    """
    chosen = settings or SpikeSettings()
    cars = lazy_cars(ds)
    least = _window(chosen)
    if max(cars.shape[-3:-1]) < 3 or cars.shape[-1] < least:
        raise CrimsonError(
            f"an image of {cars.shape[-3]}×{cars.shape[-2]} pixels and {cars.shape[-1]} bands: a spike is told by its neighbours, "
            f"which takes 3 pixels one way and {least} bands (4 × most_bands + 3)"
        )
    depth = {cars.ndim - 3: 1, cars.ndim - 2: 1}
    margined = da.overlap.overlap(cars.astype(np.float32), depth, dict.fromkeys(depth, np.nan))  # type: ignore[no-untyped-call]
    clean = map_spectra(partial(_clean, settings=chosen), cars, margined, dtype=cars.dtype)
    count = map_spectra(_count, clean, cars, points=0, dtype=np.int32)
    note = (
        f"cosmic rays above {chosen.threshold:g} standard deviations replaced, at most {chosen.most_bands} bands each (counted in 'spikes')"
    )
    return changed(ds, note, cars=clean, spikes=(ds["cars"].dims[:-1], count, {"long_name": "bands replaced"}))


def _clean(block: NDArray[Any], margined: Values, *, settings: SpikeSettings) -> NDArray[Any]:
    """Clean a block (..., Y, X, W), given also with a margin of one pixel, (..., Y + 2, X + 2, W)."""
    clean = np.empty_like(block)
    for plane in np.ndindex(block.shape[:-3]):
        for y in range(block.shape[-3]):  # a row at a time bounds the memory: nine copies are made of it
            clean[plane][y] = _clean_row(block[plane][y], margined[plane][y : y + 3], settings)
    return clean


def _clean_row(row: NDArray[Any], three: Values, settings: SpikeSettings) -> NDArray[Any]:
    """Clean one row (X, W), given also with the rows beside it and a margin, (3, X + 2, W)."""
    own, expected = three[1, 1:-1], _median_around(three)
    sound = np.isfinite(own).all(axis=-1, keepdims=True) & np.isfinite(expected).all(axis=-1, keepdims=True)
    own, expected = np.where(sound, own, 0), np.where(sound, expected, 0)
    difference = own - expected
    slow = median_filter(difference, (1, _window(settings)), mode="nearest")
    excess = difference - slow
    noise = np.maximum(_noise(excess), LEAST_NOISE * np.abs(own).mean(axis=-1, keepdims=True))
    spike = _narrow(excess > settings.edge * noise, excess > settings.threshold * noise, settings.most_bands)
    repaired = expected + slow
    if np.issubdtype(row.dtype, np.integer):
        limits = np.iinfo(row.dtype)
        repaired = np.clip(np.rint(repaired), limits.min, limits.max)
    return np.where(spike, repaired.astype(row.dtype), row)


def _median_around(three: Values) -> Values:
    """Median (X, W) of the neighbours that are there and finite, NaN without any, of the middle row of (3, X + 2, W)."""
    size = three.shape[1] - 2
    around = np.stack([three[dy, dx : dx + size] for dy, dx in NEIGHBOURS])
    around[~np.isfinite(around)] = np.nan
    around.sort(axis=0)  # NaN last
    found = np.isfinite(around).sum(axis=0, keepdims=True)
    lower, upper = (np.take_along_axis(around, at, axis=0)[0] for at in (np.maximum(found - 1, 0) // 2, found // 2))
    median: Values = (lower + upper) / 2
    return median


def _noise(excess: Values) -> Values:
    """Standard deviation (X, W) of the noise by the median of |excess| over segments of the axis, a line between them."""
    points = excess.shape[1]
    segments = max(1, points // SEGMENT_BANDS)
    edges = np.linspace(0, points, segments + 1).astype(int)
    centres = (edges[1:] + edges[:-1] - 1) / 2
    medians = np.stack([np.median(np.abs(excess[:, a:b]), axis=1) for a, b in pairwise(edges)], axis=1)
    between = np.stack([np.interp(np.arange(points), centres, unit) for unit in np.eye(segments)])
    noise: Values = (1.4826 * medians @ between).astype(np.float32)
    return noise


def _narrow(raised: NDArray[np.bool_], high: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Runs of `raised` bands (X, W) that reach `high` somewhere and are at most `most` bands long."""
    padded = np.pad(raised, ((0, 0), (1, 1))).astype(np.int8)
    turns = np.diff(padded, axis=1)  # (X, W + 1): 1 where a run starts, −1 just behind its end
    rows, starts = np.nonzero(turns == 1)
    _, stops = np.nonzero(turns == -1)
    result = np.zeros_like(raised)
    for row, start, stop in zip(rows, starts, stops, strict=True):
        if stop - start <= most and high[row, start:stop].any():
            result[row, start:stop] = True
    return result


def _window(settings: SpikeSettings) -> int:
    """Bands of the running median: a spike is a minority of them."""
    return 4 * settings.most_bands + 3


def _count(clean: NDArray[Any], cars: NDArray[Any]) -> NDArray[np.int32]:
    changed_bands = (clean != cars) & np.isfinite(cars)
    count: NDArray[np.int32] = changed_bands.sum(axis=-1, dtype=np.int32)
    return count
