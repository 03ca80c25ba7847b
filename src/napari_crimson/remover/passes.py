"""How spectra are cut into the passes of a network on a CPU, and how long those should be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise

from napari_crimson.device import CPU_CORES
from napari_crimson.measured import keep, kept
from napari_crimson.processor import machine

__all__ = ["Passes"]

_USUAL = 64_000  # spectra times points: a CPU is fastest while a layer's activations stay in its cache
_TRIED = (16_000, 32_000, _USUAL, 128_000)
_ROUNDS = 6  # of each; the first makes kernels ready
_PAYS = 1.05  # times as quick as the usual one
_FEW, _MIDDLING = 16, 64  # spectra of a pass


class Passes:
    """Passes of one network on this machine; their length is found out on the first large block, and kept for all later ones.

    What comes out of a pass is the same, to the last bit, however long it is.

    Parameters
    ----------
    network : str
        What its speed depends on: architecture and number format.
    """

    def __init__(self, network: str) -> None:
        self._name = f"spectra times points of a pass; {network}; {machine()}"
        found = kept(self._name)
        self._points = int(found) if found in _TRIED else None
        self._seconds: dict[int, list[float]] = {}
        self._tried: dict[int, int] = {}  # spectra of a pass, and what it is of `_TRIED`

    def cut(self, count: int, points: int) -> list[slice]:
        """Cut `count` spectra of some points into passes."""
        size = max(1, (self._points or _USUAL) // points)
        if count < size * CPU_CORES:  # a slice of a block: each core has a share of it
            size = min(size, _MIDDLING, max(_FEW, -(-count // CPU_CORES)))
        tried = {max(1, wanted // points): wanted for wanted in _TRIED}
        trial = _ROUNDS * sum(tried)
        if self._points or len(tried) < len(_TRIED) or min(tried) < _FEW or count < trial + size:
            return _slices(_sizes(count, size))
        self._tried, self._seconds = tried, {}
        return _slices([*(_ROUNDS * list(tried)), *_sizes(count - trial, size)])

    @contextmanager
    def timed(self, rows: slice) -> Iterator[None]:
        """Note how long a pass takes."""
        begun = time.perf_counter()
        yield
        if self._points is None and self._tried:
            self._seconds.setdefault(rows.stop - rows.start, []).append(time.perf_counter() - begun)
            if all(len(self._seconds.get(size, ())) >= _ROUNDS for size in self._tried):
                self._choose()

    def _choose(self) -> None:
        rates = {points: size / min(self._seconds[size]) for size, points in self._tried.items()}
        best = max(rates, key=lambda points: rates[points])
        self._points = best if rates[best] >= _PAYS * rates[_USUAL] else _USUAL
        keep(self._name, self._points)


def _sizes(count: int, size: int) -> list[int]:
    """Sizes of the passes over `count` spectra: `size` and smaller ones, none of them of a few spectra where it can be helped.

    A product of a few rows is worked out in another order than one of many, and the last bits of a spectrum would depend on where a
    block ends; from 16 to 80 spectra, and in whole passes, they do not on any processor we have tried.
    """
    few = _FEW if size >= _FEW else 0
    sizes: list[int] = []
    for batch in (size, min(_MIDDLING, size)):
        while (left := count - sum(sizes)) == batch or left >= batch + few:
            sizes.append(batch)
    return [*sizes, count - sum(sizes)]


def _slices(sizes: list[int]) -> list[slice]:
    return [slice(start, stop) for start, stop in pairwise([0, *accumulate(sizes)]) if stop > start]
