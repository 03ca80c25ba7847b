"""The spectral axis from outside a file: given by the user, or lying beside the stack.

Everything ends in Raman shift in cm⁻¹, in the order of the file; `make_stack` turns it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.inside import is_inside
from napari_crimson.io.spectral import is_spectral, is_wavelength
from napari_crimson.io.units import is_per_cm, nm_per_unit
from napari_crimson.text_file import read_text

__all__ = ["axis_beside", "given_axis", "read_axis"]

_MOST_BYTES = 16 * 2**20
_CURE = "give wavenumber= as (first, last) in cm⁻¹, as {points} values, or as the path of a text, CSV or JSON file with them"


def given_axis(wavenumber: ArrayLike | str | Path, points: int) -> NDArray[np.float64]:
    """Make an axis of what the user gave: values (W,), a file of them, or first and last of `points`.

    Raises
    ------
    CrimsonError
        If it is neither, or the file does not hold an axis.
    """
    if isinstance(wavenumber, str | Path):
        return read_axis(Path(wavenumber), points)
    try:
        axis = np.asarray(wavenumber, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CrimsonError(f"wavenumber={wavenumber!r} is no axis: {_CURE.format(points=points)}") from error
    if axis.ndim != 1:
        raise CrimsonError(f"wavenumber= has shape {axis.shape}: {_CURE.format(points=points)}")
    return np.linspace(axis[0], axis[1], points) if axis.size == 2 else axis


def axis_beside(path: Path, lengths: tuple[int, ...]) -> tuple[NDArray[np.float64], str]:
    """Find the axis in a file beside the stack; with it, a line for the history.

    A neighbour counts when its values fit one of `lengths`, the likely one first.

    Raises
    ------
    CrimsonError
        If there is none: says what was looked at, and how to give the axis.
    """
    seen = []
    for neighbour in _neighbours(path):
        if not is_inside(neighbour, path.parent):
            seen.append(f"{neighbour.name} leads to {neighbour.resolve()}, outside the folder")
            continue
        try:
            axis = read_axis(neighbour, lengths[0])
        except CrimsonError as error:
            seen.append(str(error).removesuffix("; " + _CURE.format(points=lengths[0])))
            continue
        if axis.size in lengths:
            return axis, f"axis from {neighbour.name}"
        seen.append(f"{neighbour.name} has {axis.size} values")
    looked = f" ({'; '.join(seen)})" if seen else f", such as {path.stem}.csv or wavelength.json"
    raise CrimsonError(
        f"{path}: no spectral axis for {lengths[0]} bands, neither in it nor beside it{looked}; " + _CURE.format(points=lengths[0])
    )


def read_axis(path: Path, points: int) -> NDArray[np.float64]:
    """Read an axis (W,) from a text, CSV or JSON file.

    Text: one value a line, or columns under a line of names, of which that named as a Raman shift
    is taken, else the first. JSON: a list, or the ``wavelength.json`` of HS-MOSAIC.

    Raises
    ------
    CrimsonError
        If the file is missing or holds no axis.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except OSError as error:
        raise CrimsonError(
            f"{path}: the spectral axis cannot be read ({error.strerror or error}); " + _CURE.format(points=points)
        ) from error
    except ValueError as error:
        raise CrimsonError(f"{path}: is no text, so no spectral axis ({error}); " + _CURE.format(points=points)) from error
    try:
        with np.errstate(all="ignore"):  # numbers from a file may be any; what they amount to is checked
            axis = _from_json(json.loads(text), points) if path.suffix.lower() == ".json" else _from_text(text)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CrimsonError(f"{path}: holds no spectral axis ({error}); " + _CURE.format(points=points)) from error
    if axis.ndim != 1 or axis.size == 0:
        raise CrimsonError(f"{path}: holds no spectral axis (shape {axis.shape}); " + _CURE.format(points=points))
    return axis


def _neighbours(path: Path) -> list[Path]:
    """Files that may hold the axis of `path`, in the order in which they are asked."""
    folders = [path, path.parent] if path.is_dir() else [path.parent]
    stems = [path.stem, f"{path.stem}_wavenumber", "wavelength", "wavenumber", "wavenumbers"]
    names = [stem + suffix for stem in stems for suffix in (".json", ".csv", ".txt")]
    return [folder / name for folder in folders for name in names if (folder / name).is_file()]


def _from_text(text: str) -> NDArray[np.float64]:
    """Read a column of numbers; separators are tabs, semicolons, commas or blanks."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "#%"]
    if not lines:
        raise ValueError("no line of numbers")
    mark = next((mark for mark in "\t;," if mark in lines[-1]), None)
    rows = [[cell.strip().strip("\"'") for cell in line.split(mark)] for line in lines]
    if mark == ";":
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    names = rows.pop(0) if not _is_number(rows[0][0]) else []
    if not rows:
        raise ValueError(f"nothing below '{lines[0][:40]}'")
    likely = [i for i, name in enumerate(names) if is_spectral(name)]
    column = min(likely, key=lambda i: (names[i].lower() != "raman", is_wavelength(names[i])), default=0)
    if names and re.search(r"\bnm\b|wavelength", names[column], re.IGNORECASE):
        raise ValueError(f"column '{names[column]}' is a wavelength; convert it to Raman shift in cm⁻¹")
    cells = rows[0] if len(rows) == 1 else [row[column] if column < len(row) else "" for row in rows]
    wrong = next((i for i, cell in enumerate(cells) if not _is_number(cell)), None)
    if wrong is not None:
        raise ValueError(f"value {wrong + 1} is '{cells[wrong][:40]}', not a number")
    return np.array(cells, dtype=np.float64)


def _from_json(record: Any, points: int) -> NDArray[np.float64]:
    """Read a list of values, or a record with the values or the two beams of which they come."""
    if isinstance(record, list):
        return np.array(record, dtype=np.float64)
    unit = record.get("spectral_unit") or record.get("unit") or "cm-1"
    factor = nm_per_unit(unit)
    values = record.get("custom_values") or record.get("custom_points")
    if values:
        if not is_per_cm(unit) and factor is None:
            raise ValueError(f"unit '{unit}'; expected cm-1 or nm")
        axis = np.array(values, dtype=np.float64)
        return axis if factor is None else _shift(axis * factor, record)
    if "tuned_min_nm" not in record:
        raise ValueError(f"neither custom_values nor tuned_min_nm among {', '.join(map(str, list(record)[:9])) or 'nothing'}")
    first = float(record["tuned_min_nm"])
    last = record.get("tuned_max_nm")
    last = float(last) if last is not None else first + float(record["tuned_step_nm"]) * (points - 1)
    if not np.isfinite([first, last]).all():
        raise ValueError(f"the tuned beam goes from {first:g} to {last:g} nm")
    return _shift(np.linspace(first, last, points), record)


def _shift(tuned_nm: NDArray[np.float64], record: dict[str, Any]) -> NDArray[np.float64]:
    """Raman shift in cm⁻¹ of the tuned wavelengths (W,) against the fixed beam: 1/λ_pump − 1/λ_Stokes."""
    beam = str(record.get("tuned_beam", "")).lower()
    if beam not in ("pump", "stokes") or "fixed_beam_nm" not in record:
        raise ValueError("wavelengths in nm need tuned_beam (pump or stokes) and fixed_beam_nm to become a Raman shift")
    fixed_nm = float(record["fixed_beam_nm"])
    if not (0 < fixed_nm < np.inf and np.isfinite(tuned_nm).all() and (tuned_nm > 0).all()):
        raise ValueError(f"beams of {fixed_nm:g} and {tuned_nm.min():g} to {tuned_nm.max():g} nm; wavelengths are above 0")
    shift = 1e7 / tuned_nm - 1e7 / fixed_nm
    shift = shift if beam == "pump" else -shift
    if not np.isfinite(shift).all():
        raise ValueError(f"beams of {fixed_nm:g} and {tuned_nm.min():g} to {tuned_nm.max():g} nm make shifts beyond any number")
    if (shift < 0).all():
        raise ValueError(f"tuned_beam '{beam}' makes every shift negative: the pump is the beam of shorter wavelength")
    return shift


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
