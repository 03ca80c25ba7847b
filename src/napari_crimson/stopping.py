"""How a run stops within a fraction of a second: blocks are corrected a slice at a time, and waits listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Heed", "InSlices", "outcome"]

T = TypeVar("T")

Heed = Callable[[], object]  # called again and again; whatever it raises ends the work
Results = Mapping[str, NDArray[np.float32]]

_FEWEST = 16  # spectra of a slice: fewer waste what a remover does once for all
_SHORT_S, _LONG_S = 0.2, 0.8  # of a slice: below, the next is larger, above, smaller
_LISTEN_S = 0.05


class InSlices:
    """Correct spectra (N, W) in slices of pixels, with a stop check ahead of each.

    Slices grow and shrink with the time they take. Results are those of a single call: no spectrum knows of the others.

    Parameters
    ----------
    correct : callable
        Takes spectra (N, W), returns results (N, W) by name.
    heed : callable
        The check; what it raises ends the work.
    """

    def __init__(self, correct: Callable[[NDArray[Any]], Results], heed: Heed) -> None:
        self._correct, self._heed = correct, heed
        self._pixels = _FEWEST

    def __call__(self, spectra: NDArray[Any]) -> Results:
        """Correct a block."""
        parts: list[Results] = []
        start = 0
        while start < len(spectra):
            self._heed()
            stop = start + self._pixels
            if len(spectra) - stop < _FEWEST:
                stop = len(spectra)
            began = time.perf_counter()
            parts.append(self._correct(spectra[start:stop]))
            self._pace(time.perf_counter() - began, whole=stop - start >= self._pixels)
            start = stop
        return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _pace(self, took_s: float, *, whole: bool) -> None:
        """Choose the size of the next slice."""
        if took_s > _LONG_S:
            self._pixels = max(_FEWEST, self._pixels // 2)
        elif took_s < _SHORT_S and whole:
            self._pixels *= 2


def outcome(future: Future[T], heed: Heed | None) -> T:
    """Wait for a future and give its result, heeding meanwhile."""
    while heed is not None and not future.done():
        heed()
        wait([future], timeout=_LISTEN_S)
    return future.result()
