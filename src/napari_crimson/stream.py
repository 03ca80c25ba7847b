"""The one loop: read a block of pixels ahead, correct it, write it behind, tell how far it is.

`plan_blocks` cuts the pixels into blocks, no spectrum is ever cut; `stream` is a generator over them,
and stopping is closing it. Where results go is a `Sink` (see `sinks`), what is done to them a
function of spectra (see `remove`): this module knows neither files nor removers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, product
from math import ceil, prod
from typing import Any, Protocol

import dask.array as da
import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_BYTES", "Correct", "Progress", "Region", "Results", "Sink", "plan_blocks", "stream"]

Region = tuple[slice, ...]
Results = Mapping[str, NDArray[np.float32]]
Correct = Callable[[NDArray[Any]], Results]

BLOCK_BYTES = 16 * 2**20  # of float32 spectra: about a second of a network on a laptop, so stopping is prompt
_BLOCKS, _PIXELS = 32, 256  # a small stack also shows progress, in this many blocks, but none smaller than this


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the loop is, after the block of pixels `region` has been written.

    `bad_pixels` have no result; `spectra_per_s` is the rate of this run, without blocks of an earlier one.
    """

    region: Region
    blocks_done: int
    blocks: int
    pixels_done: int
    pixels: int
    bad_pixels: int
    spectra_per_s: float
    seconds_left: float


class Sink(Protocol):
    """Where results go."""

    @property
    def arrays(self) -> Mapping[str, Any]:
        """The results by name, as they fill in."""

    def write(self, block: int, region: Region, results: Results, bad_pixels: int) -> None:
        """Keep the results (*region shape, W) of a block; called from one thread, block after block."""

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""

    def lazy(self, name: str) -> Any:
        """Give a result (..., y, x, W) as xarray takes it, as it stands when computed."""

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Take note that all blocks are there, and of what else is known by now."""

    def close(self) -> None:
        """Let go of whatever is held; what was written stays."""


def plan_blocks(
    shape: tuple[int, ...],
    chunks: tuple[tuple[int, ...], ...],
    /,
    *,
    align: tuple[int, ...] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> list[Region]:
    """Cut the pixels of a stack into blocks, each pixel once.

    Blocks that lie in the same chunk of the input follow each other, so that `stream` reads it once.

    Parameters
    ----------
    shape : tuple
        Of the stack, ``(..., y, x, wavenumber)``.
    chunks : tuple of tuple
        Of the input, as of a dask array.
    align : tuple, optional
        Chunks of the sink over the pixel dims: blocks begin and end on their borders.
    block_bytes : int
        Largest size of a block as float32, unless a chunk of the sink is larger.
    """
    sizes = shape[:-1]
    align = align or (1,) * len(sizes)
    pixels = max(1, min(block_bytes // (4 * shape[-1]), max(_PIXELS, ceil(prod(sizes) / _BLOCKS))))

    cells = [_cells(*axis) for axis in zip(sizes, chunks[:-1], align, strict=True)]
    longest = [max(stop - start for start, stop in axis) for axis in cells]
    room = pixels // prod(longest)  # how many cells make up a block
    for axis in reversed(range(len(sizes))):
        cells[axis] = _join(cells[axis], longest[axis] * max(1, room))
        room //= ceil(max(stop - start for start, stop in cells[axis]) / longest[axis])
    return [region for cell in product(*cells) for region in _cut(cell, align, pixels)]


def stream(cars: da.Array, correct: Correct, sink: Sink, regions: Sequence[Region]) -> Generator[Progress, None, None]:
    """Correct a stack block by block.

    The next chunk of the input is read in one thread and the last block is written in another while
    the calling thread corrects; memory holds two chunks and three blocks. Closing the generator
    stops within a block: what has been corrected is written, and no thread remains.

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
        The blocks, of `plan_blocks`.

    Yields
    ------
    Progress
        After each block that has been written.
    """
    finished = sink.finished()
    todo = [block for block in range(len(regions)) if block not in finished]
    tally = _Tally(regions, finished)
    reader, writer = ThreadPoolExecutor(1, "crimson-read"), ThreadPoolExecutor(1, "crimson-write")
    pending: deque[tuple[int, int, Future[None]]] = deque()
    try:
        for block, spectra in _read_ahead(cars, regions, todo, reader):
            while pending and pending[0][2].done():
                yield tally.count(*pending.popleft())
            results = correct(spectra)
            bad = int(np.isnan(next(iter(results.values()))).all(axis=1).sum())
            shape = tuple(part.stop - part.start for part in regions[block])
            shaped = {name: values.reshape(*shape, -1) for name, values in results.items()}
            pending.append((block, bad, writer.submit(sink.write, block, regions[block], shaped, bad)))
            while len(pending) > 1:
                yield tally.count(*pending.popleft())
        while pending:
            yield tally.count(*pending.popleft())
    finally:
        reader.shutdown(cancel_futures=True)
        writer.shutdown()


class _Tally:
    """Counts blocks and pixels, and the time they took."""

    def __init__(self, regions: Sequence[Region], finished: Mapping[int, int]) -> None:
        self.regions = regions
        self.sizes = [prod(part.stop - part.start for part in region) for region in regions]
        self.blocks = len(finished)
        self.pixels = self.before = sum(self.sizes[block] for block in finished)
        self.total = sum(self.sizes)
        self.bad = sum(finished.values())
        self.start = time.perf_counter()

    def count(self, block: int, bad: int, written: Future[None]) -> Progress:
        written.result()  # raises what the write raised
        self.blocks += 1
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
            spectra_per_s=rate,
            seconds_left=(self.total - self.pixels) / rate,
        )


def _read_ahead(
    cars: da.Array, regions: Sequence[Region], todo: Sequence[int], reader: ThreadPoolExecutor
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Give the blocks and their spectra (N, W), reading the chunks of the next ones meanwhile.

    Whole chunks are read, once each, because dask computes a chunk in full for any part of it.
    """
    borders = [np.cumsum((0, *sizes)) for sizes in cars.chunks[:-1]]
    groups = groupby(todo, key=lambda block: _hull(regions[block], borders))
    hulls = [(hull, list(blocks)) for hull, blocks in groups]

    def read(hull: tuple[tuple[int, int], ...]) -> NDArray[Any]:
        values: NDArray[Any] = cars[tuple(slice(*span) for span in hull)].compute(scheduler="synchronous")
        return values

    reads = (reader.submit(read, hull) for hull, _ in hulls)  # each begins when asked for
    ahead = next(reads, None)
    for hull, blocks in hulls:
        assert ahead is not None
        values = ahead.result()
        ahead = next(reads, None)
        for block in blocks:
            part = tuple(slice(cut.start - start, cut.stop - start) for cut, (start, _) in zip(regions[block], hull, strict=True))
            yield block, values[part].reshape(-1, values.shape[-1])


def _hull(region: Region, borders: Sequence[NDArray[np.int64]]) -> tuple[tuple[int, int], ...]:
    """Widen a region to whole chunks."""
    return tuple(
        (int(edge[np.searchsorted(edge, cut.start, "right") - 1]), int(edge[np.searchsorted(edge, cut.stop, "left")]))
        for cut, edge in zip(region, borders, strict=True)
    )


def _cells(size: int, chunks: tuple[int, ...], step: int) -> list[tuple[int, int]]:
    """Cut an axis where a border of the input meets one of the sink."""
    borders = [int(border) for border in np.cumsum(chunks) if border % step == 0 and border < size]
    return list(zip([0, *borders], [*borders, size], strict=True))


def _join(cells: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Join neighbours up to an extent of `limit`."""
    joined = cells[:1]
    for start, stop in cells[1:]:
        if stop - joined[-1][0] <= limit:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _cut(cell: tuple[tuple[int, int], ...], align: tuple[int, ...], pixels: int) -> Iterator[Region]:
    """Cut a cell into blocks of about `pixels`, of whole steps of `align`, the last axis longest."""
    tiles = max(1, pixels // prod(min(step, stop - start) for step, (start, stop) in zip(align, cell, strict=True)))
    axes: list[list[slice]] = []
    for (start, stop), step in zip(reversed(cell), reversed(align), strict=True):
        there = ceil((stop - start) / step)
        parts = ceil(there / min(there, tiles))
        extent = ceil(there / parts) * step
        tiles = max(1, tiles // ceil(there / parts))
        axes.insert(0, [slice(at, min(at + extent, stop)) for at in range(start, stop, extent)])
    yield from product(*axes)
