"""Images, spectra and pictures of the analysis on disk."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import check_eager
from napari_crimson.table import write_table

__all__ = ["read_labels", "write_image", "write_picture", "write_regions", "write_spectra"]


def read_labels(path: Path) -> NDArray[Any]:
    """Read labels ([t,] [z,] y, x), as napari saves them (``.tif``), or from ``.npy``.

    Raises
    ------
    CrimsonError
        If the file is of another kind, cannot be read, or is too large.
    """
    try:
        if path.suffix.lower() == ".npy":
            labels = np.load(path, mmap_mode="r", allow_pickle=False)
            check_eager(path, f"labels of shape {labels.shape}", labels.nbytes)
            return np.asarray(labels)
        if path.suffix.lower() not in (".tif", ".tiff"):
            raise CrimsonError(f"{path}: labels are read from .tif and .npy; save the Labels layer as .tif")
        with tifffile.TiffFile(path) as file:
            check_eager(path, f"labels of shape {file.series[0].shape}", file.series[0].nbytes)
            return np.asarray(file.asarray())
    except (CrimsonError, MemoryError):
        raise
    except Exception as error:  # whatever a library says of bytes that are not what it expected
        raise CrimsonError(f"{path}: no labels can be read ({error}); save the Labels layer as .tif again") from error


def write_image(image: xr.DataArray, path: Path) -> None:
    """Write an image ([t,] [z,] y, x), or several along ``component``, as OME-TIFF with its steps and how it was made.

    Raises
    ------
    CrimsonError
        If it cannot be written.
    """
    axes = "".join("C" if dim == "component" else str(dim).upper() for dim in image.dims)
    history = "\n".join(image.attrs.get("history", ()))
    metadata: dict[str, Any] = {"axes": axes, "Name": str(image.name or path.stem), "Description": history}
    if "component" in image.dims:
        metadata["Channel"] = {"Name": [f"component {number}" for number in image["component"].values]}
    for dim in ("z", "y", "x"):
        if dim in image.coords and image.sizes[dim] > 1:
            metadata |= {f"PhysicalSize{dim.upper()}": float(np.diff(image[dim].values[:2])[0]), f"PhysicalSize{dim.upper()}Unit": "µm"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, image.values, ome=True, photometric="minisblack", metadata=metadata)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_spectra(spectra: xr.DataArray, path: Path) -> None:
    """Write spectra (component, wavenumber) as CSV: a column for the axis in cm⁻¹, and one for each.

    Raises
    ------
    CrimsonError
        If it cannot be written.
    """
    columns = {f"component_{number}": values for number, values in zip(spectra["component"].values, spectra.values, strict=True)}
    _write_columns(spectra["wavenumber"].values, columns, path)


def write_regions(regions: xr.Dataset, path: Path) -> None:
    """Write what `regions.region_spectra` gives as CSV: the axis in cm⁻¹, and of each region mean, standard deviation and pixels.

    Raises
    ------
    CrimsonError
        If it cannot be written.
    """
    columns = {
        f"region_{number}_{word}": regions[word].sel(region=number).values
        for number in regions["region"].values
        for word in ("mean", "sd", "pixels")
    }
    _write_columns(regions["wavenumber"].values, columns, path)


def _write_columns(axis: NDArray[Any], columns: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a table; an empty cell where there is no value."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            write_table(file, ["wavenumber_cm1", *columns], [axis, *columns.values()])
    except OSError as error:
        raise _unwritable(path, error) from error


def write_picture(rgb: NDArray[np.uint8], path: Path) -> None:
    """Write a picture (Y, X, 3) of bytes as PNG (ISO/IEC 15948).

    Raises
    ------
    CrimsonError
        If it is no such picture, or cannot be written.
    """
    if rgb.ndim != 3 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8:
        raise CrimsonError(f"a picture of shape {rgb.shape} and type {rgb.dtype}: give (y, x, 3) of uint8, one plane of a stack")
    height, width, _ = rgb.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each begins with the number of its filter, none
    rows[:, 1:] = rgb.reshape(height, -1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
        (b"IEND", b""),
    )
    body = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> CrimsonError:
    return CrimsonError(f"{path}: cannot be written ({error.strerror or error}); check space and permissions, or choose another folder")
