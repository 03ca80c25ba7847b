"""Gram matrix of a stack, out of core: the one pass over its blocks that a decomposition needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray

from napari_crimson.spectra import float_spectra, sound_pixels

__all__ = ["SLAB_VALUES", "Forward", "gram_matrix"]

Float64 = NDArray[np.float64]
Forward = Callable[[NDArray[Any]], NDArray[np.float32]]

SLAB_VALUES = 2**21  # values taken to float64 at a time: 16 MB
MOST_WORKERS = 4  # blocks in memory at once


def gram_matrix(cars: da.Array, forward: Forward, *, progress: Callable[[float], object] | None = None) -> tuple[Float64, int]:
    """Gram matrix (W, W) of the sound spectra of a stack (..., W), each through `forward`, and their number.

    A few blocks at a time: were dask given all of them, it could hold a matrix for each. `progress` is called with the
    fraction read so far after each of them.
    """
    task = delayed(partial(_block_gram, forward=forward), pure=False)
    blocks = cars.to_delayed().ravel()  # type: ignore[no-untyped-call]
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    gram, sound = np.zeros((cars.shape[-1],) * 2), 0
    for start in range(0, blocks.size, workers):
        parts = compute(*(task(block) for block in blocks[start : start + workers]))  # type: ignore[no-untyped-call]
        for part, count in parts:
            gram += part
            sound += count
        if progress is not None:
            progress(min(start + workers, blocks.size) / blocks.size)
    return gram, sound


def _block_gram(block: NDArray[Any], forward: Forward) -> tuple[Float64, int]:
    points = block.shape[-1]
    spectra = block.reshape(-1, points)
    rows = max(1, SLAB_VALUES // points)
    gram, sound = np.zeros((points, points)), 0
    for start in range(0, len(spectra), rows):
        counts = float_spectra(spectra[start : start + rows])
        slab = forward(counts[sound_pixels(counts)]).astype(np.float64)
        gram += slab.T @ slab
        sound += len(slab)
    return gram, sound
