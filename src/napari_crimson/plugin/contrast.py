"""Contrast limits from a small sample: napari's own way may compute a lazy stack again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["contrast", "limits"]


def contrast(spectra_last: Any) -> tuple[float, float]:
    """Contrast limits from the spectra of three rows: reads a few chunks, not the file."""
    rows = spectra_last.shape[-3]
    every = max(1, spectra_last.shape[-2] // 64)
    lead = tuple(size // 2 for size in spectra_last.shape[:-3])
    sample = [np.asarray(spectra_last[(*lead, row, slice(None, None, every))]) for row in sorted({rows // 4, rows // 2, 3 * rows // 4})]
    return limits(np.stack(sample))


def limits(sample: NDArray[Any]) -> tuple[float, float]:
    """Contrast limits that show most of a sample, whatever it holds."""
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (0.5, 99.8)))
    return (low, high) if high > low else (low, low + 1.0)
