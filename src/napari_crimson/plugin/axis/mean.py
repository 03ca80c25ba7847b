"""The mean spectrum of some pixels of a layer, for a worker's thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.bands_front import BandsFront

__all__ = ["mean_spectrum"]

_MOST_PIXELS = 4096
_ROWS = 16  # of a stack whose spectra lie together: each costs the reading of some whole chunks
_TELL_EVERY_S = 0.2


def mean_spectrum(data: Any) -> Iterator[NDArray[np.float64]]:
    """Average over an evenly thinned sample of the pixels, of the middle plane along t and z.

    Parameters
    ----------
    data : array-like, shape (W, [t,] [z,] y, x)
        Of a layer; read in whichever order its file has.

    Yields
    ------
    ndarray, shape (W,)
        What is known so far, from some rows or in some of the planes; NaN in the others, and where nothing is finite.
    """
    middle = tuple(size // 2 for size in data.shape[1:-2])
    rows, columns = data.shape[-2:]
    if isinstance(data, BandsFront):
        every = max(1, columns * _ROWS // _MOST_PIXELS)
        chosen = np.unique(np.linspace(0, rows - 1, min(rows, _ROWS)).round().astype(int))
        yield from _by_rows(data, middle, [int(row) for row in chosen], every)
        return
    every = max(1, round((rows * columns / _MOST_PIXELS) ** 0.5))
    pixels = (*middle, slice(None, None, every), slice(None, None, every))
    if isinstance(data, np.ndarray):
        yield _mean(np.asarray(data[(slice(None), *pixels)]))
    else:
        yield from _by_planes(data, pixels)


def _by_rows(data: Any, middle: tuple[int, ...], rows: list[int], every: int) -> Iterator[NDArray[np.float64]]:
    means = []
    for row in rows:
        means.append(_mean(data[(slice(None), *middle, row, slice(None, None, every))]))
        yield _mean(np.stack(means, axis=1))


def _by_planes(data: Any, pixels: tuple[Any, ...]) -> Iterator[NDArray[np.float64]]:
    found, told = np.full(data.shape[0], np.nan), time.monotonic()
    for plane in range(data.shape[0]):
        found[plane] = _mean(np.asarray(data[(plane, *pixels)])[None])[0]
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            yield found.copy()
    yield found


def _mean(spectra: NDArray[Any]) -> NDArray[np.float64]:
    """Mean (W,) over all axes but the first, of what is finite."""
    flat = spectra.reshape(len(spectra), -1).astype(np.float64)
    finite = np.isfinite(flat)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(finite, flat, 0.0).sum(axis=1) / finite.sum(axis=1)
    return mean
