"""Spectra as stored, as floats, and which of them hold a spectrum at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AT_FULL_SCALE", "FULL_SCALE", "float_spectra", "lit_bands", "longest_at_top", "saturated", "sound_pixels"]

# of converters whose counts are stored in wider numbers, as they are or shifted to the upper bits of 16
FULL_SCALE = (*(2.0**bits - 1 for bits in range(10, 17)), *(2.0**16 - 2.0 ** (16 - bits) for bits in range(10, 16)))
AT_FULL_SCALE = 3  # bands of one spectrum: fewer may be chance

_LIT = 0.03  # of the brightest bands: what a filter or the end of a spectrum leaves below is noise, and no Raman shift


def float_spectra(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Counts (..., W) as float32; NaN in pixels that are `saturated`, which a float no longer tells."""
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and so a bad pixel
        spectra: NDArray[np.float32] = raw.astype(np.float32)
    spectra[saturated(raw)] = np.nan
    return spectra


def saturated(counts: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark (...) counts (..., W) that reach the end of their dtype, or at three bands and more that of a converter of fewer bits."""
    top = counts.max(axis=-1, initial=0)
    full = np.isin(top, FULL_SCALE)
    if full.any():
        full[full] = (counts[full] == top[full, None]).sum(axis=-1) >= AT_FULL_SCALE
    marked: NDArray[np.bool_] = full | (top == np.iinfo(counts.dtype).max) if np.issubdtype(counts.dtype, np.integer) else full
    return marked


def lit_bands(light: NDArray[Any]) -> slice:
    """From the first band to the last whose light (W,) reaches a few per cent of the brightest bands'."""
    bright = np.flatnonzero(light >= _LIT * np.percentile(light, 95))
    return slice(int(bright[0]), int(bright[-1]) + 1) if bright.size >= light.size // 8 else slice(None)


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
