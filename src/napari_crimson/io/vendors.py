"""Renishaw ``.wdf`` and Horiba ``.xml``, through rosettasciio, which reads a file whole.

rosettasciio believes every number in a file: `vendor_checks` looks at them first. It is an optional
dependency, under the GPL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io.dims import step_um
from napari_crimson.io.found import Found
from napari_crimson.io.quiet import quiet
from napari_crimson.io.vendor_checks import check_horiba, check_wdf

__all__ = ["read"]

_INSTALL = 'pip install "napari-crimson[vendor]"'


def read(path: Path, name: str | None) -> Found:
    """Read a map (y, x, W), a line (1, x, W) or a point (1, 1, W); `name` is not used.

    Rows that an interrupted map lacks are NaN. Wavelengths become Raman shift by the laser that the file names.
    """
    with path.open("rb") as file:
        is_wdf = file.read(4) == b"WDF1"
    try:
        reader = import_module("rsciio.renishaw" if is_wdf else "rsciio.jobinyvon").file_reader
        (check_wdf if is_wdf else check_horiba)(path)
    except ImportError as error:
        raise CrimsonError(f"{path}: reading {'.wdf' if is_wdf else 'LabSpec .xml'} needs rosettasciio: {_INSTALL}") from error
    with quiet("rsciio"):  # it warns of packages that play no part here
        signal = reader(str(path))[0]
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
    values, unit = np.asarray(axis["axis"], dtype=np.float64), axis.get("units")
    absolute = unit == "1/cm" and axis.get("name") == "Wavenumber"
    if unit == "1/cm" and not absolute:
        return {"wavenumber": values}, []
    if not (absolute or unit == "nm") or not (values > 0).all():
        return {}, []
    wavelength = 1e7 / values if absolute else values
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
