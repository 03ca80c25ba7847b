"""One spectrum from a file of its own: a dark or a reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from napari_crimson.errors import CrimsonError
from napari_crimson.io.open import open_stack
from napari_crimson.text_file import read_text

__all__ = ["read_spectrum"]

_MOST_BYTES = 16 * 2**20
_TEXT = (".txt", ".csv", ".dat")


def read_spectrum(path: str | Path, wavenumber: Any = None) -> xr.DataArray:
    """Read a spectrum (W,) with its own axis, now.

    A text file has two columns, wavenumber in cm⁻¹ and counts; of a stack the mean over its pixels is taken.

    Parameters
    ----------
    path : str or path
        A text file (.txt, .csv, .dat), or whatever `open_stack` opens.
    wavenumber : optional
        Axis of a stack that does not tell its own, as `open_stack` takes it.

    Raises
    ------
    CrimsonError
        If the file is missing or holds no spectrum.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() in _TEXT:
        return _read_columns(path)
    try:
        cars = open_stack(path)["cars"]
    except CrimsonError:
        if wavenumber is None:
            raise
        cars = open_stack(path, wavenumber=wavenumber)["cars"]
    return cars.mean(cars.dims[:-1], dtype="float64").compute()


def _read_columns(path: Path) -> xr.DataArray:
    try:
        rows = [re.split(r"[\s,;]+", line.strip()) for line in read_text(path, _MOST_BYTES).splitlines() if line.strip("# \t")]
        start = 0 if rows and re.match(r"[-+.\d]", rows[0][0]) else 1  # a line of column names
        table = np.array(rows[start:], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise CrimsonError(f"{path}: cannot be read as two columns of numbers ({error}); give wavenumber in cm⁻¹ and counts") from error
    if table.ndim != 2 or table.shape[1] != 2:
        raise CrimsonError(f"{path}: numbers of shape {table.shape}, expected two columns, wavenumber in cm⁻¹ and counts")
    table = table[np.argsort(table[:, 0])]
    return xr.DataArray(table[:, 1], {"wavenumber": table[:, 0]}, "wavenumber")
