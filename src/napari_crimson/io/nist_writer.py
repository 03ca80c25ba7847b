"""Write a stack in the NIST BCARS layout of HDF5 (`nist` reads it), which CRIkit2 opens too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES
from napari_crimson.io.zarr_writer import steps_of

__all__ = ["write"]

_PROBE_NM = 771.461
_TOLERANCE_CM1 = 1e-3
_MOST_DEGREE = 9


def write(ds: xr.Dataset, path: Path, name: str) -> None:
    """Write ``cars`` or ``raman`` ([z,] y, x, W), dark and reference to ``/BCARSImage/{name}``, row by row.

    The polynomial of the calibration comes close to the axis; the exact one lies beside the image. ``raman`` is
    written as CRIkit2 keeps the result of a phase retrieval: the imaginary part of complex values.

    Raises
    ------
    CrimsonError
        If the stack holds several images, a time axis, or shifts that the probe cannot have.
    """
    images = [image for image in IMAGES if image in ds]
    if images not in (["cars"], ["raman"]) or "t" in ds[images[0]].dims:
        raise CrimsonError(
            f"{path.suffix} takes one image, cars or raman, without time axis, this stack has {', '.join(images)} along "
            f"{', '.join(map(str, ds[images[0]].dims))}; save one, such as ds[['{images[0]}']], or as .zarr"
        )
    cars, axis = ds[images[0]], ds["wavenumber"].values
    is_result = images == ["raman"]
    dtype = np.result_type(cars.dtype, np.complex64) if is_result else cars.dtype
    done = {"Processing.Steps": "; ".join(map(str, ds.attrs.get("history", ()))) or "napari-crimson"} if is_result else {}
    with h5py.File(path, "w") as file:
        group = file.create_group(f"BCARSImage/{name}")
        calibration = _calibration(axis)
        planes = {name: cars} if "z" not in cars.dims else {f"{name}_z{i}": cars[i] for i in range(cars.sizes["z"])}
        for number, (key, plane) in enumerate(planes.items()):
            image = group.create_dataset(key, plane.shape, dtype, chunks=(1, *plane.shape[1:]))
            image.attrs.update({**calibration, **_raster(ds, number), **done})
            rows = plane.data.chunks[0] if hasattr(plane.data, "chunks") else (plane.shape[0],)
            for stop, count in zip(np.cumsum(rows), rows, strict=True):
                values = np.asarray(plane.data[stop - count : stop])
                image[stop - count : stop] = 1j * values if is_result else values
        for key, word in (("Dark_Pre", "dark"), ("NRB_Pre", "reference")):
            if word in ds:
                group.create_dataset(key, data=ds[word].values[None, None]).attrs.update(calibration)
        group.create_dataset("wavenumber", data=axis).attrs["units"] = "1/cm"


def _calibration(axis: NDArray[np.float64]) -> dict[str, Any]:
    """Attributes of the axis (W,): wavelength in nm as a polynomial in the pixel, of the lowest degree that is exact enough."""
    inverse = axis + 1e7 / _PROBE_NM
    if not (inverse > 0).all():
        raise CrimsonError(f"an axis from {axis[0]:g} cm⁻¹ cannot be written for a probe of {_PROBE_NM} nm; save as .zarr")
    pixels = np.arange(axis.size, dtype=np.float64)
    coefficients: NDArray[np.float64] = np.array([1e7 / inverse[0]])
    for degree in range(1, min(_MOST_DEGREE, axis.size - 1) + 1):
        coefficients = np.asarray(np.polynomial.Polynomial.fit(pixels, 1e7 / inverse, degree).convert().coef[::-1], dtype=np.float64)
        if np.abs(1e7 / np.polyval(coefficients, pixels) - inverse).max() < _TOLERANCE_CM1:
            break
    return {
        "Spectrometer.calib.a_vec": coefficients,
        "Spectrometer.calib.ctr_wl": 0.0,
        "Spectrometer.calib.ctr_wl0": 0.0,
        "Spectrometer.calib.n_pix": axis.size,
        "Spectrometer.calib.probe": _PROBE_NM,
        "Spectrometer.calib.units": "nm",
    }


def _raster(ds: xr.Dataset, plane: int) -> dict[str, Any]:
    """Attributes of the raster, in µm, as far as the stack knows the steps."""
    notes: dict[str, Any] = {}
    steps = steps_of(ds)
    for scan, dim in (("Fast", "x"), ("Slow", "y")):
        if dim in steps:
            step, count = steps[dim], ds.sizes[dim]
            words = {"Axis": dim.upper(), "Start": 0.0, "Stop": step * (count - 1), "Steps": count, "StepSize": step, "Units": "um"}
            notes |= {f"Raster.{scan}.{word}": value for word, value in words.items()}
    if "z" in steps:
        notes |= {"Raster.Fixed.Axis": "Z", "Raster.Fixed.Position": plane * steps["z"], "Raster.Fixed.Units": "um"}
    return notes
