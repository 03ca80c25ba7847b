"""Macro rasters of the NIST layout: a dataset (n_images, W) for each line of the slow axis, ``…_slow_{n}``.

The stage moves on while the camera reads, so the spectra of a line lie unevenly. Each line says how many of
them had been taken when the stage was at some positions; between these it moved evenly. Every line is brought
to the raster's own columns, linearly between neighbours, when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.hdf5_array import check_dataset
from napari_crimson.io.lazy import Box, FileArray, check_promise
from napari_crimson.io.nist_notes import notes_of, number, vector

__all__ = ["read_lines"]

_FAST, _SLOW = "Macro.Raster.Fast.", "Macro.Raster.Slow."
_POSITIONS, _COUNTS = "MicroStage.raster.fast.pos_sample_vec", "MicroStage.raster.fast.n_images_at_pos_samples"
_ROW = "MicroStage.raster.slow.pos"
_MOST_POINTS = 1_000_000  # of a raster along one axis

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Line:
    """A line: its dataset, the image below and above each column, and the share of the one above; NaN off the line."""

    name: str
    below: NDArray[np.intp]
    above: NDArray[np.intp]
    share: Float64


def read_lines(path: Path, lines: Sequence[h5py.Dataset]) -> tuple[FileArray, dict[str, float], list[str]]:
    """Make an array (slow, fast, W) of lines in the order of their numbers; with it steps in µm, and what there is to say.

    Rows that an interrupted raster lacks, and columns over a step off the ends of a line, are NaN.

    Raises
    ------
    CrimsonError
        If lines differ in their number of points, or the raster they name is none.
    """
    for line in lines:
        check_dataset(path, line)
    points = {line.shape[1] for line in lines}
    if len(points) > 1:
        raise CrimsonError(f"{path}: the lines of one macro raster have {', '.join(map(str, sorted(points)))} points; they must be alike")
    notes = [notes_of(line) for line in lines]
    measured = [_positions(path, line, note) for line, note in zip(lines, notes, strict=True)]
    columns = _grid(path, notes[0], _FAST)
    columns = measured[0] if columns is None else columns
    rows, said = _rows(path, notes)
    grid = _grid(path, notes[0], _SLOW)
    shape = (max(max(rows) + 1, 0 if grid is None else grid.size), columns.size, points.pop())
    check_promise(path, shape, 4, path.stat().st_size)
    placed = {row: _line(line, at, columns) for row, line, at in zip(rows, lines, measured, strict=True)}
    if len(placed) < shape[0]:
        said.append(f"an interrupted raster: {len(placed)} of {shape[0]} lines are there, the others are NaN")
    said.append(f"{len(lines)} lines resampled to {columns.size} columns")
    array = FileArray(
        path=path,
        read=partial(_read, path=path, lines=placed, points=shape[2]),
        stored_shape=shape,
        dtype=np.dtype(np.float32),
        stored_chunks=(1, *shape[1:]),
    )
    return array, {dim: step for dim, step in (("x", _step(columns)), ("y", _step(grid))) if step}, said


def _positions(path: Path, line: h5py.Dataset, notes: Mapping[str, Any]) -> Float64:
    """Where each spectrum (n_images,) of a line was taken, in µm; evenly from start to stop where the line does not say."""
    images: Float64 = np.arange(float(line.shape[0]))
    at, counts = vector(notes.get(_POSITIONS)), vector(notes.get(_COUNTS))
    if at is None or counts is None:
        ends = number(notes.get(_FAST + "Start")), number(notes.get(_FAST + "Stop"))
        return images if ends[0] is None or ends[1] is None else np.linspace(ends[0], ends[1], images.size)
    if at.shape != counts.shape:
        raise CrimsonError(f"{path}: '{line.name}' has {at.size} positions for {counts.size} counts of images; export it again")
    counts, first = np.unique(counts, return_index=True)
    at = at[first]
    if counts.size < 2:
        return np.full(images.size, at[0] if at.size else 0.0)
    where = np.clip(np.searchsorted(counts, images, side="right"), 1, counts.size - 1)
    speed = (at[where] - at[where - 1]) / (counts[where] - counts[where - 1])
    return np.asarray(at[where - 1] + speed * (images - counts[where - 1]))


def _grid(path: Path, notes: Mapping[str, Any], scan: str) -> Float64 | None:
    """Positions in µm that the raster was to have along an axis; None where it does not say."""
    start, stop, steps = (number(notes.get(scan + word)) for word in ("Start", "Stop", "Steps"))
    if start is None or stop is None or steps is None:
        return None
    if not 1 <= steps <= _MOST_POINTS:
        raise CrimsonError(f"{path}: {scan}Steps is {steps:g}, expected 1 to {_MOST_POINTS}; the file is damaged, export it again")
    return np.linspace(start, stop, int(steps))


def _rows(path: Path, notes: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[str]]:
    """The row of each line: the nearest to where the stage was, or its place in the order where that is not told or ambiguous."""
    grid, told = _grid(path, notes[0], _SLOW), [number(note.get(_ROW)) for note in notes]
    at, order = [one for one in told if one is not None], list(range(len(notes)))
    if grid is None or len(at) < len(notes):
        return order, []
    rows = [int(np.abs(grid - one).argmin()) for one in at]
    if len(set(rows)) < len(rows):
        return order, ["lines taken in the order of their numbers: their positions are not those of different rows"]
    return rows, []


def _line(line: h5py.Dataset, at: Float64, columns: Float64) -> _Line:
    """Neighbours and weights of each column on a line whose spectra were taken `at`."""
    order = np.argsort(at, kind="stable")
    places, first = np.unique(at[order], return_index=True)
    images = order[first]
    above = np.clip(np.searchsorted(places, columns), min(1, places.size - 1), places.size - 1)
    below = np.maximum(above - 1, 0)
    apart = np.where(above > below, places[above] - places[below], 1.0)
    share = np.where(above > below, (columns - places[below]) / apart, 0.0)
    reach = max(_step(columns), float(apart.max()))
    off = (columns < places[0] - reach) | (columns > places[-1] + reach)
    return _Line(line.name, images[below], images[above], np.where(off, np.nan, share))


def _step(grid: Float64 | None) -> float:
    return 0.0 if grid is None or grid.size < 2 else float(abs(grid[1] - grid[0]))


def _read(box: Box, *, path: Path, lines: Mapping[int, _Line], points: int) -> NDArray[np.float32]:
    """Read a box of (slow, fast, W): of each line the spectra about the columns in it."""
    rows = range(box[0].start, box[0].stop)
    wide, high = box[1].stop - box[1].start, len(range(*box[2].indices(points)))
    out = np.full((len(rows), wide, high), np.nan, dtype=np.float32)
    with h5py.File(path, "r") as file:
        for i, row in enumerate(rows):
            if row not in lines or not wide:
                continue
            line = lines[row]
            below, above, share = line.below[box[1]], line.above[box[1]], line.share[box[1], None]
            start = min(below.min(), above.min())
            values = np.asarray(file[line.name][start : max(below.max(), above.max()) + 1, box[2]], dtype=np.float64)
            with np.errstate(over="ignore", invalid="ignore"):  # what is beyond float32 is infinite, and so a bad pixel
                out[i] = (1 - share) * values[below - start] + share * values[above - start]
    return out
