"""The one loop: read a block of pixels ahead, correct it, write it behind, tell how far it is.

`stream` is a generator over the blocks, and stopping is closing it. A read or write that may succeed later is tried
again for a while (`faults`); a block whose bytes are damaged gets NaN, and the loop goes on. Where results go is a
`Sink` (see `sinks`), what is done to them a function of spectra (see `correction`): this module knows neither files
nor removers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from threading import Event
from typing import Any, Protocol

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_crimson.blocks import Region, pixels, usual_bytes, whole_chunks
from napari_crimson.errors import DamagedError, UnreachableError
from napari_crimson.faults import persist
from napari_crimson.priority import as_here, leave_cores
from napari_crimson.stopping import Heed, InSlices, outcome

__all__ = ["Correct", "Loop", "Progress", "Results", "Sink", "Tally", "correct_block", "read_block", "stream"]

Results = Mapping[str, NDArray[np.float32]]
Correct = Callable[[NDArray[Any]], Results]

_WAITING = 3  # small blocks that may wait to be written: enough to bridge a slow file, and progress and a stop stay close behind


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the loop is, after the block of pixels `region` has been written.

    `bad_pixels` have no result, those of `damaged_blocks`, which could not be read, among them; `spectra_per_s` is
    the rate of this run, without blocks of an earlier one.
    """

    region: Region
    blocks_done: int
    blocks: int
    pixels_done: int
    pixels: int
    bad_pixels: int
    damaged_blocks: int
    spectra_per_s: float
    seconds_left: float


class Sink(Protocol):
    """Where results go."""

    @property
    def arrays(self) -> Mapping[str, Any]:
        """The results by name, as they fill in."""

    def write(self, block: int, region: Region, results: Results, bad_pixels: int, damage: str = "") -> None:
        """Keep the results (*region shape, W) of a block, and why it could not be read; called from one thread, block after block."""

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""

    def damaged(self) -> dict[int, str]:
        """Give those of them that could not be read, and why."""

    def lazy(self, name: str) -> Any:
        """Give a result (..., y, x, W) as xarray takes it, as it stands when computed."""

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Take note that all blocks are there, and of what else is known by now."""

    def close(self) -> None:
        """Let go of whatever is held; what was written stays."""


def stream(
    cars: da.Array, correct: Correct, sink: Sink, regions: Sequence[Region], *, heed: Heed | None = None
) -> Generator[Progress, None, None]:
    """Correct a stack block by block.

    The next chunk of the input is read in one thread and the last block is written in another while
    the calling thread corrects; memory holds what `blocks.check_memory` counts. Closing the
    generator stops within a block: what has been corrected is written, and no thread remains.

    Parameters
    ----------
    cars : dask array, shape (..., W)
        Spectra last and whole in each chunk.
    correct : callable
        Takes spectra (N, W) as stored, returns results (N, W) by name. The first tells the bad
        pixels: those without a single number.
    sink : Sink
        Keeps the results; blocks it has already are passed over.
    regions : sequence
        The blocks, of `blocks.plan_blocks`.
    heed : callable, optional
        Called some times a second in the calling thread, also inside a block; whatever it raises ends the work, and
        the block in work is lost.

    Yields
    ------
    Progress
        After each block that has been written.

    Raises
    ------
    UnreachableError
        If the input or the sink did not answer for as long as `faults` waits; what has been written stays.
    """
    finished = sink.finished()
    todo = [block for block in range(len(regions)) if block not in finished]
    tally = Tally(regions, finished, damaged=len(sink.damaged()))
    reader, writer = (ThreadPoolExecutor(1, name, initializer=as_here()) for name in ("crimson-read", "crimson-write"))
    pending: deque[tuple[int, int, str, int, Future[None]]] = deque()
    stopped = Event()
    correct = correct if heed is None else InSlices(correct, heed)
    may_wait = usual_bytes()

    def write(*kept: Any) -> None:
        def write_now() -> None:
            with leave_cores():
                sink.write(*kept)

        persist(write_now, stopped=stopped)

    def written() -> Progress:
        block, bad, damage, _, write = pending.popleft()
        outcome(write, heed)  # raises what the write raised
        return tally.count(block, bad, damage)

    try:
        for block, spectra, damage in _read_ahead(cars, regions, todo, reader, stopped, heed):
            while pending and pending[0][-1].done():
                yield written()
            results, bad = correct_block(spectra, correct)
            size = sum(values.nbytes for values in results.values())
            pending.append((block, bad, damage, size, writer.submit(write, block, regions[block], results, bad, damage)))
            del results  # the queue alone holds them
            while len(pending) > 1 and (len(pending) > _WAITING or sum(size for *_, size, _ in pending) > may_wait):
                yield written()
        while pending:
            yield written()
    finally:
        stopped.set()
        reader.shutdown(cancel_futures=True)
        writer.shutdown()


def read_block(cars: da.Array, region: Region, *, stopped: Event | None = None) -> tuple[NDArray[Any], str]:
    """Read a block (*region shape, W), with patience; NaN, and the reason, if its bytes are damaged."""
    try:
        return _compute(cars, region, stopped), ""
    except DamagedError as error:
        shape = (*(part.stop - part.start for part in region), cars.shape[-1])
        return np.full(shape, np.nan, dtype=np.float32), str(error)


def correct_block(spectra: NDArray[Any], correct: Correct) -> tuple[Results, int]:
    """Correct a block (..., W): its results in the same shape, and the number of bad pixels."""
    results = correct(spectra.reshape(-1, spectra.shape[-1]))
    bad = int(np.isnan(next(iter(results.values()))).all(axis=1).sum())
    return {name: values.reshape(spectra.shape) for name, values in results.items()}, bad


Loop = Callable[[da.Array, Correct, Sink, Sequence[Region]], Generator[Progress, None, Mapping[str, Any] | None]]
"""As `stream`; may return what is known of the work only behind it, for the record."""


class Tally:
    """Counts blocks and pixels, and the time they took."""

    def __init__(self, regions: Sequence[Region], finished: Mapping[int, int], *, damaged: int) -> None:
        self.regions = regions
        self.sizes = [pixels(region) for region in regions]
        self.blocks, self.damaged = len(finished), damaged
        self.pixels = self.before = sum(self.sizes[block] for block in finished)
        self.total = sum(self.sizes)
        self.bad = sum(finished.values())
        self.start = time.perf_counter()

    def count(self, block: int, bad: int, damage: str) -> Progress:
        """Count a block that has been written."""
        self.blocks += 1
        self.damaged += bool(damage)
        self.pixels += self.sizes[block]
        self.bad += bad
        rate = (self.pixels - self.before) / max(time.perf_counter() - self.start, 1e-9)
        return Progress(
            region=self.regions[block],
            blocks_done=self.blocks,
            blocks=len(self.regions),
            pixels_done=self.pixels,
            pixels=self.total,
            bad_pixels=self.bad,
            damaged_blocks=self.damaged,
            spectra_per_s=rate,
            seconds_left=(self.total - self.pixels) / rate,
        )


def _read_ahead(
    cars: da.Array, regions: Sequence[Region], todo: Sequence[int], reader: ThreadPoolExecutor, stopped: Event, heed: Heed | None
) -> Iterator[tuple[int, NDArray[Any], str]]:
    """Give the blocks, their spectra and what is wrong with them, reading the chunks of the next ones meanwhile.

    Whole chunks are read, once each, because dask computes a chunk in full for any part of it; where that meets damage,
    block by block, to lose no more than must be.
    """
    chunks = dict(zip(todo, whole_chunks([regions[block] for block in todo], cars.chunks), strict=True))
    hulls = [(hull, list(blocks)) for hull, blocks in groupby(todo, key=chunks.__getitem__)]

    def read(hull: tuple[tuple[int, int], ...], blocks: list[int]) -> list[tuple[int, NDArray[Any], str]]:
        try:
            values = _compute(cars, tuple(slice(*span) for span in hull), stopped)
        except DamagedError:
            return [(block, *read_block(cars, regions[block], stopped=stopped)) for block in blocks]
        starts = [start for start, _ in hull]
        parts = [tuple(slice(cut.start - at, cut.stop - at) for cut, at in zip(regions[block], starts, strict=True)) for block in blocks]
        return [(block, values[part], "") for block, part in zip(blocks, parts, strict=True)]

    reads = (reader.submit(read, *group) for group in hulls)  # each begins when asked for
    ahead = next(reads, None)
    while ahead is not None:
        blocks = outcome(ahead, heed)
        ahead = next(reads, None)
        yield from blocks


def _compute(cars: da.Array, region: Region, stopped: Event | None) -> NDArray[Any]:
    """The values of a region, with patience."""

    def compute() -> NDArray[Any]:
        try:
            values: NDArray[Any] = cars[region].compute(scheduler="synchronous")
        except OSError as error:  # of an array that did not come from `io`, which tells by itself
            cure = "is its file still there, and its disk or share connected?"
            raise UnreachableError(f"the stack cannot be read now ({error}); {cure}") from error
        return values

    return persist(compute, stopped=stopped)
