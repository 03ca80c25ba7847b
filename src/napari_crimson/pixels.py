"""Some pixels of a stack: named, of a region or chosen by brightness, and read without the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.spectra import saturated

__all__ = ["Pixels", "Region", "choose_pixels", "pixels_of_region", "read_spectra"]

Region = Sequence[slice]

MOST_PIXELS = 4096  # of a region: its mean and its figures hardly move with more
_FEW = 64  # read one by one; more are read by whole chunks


@dataclass(frozen=True, eq=False, kw_only=True)
class Pixels:
    """Pixels of a stack.

    Attributes
    ----------
    index : ndarray, shape (N, ndim), int64
        ([t,] [z,] y, x) of each.
    chosen : str
        How they were chosen, for people.
    """

    index: NDArray[np.int64]
    chosen: str

    @classmethod
    def of(cls, pixels: Sequence[Sequence[int]] | NDArray[np.int64], stack: xr.Dataset) -> Pixels:
        """Take pixels as they are named.

        Raises
        ------
        CrimsonError
            If there is none, or one does not lie in the stack.
        """
        dims, shape = stack["cars"].dims[:-1], stack["cars"].shape[:-1]
        places = ", ".join(map(str, dims))
        for pixel in pixels:
            if len(pixel) != len(shape):
                raise CrimsonError(f"pixel {_text(pixel)}: this stack has pixels ({places}), give as many numbers")
            if not all(0 <= at < size for at, size in zip(pixel, shape, strict=True)):
                raise CrimsonError(f"pixel {_text(pixel)} is not in the stack of {' × '.join(map(str, shape))} pixels ({places}), from 0")
        index = np.array(pixels, dtype=np.int64).reshape(len(pixels), len(shape))
        if not len(index):
            raise CrimsonError(f"no pixel to look at; name one as ({places})")
        return cls(index=index, chosen=f"{len(index)} as named" if len(index) > 1 else f"pixel {_text(index[0])}")


def pixels_of_region(region: Region, stack: xr.Dataset) -> Pixels:
    """Take the pixels of a region, evenly spread where they are more than 4096.

    Raises
    ------
    CrimsonError
        If the region has other dims than the stack, or none of its pixels.
    """
    dims, shape = stack["cars"].dims[:-1], stack["cars"].shape[:-1]
    if len(region) != len(shape):
        raise CrimsonError(f"a region of {len(region)} slices for pixels ({', '.join(map(str, dims))}); give one for each")
    spans = [range(*part.indices(size)) for part, size in zip(region, shape, strict=True)]
    words = ", ".join(f"{part.start or 0}:{size if part.stop is None else part.stop}" for part, size in zip(region, shape, strict=True))
    if not all(spans):
        raise CrimsonError(f"region {words}: holds no pixel of the stack of {' × '.join(map(str, shape))} pixels")
    pixels = prod(map(len, spans))
    flat = np.arange(pixels) if pixels <= MOST_PIXELS else np.linspace(0, pixels - 1, MOST_PIXELS).round().astype(np.int64)
    within = np.unravel_index(flat, tuple(map(len, spans)))
    index = np.stack([np.asarray(span)[at] for span, at in zip(spans, within, strict=True)], axis=1)
    part = "" if len(index) == pixels else f", {len(index)} of them evenly spread"
    return Pixels(index=index.astype(np.int64), chosen=f"region {words}: {pixels} pixels{part}")


def choose_pixels(stack: xr.Dataset) -> Pixels:
    """Take the brightest, the median and the dimmest pixel of three rows, leaving out the saturated and empty."""
    cars = stack["cars"]
    *lead, rows, columns = cars.shape[:-1]
    every = max(1, columns // 128)
    middle = tuple(size // 2 for size in lead)
    some_rows = sorted({rows // 4, rows // 2, 3 * rows // 4})
    looked = np.array([(*middle, row, column) for row in some_rows for column in range(0, columns, every)])
    values = read_spectra(cars, Pixels(index=looked, chosen=""))
    light = values.mean(axis=1, dtype=np.float64)
    sound = np.isfinite(light) & (values.max(axis=1) > 0)
    if np.issubdtype(values.dtype, np.integer):
        sound &= ~saturated(values)
    if not sound.any():
        raise CrimsonError(f"none of the {len(looked)} pixels looked at holds a sound spectrum; name pixels or a region")
    order = np.flatnonzero(sound)[np.argsort(light[sound], kind="stable")]
    index = looked[list(dict.fromkeys(int(order[at]) for at in (-1, (len(order) - 1) // 2, 0)))]
    named = " ".join(map(_text, index))
    return Pixels(index=index, chosen=f"the brightest, median and dimmest of {len(looked)} pixels in three rows, {named}")


def read_spectra(cars: xr.DataArray, pixels: Pixels) -> NDArray[Any]:
    """Read the spectra (N, W) of some pixels, as stored."""
    lazy = cars.data
    if isinstance(lazy, np.ndarray):
        return np.asarray(lazy[tuple(pixels.index.T)])
    if len(pixels.index) > _FEW:
        return np.asarray(lazy.vindex[tuple(pixels.index.T)].compute(scheduler="synchronous"))
    # one by one: of a graph of several pixels dask reads whole chunks
    return np.stack([np.asarray(lazy[tuple(int(at) for at in pixel)].compute(scheduler="synchronous")) for pixel in pixels.index])


def _text(pixel: Sequence[int] | NDArray[np.int64]) -> str:
    return f"({', '.join(str(int(at)) for at in pixel)})"
