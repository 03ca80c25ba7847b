"""Spectra as stored, as floats, and which of them hold a spectrum at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FULL_SCALE", "float_spectra", "longest_at_top", "sound_pixels"]

FULL_SCALE = tuple(2.0**bits - 1 for bits in (8, 10, 11, 12, 13, 14, 15, 16))  # of converters whose counts are stored in wider numbers


def float_spectra(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Counts (..., W) as float32; NaN in pixels that are saturated, which a float no longer tells.

    That is those with the largest number of their dtype, or at two bands and more that of a converter of fewer bits.
    """
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and so a bad pixel
        spectra: NDArray[np.float32] = raw.astype(np.float32)
    if np.issubdtype(raw.dtype, np.integer):
        top = raw.max(axis=-1, initial=0)
        full = np.isin(top, FULL_SCALE)
        if full.any():
            full[full] = (raw[full] == top[full, None]).sum(axis=-1) > 1
        spectra[full | (top == np.iinfo(raw.dtype).max)] = np.nan
    return spectra


def sound_pixels(spectra: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark (N,) the spectra (N, W) that are finite throughout and somewhere positive."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = spectra.sum(axis=1, dtype=np.float64)  # one pass: any NaN or infinity shows in the sum
    sound: NDArray[np.bool_] = np.isfinite(total) & (spectra.max(axis=1, initial=-np.inf) > 0)
    return sound


def longest_at_top(spectrum: NDArray[Any]) -> int:
    """The most neighbours of a spectrum (W,) that all have its maximum."""
    ends = np.flatnonzero(np.diff(spectrum == spectrum.max(), prepend=False, append=False))
    return int((ends[1::2] - ends[::2]).max(initial=0))
