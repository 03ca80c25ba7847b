"""napari's writers: one image layer to a file of each format, with its wavenumber axis and where it is from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError
from napari_crimson.io import save_stack
from napari_crimson.plugin.layers import stack_from_layer_data

__all__ = ["write_matlab", "write_nist", "write_ome_tiff", "write_ome_zarr"]


def write_ome_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer as OME-Zarr."""
    return _write(path, data, attributes, ".zarr")


def write_nist(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer as HDF5 in the NIST layout."""
    return _write(path, data, attributes, ".h5", ".hdf5")


def write_ome_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer as OME-TIFF."""
    return _write(path, data, attributes, ".ome.tif", ".tif", ".tiff")


def write_matlab(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer as MATLAB v7.3."""
    return _write(path, data, attributes, ".mat")


def _write(path: str, data: Any, attributes: dict[str, Any], *suffixes: str) -> list[str]:
    """Save a layer, under the first of `suffixes` where `path` has none of them.

    A file in the way is replaced: napari's dialog has asked. A folder is not, nor the file that the layer reads.

    Raises
    ------
    CrimsonError
        If the layer does not say its wavenumbers, reads that file itself, or the file cannot be written.
    """
    stack = stack_from_layer_data(data[0] if attributes.get("multiscale") else data, attributes)
    place = Path(path if path.lower().endswith(suffixes) else path + suffixes[0])
    if place.exists() and Path(stack.attrs["source"]).exists() and place.samefile(stack.attrs["source"]):
        raise CrimsonError(f"{place}: is the file that layer '{attributes.get('name')}' is read from; give another name")
    save_stack(stack, place, overwrite=place.is_file())
    return [str(place)]
