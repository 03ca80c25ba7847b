"""Contrast limits from a small sample: napari's own way may compute a lazy stack again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.bands_front import read_now

__all__ = ["contrast", "limits"]

_PLACES = ((0.25, 0.3), (0.5, 0.7), (0.75, 0.5))  # of the height and the width
_RUN = 128  # pixels side by side: in one or two pieces of a file


def contrast(spectra_last: Any) -> tuple[float, float]:
    """Contrast limits from the spectra of three runs of pixels over the image: reads a few chunks, not the file."""
    rows, columns = spectra_last.shape[-3:-1]
    lead = tuple(size // 2 for size in spectra_last.shape[:-3])
    run = min(_RUN, columns)
    sample = []
    for down, right in _PLACES:
        start = min(int(right * columns) // run * run, columns - run)  # within one chunk of a usual size
        sample.append(read_now(spectra_last[(*lead, min(int(down * rows), rows - 1), slice(start, start + run))]))
    return limits(np.stack(sample))


def limits(sample: NDArray[Any]) -> tuple[float, float]:
    """Contrast limits that show most of a sample, whatever it holds."""
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (0.5, 99.8)))
    return (low, high) if high > low else (low, low + 1.0)
