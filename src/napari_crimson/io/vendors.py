"""Renishaw, Horiba, TriVista and Mountains files, through rosettasciio, which reads a file whole.

rosettasciio believes every number in a file: `wdf_check`, `xml_checks` and `surf_check` look at them first. It is
an optional dependency, under the GPL.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io.dims import step_um
from napari_crimson.io.formats import FORMATS, recognise
from napari_crimson.io.found import Found
from napari_crimson.io.quiet import quiet
from napari_crimson.io.surf_check import check_surf
from napari_crimson.io.units import is_per_cm, nm_per_unit
from napari_crimson.io.wdf_check import check_wdf
from napari_crimson.io.xml_checks import check_horiba, check_trivista

__all__ = ["read"]

# how a file begins: what is looked at, and the part of rosettasciio that reads it; XML is told by `formats`
_BINARY: dict[bytes, tuple[Callable[[Path], None], str]] = {
    b"WDF1": (check_wdf, "renishaw"),
    b"DSCO": (check_surf, "digitalsurf"),
    b"DIGI": (check_surf, "digitalsurf"),
}
_XML: dict[str, tuple[Callable[[Path], None], str]] = {"horiba": (check_horiba, "jobinyvon"), "trivista": (check_trivista, "trivista")}
_INSTALL = 'pip install "napari-crimson[vendor]"'


def read(path: Path, name: str | None) -> Found:
    """Read a map (y, x, W), a line (1, x, W) or a point (1, 1, W); `name` is not used.

    Rows that an interrupted map lacks are NaN. Wavelengths become Raman shift by the laser that the file names.
    """
    check, reader = _reader_of(path)
    try:
        file_reader = import_module(f"rsciio.{reader}").file_reader
        check(path)
    except ImportError as error:
        raise CrimsonError(f"{path}: reading {path.suffix} needs rosettasciio: {_INSTALL}") from error
    with quiet("rsciio"), warnings.catch_warnings():  # it logs of packages that play no part here
        warnings.filterwarnings("error", message=".*decompression bomb")  # a photograph beside the map, which is unpacked too
        signal = file_reader(str(path))[0]
    *pixel_axes, spectral = sorted(signal["axes"], key=lambda axis: int(axis["index_in_array"]))
    data = np.asarray(signal["data"])
    history = []
    rows = _rows_wanted(signal, data.shape)
    if rows is not None:
        history.append(f"an interrupted map: {data.shape[0]} of {rows} rows were finished, the others are NaN")
        data = np.concatenate([data, np.full((rows - data.shape[0], *data.shape[1:]), np.nan, data.dtype)])
    while data.ndim < 3:
        data = data[None]
    axis, said = _axis(spectral, signal["metadata"])
    return Found(arrays={"cars": data}, step_um=_steps(pixel_axes), spectra_last=True, history=(*history, *said), **axis)


def _reader_of(path: Path) -> tuple[Callable[[Path], None], str]:
    with path.open("rb") as file:
        start = file.read(4)
    return _BINARY.get(start) or next(_XML[key] for key, form in FORMATS.items() if key in _XML and form is recognise(path))


def _rows_wanted(signal: Mapping[str, Any], shape: tuple[int, ...]) -> int | None:
    """Rows of a Renishaw map that was interrupted, of which rosettasciio gives those that were finished; None for any other."""
    notes = signal["original_metadata"]
    header, scan = notes.get("WDF1_1", {}), notes.get("WMAP_0")
    if scan is None or len(shape) != 3 or header["num_spectra"] == header["capacity"]:
        return None
    columns, rows = (int(size) for size in scan["size_xyz"][:2])
    return rows if columns == shape[1] and rows > shape[0] and rows * columns == header["capacity"] else None


def _axis(axis: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The axis (W,) and what was done to it: shifts as they are, wavelengths and absolute wavenumbers against the file's laser."""
    unit = axis.get("units")
    even = float(axis.get("offset", 0)) + float(axis.get("scale", 1)) * np.arange(int(axis.get("size", 0)))
    values = np.asarray(axis.get("axis", even), dtype=np.float64)
    absolute = is_per_cm(unit) and axis.get("name") == "Wavenumber"
    if is_per_cm(unit) and not absolute:
        return {"wavenumber": values}, []
    factor = nm_per_unit(unit)
    if not (absolute or factor) or not (values > 0).all():
        return {}, []
    wavelength = 1e7 / values if absolute else values * (factor or 1.0)
    laser = (metadata.get("Acquisition_instrument", {}).get("Laser") or {}).get("wavelength")
    if not laser or not np.isfinite(laser) or laser <= 0:
        return {"wavelength_nm": wavelength}, []
    shift = 1e7 / laser - 1e7 / wavelength
    anti_stokes = bool((shift < 0).all())
    side = "anti-Stokes" if anti_stokes else "Stokes"
    return {"wavenumber": -shift if anti_stokes else shift}, [f"Raman shift ({side}) against the laser in the file, {float(laser):.3f} nm"]


def _steps(axes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Pixel steps in µm; a line of spectra lies along x whatever its axis is called."""
    dims = ("y", "x")[-len(axes) :] if axes else ()
    return step_um({dim: (abs(float(axis.get("scale", 0))), axis.get("units")) for dim, axis in zip(dims, axes, strict=False)})
