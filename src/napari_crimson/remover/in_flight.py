"""Passes on a GPU, two in flight: while one is computed, the next spectra come and the last results go.

Each of the two has a stream of its own and memory on the host that is pinned, so that copies run beside the computing. How many spectra
a pass has depends on the free memory of the device; where that was not enough it is halved, and the work goes on.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_crimson.device import free_memory, is_full
from napari_crimson.errors import CrimsonError

__all__ = ["InFlight"]

Run = Callable[[Tensor], list[Tensor]]

_MOST_POINTS = 8192 * 1000  # spectra times points of a pass: more makes no GPU faster
_BYTES_A_POINT = 400  # of a pass in work: channels in float32, their Fourier transforms, layers in half precision
_FEWEST = 512  # spectra of a pass, where there are as many: below it a GPU waits more than it works
_FLIGHTS = 2


class InFlight:
    """Passes on one device, of a size that its memory allows."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._points = max(1, min(_MOST_POINTS, free_memory(device) // (2 * _FLIGHTS * _BYTES_A_POINT)))

    def run(self, one: Run, spectra: NDArray[Any], results: Sequence[NDArray[Any]], points: int) -> None:
        """Have `one` pass after the other fill `results` (N, W) from `spectra` (N, W); `points` is the length of the network's grid.

        Raises
        ------
        CrimsonError
            If there is no memory for a single spectrum.
        """
        done = 0
        while done < len(spectra):
            several = max(_FEWEST, -(-len(spectra) // (2 * _FLIGHTS)))  # passes, or nothing would run beside
            size = max(1, min(len(spectra), several, self._points // points))
            full = False
            try:
                for stop in self._fly(one, spectra, results, done, size):
                    done = stop
            except RuntimeError as error:
                if not is_full(error):
                    raise
                if size == 1:
                    told = f"{self.device} has no memory left for a single spectrum; close other programs, or take device='cpu'"
                    raise CrimsonError(told) from None
                full = True
            if full:  # the error, which held what the pass had made, is gone by now
                if self.device.startswith("cuda"):
                    torch.cuda.empty_cache()
                self._points = size * points // 2

    def _fly(self, one: Run, spectra: NDArray[Any], results: Sequence[NDArray[Any]], start: int, size: int) -> Iterator[int]:
        """Run passes of some size from spectrum `start` on; tells after each, in order, where it ended."""
        flights = [_Flight(self.device, stream, spectra, results, size) for stream in _streams(self.device)]
        waiting, on_the_way = deque(flights), deque[_Flight]()
        try:
            for at in range(start, len(spectra), size):
                if not waiting:
                    yield on_the_way[0].land()
                    waiting.append(on_the_way.popleft())
                on_the_way.append(waiting.popleft())
                on_the_way[-1].start(one, slice(at, min(at + size, len(spectra))))
            for flight in on_the_way:
                yield flight.land()
        except BaseException:
            if not all(flight.is_at_rest() for flight in flights):
                # to free pinned memory that a lost device still holds would end the process: it is kept for good
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(flights))
            raise


@cache
def _streams(device: str) -> list[torch.cuda.Stream | None]:
    """A stream for each flight, always the same: memory that is done with on one is taken again on that one only."""
    return [torch.cuda.Stream(device) if device.startswith("cuda") else None for _ in range(_FLIGHTS)]  # type: ignore[no-untyped-call]


class _Flight:
    """Room for one pass on its way: there, through the network, and back."""

    def __init__(
        self, device: str, stream: torch.cuda.Stream | None, spectra: NDArray[Any], results: Sequence[NDArray[Any]], size: int
    ) -> None:
        self._device, self._stream, self._spectra, self._results = device, stream, spectra, results
        self._cuda = stream is not None
        if self._stream is not None:  # weights and axis may still be on their way
            self._stream.wait_stream(torch.cuda.current_stream(device))
        self._given = self._room(spectra, size)
        self._answers = [self._room(result, size) for result in results]
        self._rows = slice(0)

    def start(self, one: Run, rows: slice) -> None:
        """Send spectra on their way; on a GPU this does not wait."""
        self._rows, count = rows, rows.stop - rows.start
        np.copyto(self._given[:count].numpy(), self._spectra[rows])
        on_stream: AbstractContextManager[Any] = nullcontext() if self._stream is None else torch.cuda.stream(self._stream)
        with on_stream:
            answers = one(self._given[:count].to(self._device, non_blocking=self._cuda))
            for room, answer in zip(self._answers, answers, strict=True):
                room[:count].copy_(answer, non_blocking=self._cuda)

    def land(self) -> int:
        """Wait for the results, put them in their place, and tell where they end."""
        if self._stream is not None:
            self._stream.synchronize()
        for result, room in zip(self._results, self._answers, strict=True):
            result[self._rows] = room[: self._rows.stop - self._rows.start].numpy()
        return self._rows.stop

    def is_at_rest(self) -> bool:
        """Wait until nothing is under way; False if the device does not answer."""
        try:
            if self._stream is not None:
                self._stream.synchronize()
        except RuntimeError:
            return False
        return True

    def _room(self, like: NDArray[Any], size: int) -> Tensor:
        """Memory on the host for `size` rows, where a GPU can fetch them by itself."""
        dtype = torch.from_numpy(np.empty(0, like.dtype)).dtype
        return torch.empty((size, like.shape[1]), dtype=dtype, pin_memory=self._cuda)
