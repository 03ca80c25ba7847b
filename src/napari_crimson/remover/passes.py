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

_USUAL = 128_000  # spectra times points
_TRIED = (32_000, 64_000, _USUAL, 256_000, 512_000)
_ROUNDS = 4  # of each; the first makes kernels ready
_PAYS = 1.05  # times as quick as the usual one
_FEW, _MIDDLING = 16, 64  # spectra of a pass


class Passes:
    """Passes of one network on this machine; their length is found out on the first blocks, and kept for all later ones.

    Convolutions like their numbers in the cache, recurrent layers many spectra side by side. What comes out of a pass is the same,
    to the last bit, however long it is.

    Parameters
    ----------
    network : str
        What its speed depends on: architecture and number format.
    """

    def __init__(self, network: str) -> None:
        self._name = f"spectra times points of a pass; {network}; {machine()}"
        found = kept(self._name)
        self._points = int(found) if found in _TRIED else None
        self._tried: dict[int, int] = {}  # spectra of a pass, and what it is of `_TRIED`
        self._seconds: dict[int, list[float]] = {}

    def cut(self, count: int, points: int) -> list[slice]:
        """Cut `count` spectra of some points into passes."""
        size = max(1, (self._points or _USUAL) // points)
        trial: list[int] = []
        for one in self._due(points):
            if sum(trial) + one + size <= count:
                trial.append(one)
        return _slices([*trial, *_sizes(count - sum(trial), size)])

    @contextmanager
    def timed(self, rows: slice) -> Iterator[None]:
        """Note how long a pass takes."""
        begun = time.perf_counter()
        yield
        seconds, tried = self._seconds, self._tried  # another thread may begin anew, with another axis
        times = seconds.get(rows.stop - rows.start)
        if self._points is None and times is not None:
            times.append(time.perf_counter() - begun)
            if seconds.keys() == tried.keys() and all(len(found) >= _ROUNDS for found in seconds.values()):
                self._choose({points: size / min(seconds[size]) for size, points in tried.items()})

    def _due(self, points: int) -> list[int]:
        """Sizes of the passes that are still to be tried, none where the length is known."""
        if self._points is not None:
            return []
        tried = {wanted // points: wanted for wanted in _TRIED if wanted // points >= _FEW}
        if tried != self._tried:  # the first block, or another axis
            self._tried, self._seconds = tried, {size: [] for size in tried}
        return [size for size in tried for _ in range(_ROUNDS - len(self._seconds[size]))] if _USUAL in tried.values() else []

    def _choose(self, rates: dict[int, float]) -> None:
        best = max(rates, key=lambda points: rates[points])
        self._points = best if rates[best] >= _PAYS * rates[_USUAL] else _USUAL
        keep(self._name, self._points)


def _sizes(count: int, size: int) -> list[int]:
    """Sizes of the passes over `count` spectra, as many of each for every core: `size`, halves of it, and so on, the last ones short.

    None of them is of a few spectra where it can be helped: a product of a few rows is worked out in another order than one of many,
    and the last bits of a spectrum would depend on where a block ends; from 16 spectra on they do not on any processor we have tried.
    """
    sizes: list[int] = []
    left = count
    while size > _MIDDLING:
        rounds, rest = divmod(left, size * CPU_CORES)
        if rounds and 0 < rest < _FEW:
            rounds -= 1
        sizes += [size] * (rounds * CPU_CORES)
        left -= size * rounds * CPU_CORES
        size //= 2
    passes = max(1, min(left // _FEW, CPU_CORES * -(-left // (size * CPU_CORES))))
    return [*sizes, *(left * (number + 1) // passes - left * number // passes for number in range(passes))]


def _slices(sizes: list[int]) -> list[slice]:
    return [slice(start, stop) for start, stop in pairwise([0, *accumulate(sizes)]) if stop > start]
