"""The cut of a stack into blocks of pixels; no spectrum is ever cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil, prod

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.memory import under_limit, work_room

__all__ = ["BLOCK_BYTES", "Region", "check_memory", "pixels", "plan_blocks", "usual_bytes", "whole_chunks"]

Region = tuple[slice, ...]

BLOCK_BYTES = 16 * 2**20  # of float32 spectra: about a second of a network on a laptop, so stopping is prompt
_PARTS = 20  # of a limit on memory: a block and its results, five times, beside the chunks that are read (`check_memory`)
_BLOCKS, _PIXELS = 32, 256  # a small stack also shows progress, in this many blocks, but none smaller than this


def usual_bytes() -> int:
    """Largest size of a block as float32 where nothing else is said: less under a limit on memory, which has to hold several."""
    return under_limit(BLOCK_BYTES, _PARTS)


def pixels(region: Region) -> int:
    """How many pixels a block has."""
    return prod(part.stop - part.start for part in region)


def plan_blocks(
    shape: tuple[int, ...],
    chunks: tuple[tuple[int, ...], ...],
    /,
    *,
    align: tuple[int, ...] | None = None,
    block_bytes: int | None = None,
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
        Largest size of a block as float32, unless a chunk of the sink is larger; by default `usual_bytes`.
    """
    block_bytes = usual_bytes() if block_bytes is None else block_bytes
    sizes = shape[:-1]
    align = align or (1,) * len(sizes)
    most = max(1, min(block_bytes // (4 * shape[-1]), max(_PIXELS, ceil(prod(sizes) / _BLOCKS))))

    cells = [_cells(*axis) for axis in zip(sizes, chunks[:-1], align, strict=True)]
    longest = [max(stop - start for start, stop in axis) for axis in cells]
    room = most // prod(longest)  # how many cells make up a block
    for axis in reversed(range(len(sizes))):
        cells[axis] = _join(cells[axis], longest[axis] * max(1, room))
        room //= ceil(max(stop - start for start, stop in cells[axis]) / longest[axis])
    return [region for cell in product(*cells) for region in _cut(cell, align, most)]


def whole_chunks(regions: Sequence[Region], chunks: Sequence[Sequence[int]]) -> list[tuple[tuple[int, int], ...]]:
    """Widen each block to whole chunks of the input, as dask computes them: start and stop along each pixel dim."""
    borders = [np.cumsum((0, *sizes)) for sizes in chunks[:-1]]
    return [
        tuple(
            (int(edge[np.searchsorted(edge, cut.start, "right") - 1]), int(edge[np.searchsorted(edge, cut.stop, "left")]))
            for cut, edge in zip(region, borders, strict=True)
        )
        for region in regions
    ]


def check_memory(regions: Sequence[Region], chunks: Sequence[Sequence[int]], itemsize: int, result_bytes: int) -> None:
    """Refuse blocks of which not even those in work fit.

    These are three times the whole chunks around a block, those it was cut from, and those around the next with the pieces that they
    are put together from; a block as float32; and its results five times, one just made, three that wait to be written or are, and one
    as the disk has it (`stream`). A value takes `itemsize` bytes in the input, and `result_bytes` in all results together.

    Raises
    ------
    CrimsonError
        With what they take.
    """
    points = chunks[-1][0]
    largest = max(pixels(region) for region in regions)
    read = max(prod(stop - start for start, stop in hull) for hull in whole_chunks(regions, chunks))
    size = points * (3 * read * itemsize + largest * (4 + 5 * result_bytes))
    room = work_room()
    if size > room:
        raise CrimsonError(
            f"blocks of {largest} spectra of {points} points, of which {read} are read at once, take {size / 2**20:.3g} MiB in work, "
            f"for which there are {room / 2**20:.3g} MiB of memory; allow more by a limit on memory, or save the stack with smaller chunks"
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
