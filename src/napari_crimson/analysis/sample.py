"""Some spectra of a stack that is larger than memory, drawn evenly over all pixels that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import slices_from_chunks
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError, DamagedError

__all__ = ["Sample", "draw_sample"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """Spectra to learn from.

    Attributes
    ----------
    spectra : ndarray, shape (N, B), float32
        Finite.
    bands : ndarray, shape (W,), bool
        Bands that are in them; the others are NaN in most pixels.
    pixels, bad_pixels : int
        Of the whole stack; bad are those with no finite value at all, or that could not be read.
    """

    spectra: NDArray[np.float32]
    bands: NDArray[np.bool_]
    pixels: int
    bad_pixels: int


def draw_sample(lazy: da.Array, most_pixels: int, rng: np.random.Generator, *, progress: Callable[[float], object] | None = None) -> Sample:
    """Read a stack once, block by block, and keep some of its spectra.

    Every pixel draws a number, whatever block it is in; those of the smallest numbers that hold a spectrum are kept. So the same pixels
    are drawn however the stack is cut.

    Parameters
    ----------
    lazy : dask.array.Array, shape (..., W)
        Whole spectra in every chunk.
    most_pixels : int
        Spectra to keep.
    rng : numpy.random.Generator
        Draws one number a pixel.
    progress : callable, optional
        Called with the fraction read, 0 to 1; whatever it raises ends the reading.

    Raises
    ------
    CrimsonError
        If no pixel holds a spectrum.
    """
    drawn = rng.random(lazy.shape[:-1])
    kept, numbers = np.empty((0, lazy.shape[-1]), dtype=np.float32), np.empty(0)
    bad = 0
    regions = list(slices_from_chunks(lazy.chunks))  # type: ignore[no-untyped-call]
    for done, region in enumerate(regions):
        if progress is not None:
            progress(done / len(regions))
        own = drawn[region[:-1]]
        try:
            block = lazy[region].compute()
        except DamagedError:  # who needs these pixels themselves names the place
            bad += own.size
            continue
        kept, numbers, empty = _keep(kept, numbers, block, own, most_pixels)
        bad += empty
    bands = np.isfinite(kept).mean(axis=0) > 0.5 if len(kept) else np.zeros(lazy.shape[-1], dtype=bool)
    spectra = kept[:, bands]
    spectra = spectra[np.isfinite(spectra).all(axis=1)]
    pixels = prod(lazy.shape[:-1])
    if not spectra.size:
        raise CrimsonError(f"none of {pixels} pixels holds a spectrum: all are NaN where the others are not, or everywhere")
    return Sample(spectra=spectra, bands=bands, pixels=pixels, bad_pixels=bad)


def _keep(
    kept: NDArray[np.float32], numbers: NDArray[np.float64], block: NDArray[Any], drawn: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], int]:
    """Join a block to what is kept so far, and let the largest numbers go."""
    spectra, own = block.reshape(-1, block.shape[-1]), drawn.reshape(-1)
    sound = np.isfinite(spectra).any(axis=1)
    low = np.flatnonzero(sound & (own < (numbers[-1] if len(numbers) >= most else np.inf)))
    joined = np.concatenate([numbers, own[low]])
    order = np.argsort(joined, kind="stable")[:most]
    return np.concatenate([kept, spectra[low].astype(np.float32)])[order], joined[order], int((~sound).sum())
