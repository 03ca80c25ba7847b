"""Andor Solis: ``.asc``, text, column 0 the axis, each further column a spectrum.

Lines of settings may stand above or below the table. Solis does not say what column 0 is in; it is taken
as a wavelength in nm.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import Found
from napari_crimson.io.lazy import check_eager

__all__ = ["read"]

_CUT = "the file ends without a line break: it may be cut short"  # other programs may leave it out, so it is not refused
_GROWTH = 4  # a number takes at least two characters in the file, and eight bytes in memory


def read(path: Path, name: str | None) -> Found:
    """Read the table as a line of spectra (1, N, W), float64; `name` is not used."""
    check_eager(path, "its table", path.stat().st_size * _GROWTH)
    with path.open(encoding="latin-1") as file:
        rows = list(_table(file))
    widths = sorted({row.size for row in rows})
    if not rows or widths[-1] < 2:
        raise CrimsonError(f"{path}: holds no table of numbers with an axis and at least one spectrum; export it from Solis as ASCII again")
    if len(widths) > 1:
        raise CrimsonError(f"{path}: lines of {widths[0]} and of {widths[-1]} numbers in one table; it is truncated, copy it again")
    table = np.stack(rows)
    history = ("column 0 is the axis", *(() if _ends_with_break(path) else (_CUT,)))
    return Found(arrays={"cars": table[:, 1:].T[None]}, wavelength_nm=table[:, 0], spectra_last=True, history=history)


def _ends_with_break(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) in b"\r\n"


def _table(lines: Iterator[str]) -> Iterator[NDArray[np.float64]]:
    """Yield the rows of the first block of numbers."""
    begun = False
    for line in lines:
        row = _numbers(line.strip())
        if row.size:
            begun = True
            yield row
        elif begun:
            return


def _numbers(line: str) -> NDArray[np.float64]:
    """The numbers of a line; none if it is not all numbers. Commas part them, unless tabs or semicolons do: then they are decimal."""
    mark = next((mark for mark in "\t;" if mark in line), None)
    cells = line.replace(",", ".").split(mark) if mark else line.replace(",", " ").split()
    try:
        return np.array([cell for cell in cells if cell.strip()], dtype=np.float64)
    except ValueError:
        return np.empty(0)
