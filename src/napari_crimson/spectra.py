"""Spectra as stored, as floats, and which of them hold a spectrum at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["float_spectra", "sound_pixels"]


def float_spectra(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Counts (..., W) as float32; NaN in pixels that are saturated, which a float no longer tells."""
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and so a bad pixel
        spectra: NDArray[np.float32] = raw.astype(np.float32)
    if np.issubdtype(raw.dtype, np.integer):
        spectra[raw.max(axis=-1) == np.iinfo(raw.dtype).max] = np.nan
    return spectra


def sound_pixels(spectra: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark (N,) the spectra (N, W) that are finite throughout and somewhere positive."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = spectra.sum(axis=1, dtype=np.float64)  # one pass: any NaN or infinity shows in the sum
    sound: NDArray[np.bool_] = np.isfinite(total) & (spectra.max(axis=1, initial=-np.inf) > 0)
    return sound
