"""ENVI: a header of text (``.hdr``) and, beside it, an array without one, which stays in its file."""

from __future__ import annotations

import re
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io.dims import step_um
from napari_crimson.io.found import Found
from napari_crimson.io.inside import check_inside
from napari_crimson.io.lazy import FileArray, read_raw
from napari_crimson.io.units import is_per_cm, nm_per_unit

__all__ = ["read"]

_MAGIC = b"ENVI"
_MOST_HEADER_BYTES = 16 * 2**20
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
# interleave: the order in which the dimensions are stored, and where y, x, W are among them
_ORDERS = {
    "bsq": (("bands", "lines", "samples"), (1, 2, 0)),
    "bil": (("lines", "bands", "samples"), (0, 2, 1)),
    "bip": (("lines", "samples", "bands"), (0, 1, 2)),
}
_DATA_SUFFIXES = ("", ".dat", ".img", ".raw", ".bsq", ".bil", ".bip")


def read(path: Path, name: str | None) -> Found:
    """Read a stack from its header or from its data file, the other beside it; `name` is not used."""
    with path.open("rb") as file:
        header = path if file.read(len(_MAGIC)) == _MAGIC else _header_of(path)
    data = path if path != header else _data_of(header)
    check_inside(data if header == path else header, path.parent, of=path)
    fields = _fields(header)
    cars = _lazy(header, data, fields)
    return Found(arrays={"cars": cars}, step_um=_steps(fields), spectra_last=True, **_axis(header, fields, cars.shape[-1]))


def _header_of(data: Path) -> Path:
    names = [data.with_suffix(suffix) for suffix in (".hdr", ".HDR")] + [data.with_name(data.name + ".hdr")]
    found = next((name for name in names if name.is_file()), None)
    if found is None:
        raise CrimsonError(f"{data}: no header {data.stem}.hdr beside it, without which its bytes mean nothing; put it there")
    return found


def _data_of(header: Path) -> Path:
    stem = header.with_suffix("")
    names = [stem.with_name(stem.name + form(suffix)) for suffix in _DATA_SUFFIXES for form in (str.lower, str.upper)]
    found = next((name for name in names if name != header and name.is_file()), None)
    if found is None:
        raise CrimsonError(
            f"{header}: an ENVI header, but its data are not beside it; looked for {stem.name} without suffix and with "
            f"{' '.join(_DATA_SUFFIXES[1:])}"
        )
    return found


def _fields(header: Path) -> dict[str, str]:
    """The header's ``key = value`` by key in lower case; values in braces may run over lines."""
    if header.stat().st_size > _MOST_HEADER_BYTES:
        raise CrimsonError(f"{header}: {header.stat().st_size} bytes are too many for an ENVI header; give the .hdr of the stack")
    text = header.read_text(encoding="utf-8-sig", errors="replace")
    if not text.startswith(_MAGIC.decode()):
        raise CrimsonError(f"{header}: begins with {text[:8]!r}, an ENVI header with 'ENVI'; export the stack again")
    pairs = re.findall(r"^[ \t]*([^=\n;{}]+?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n]*)", text, re.MULTILINE)
    return {key.lower(): value.strip("{} \t\r\n") for key, value in pairs}


def _whole(header: Path, fields: dict[str, str], key: str, fallback: int | None = None, least: int = 0) -> int:
    value = fields.get(key, fallback)
    try:
        number = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise CrimsonError(f"{header}: {key} is {value!r}, expected a whole number from {least} on; export the stack again")
    return number


def _required(header: Path, fields: dict[str, str], key: str, allowed: str) -> str:
    """A field that the format demands, and without which the numbers would be others without a word."""
    if not fields.get(key):
        raise CrimsonError(
            f"{header}: has no '{key}', which is {allowed}; add the line that is true of the data, or export the stack again"
        )
    return fields[key]


def _lazy(header: Path, data: Path, fields: dict[str, str]) -> FileArray:
    """The array (y, x, W) as the header describes it."""
    code, interleave = _whole(header, fields, "data type"), _required(header, fields, "interleave", " or ".join(_ORDERS)).lower()
    if code not in _TYPES:
        raise CrimsonError(f"{header}: data type {code} is none of ENVI's {list(_TYPES)}")
    if interleave not in _ORDERS:
        raise CrimsonError(f"{header}: interleave {interleave!r}, expected one of {', '.join(_ORDERS)}")
    if fields.get("file compression", "0") != "0":
        raise CrimsonError(f"{header}: the data are compressed, which is not read; save them without compression")
    dims, order = _ORDERS[interleave]
    shape = tuple(_whole(header, fields, dim, least=1) for dim in dims)
    stored = np.dtype(_TYPES[code])
    if stored.itemsize > 1:
        ends = _required(header, fields, "byte order", "0 (little-endian) or 1 (big-endian)")
        if ends not in ("0", "1"):
            raise CrimsonError(f"{header}: byte order is {ends!r}, expected 0 (little-endian) or 1 (big-endian); export the stack again")
        stored = stored.newbyteorder(">" if ends == "1" else "<")
    offset = _whole(header, fields, "header offset", 0)
    needed, size = offset + prod(shape) * stored.itemsize, data.stat().st_size
    if needed > size:
        raise CrimsonError(
            f"{data}: {dict(zip(dims, shape, strict=True))} of {stored.name} need {needed} bytes, there are {size}; it is truncated, or "
            f"{header.name} belongs to another file"
        )
    reader = partial(read_raw, path=data, dtype=stored, shape=shape, offset=offset)
    return FileArray(path=data, read=reader, stored_shape=shape, dtype=stored.newbyteorder("=")).turned(order)


def _axis(header: Path, fields: dict[str, str], bands: int) -> dict[str, Any]:
    """The axis (W,) by the unit the header names; none if it names none that is spectral."""
    if "wavelength" not in fields:
        return {}
    unit = fields.get("wavelength units", "")
    try:
        values = np.array([cell for cell in fields["wavelength"].split(",") if cell.strip()], dtype=np.float64)
    except ValueError as error:
        raise CrimsonError(f"{header}: the wavelengths are not all numbers ({str(error)[:100]}); mend them, or remove them") from error
    if values.size != bands:
        raise CrimsonError(f"{header}: {values.size} wavelengths for {bands} bands; mend the header, or remove the wavelengths")
    if is_per_cm(unit):
        return {"wavenumber": values}
    factor = nm_per_unit(unit)
    return {} if factor is None else {"wavelength_nm": values * factor}


def _steps(fields: dict[str, str]) -> dict[str, float]:
    """Pixel steps in µm, from ``pixel size = {x, y, units=…}`` where the unit is named."""
    cells = [cell.strip() for cell in fields.get("pixel size", "").split(",")]
    unit = next((cell.partition("=")[2].strip() for cell in cells if cell.lower().startswith("units")), "")
    try:
        return step_um({"x": (float(cells[0]), unit), "y": (float(cells[1]), unit)})
    except (ValueError, IndexError):
        return {}
