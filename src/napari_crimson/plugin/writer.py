"""napari's writers: image layers to a file of each format, with their wavenumber axis and where they are from.

OME-Zarr and MATLAB take several layers of one stack, such as what was measured and what was made of it. napari's command palette
calls the same functions with nothing: they ask where to save the selected layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io import save_stack
from napari_crimson.plugin.layers import IMAGES, LayerData, stack_from_layer_data

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["write_matlab", "write_nist", "write_ome_tiff", "write_ome_zarr"]


def write_ome_zarr(path: str = "", layers: Sequence[LayerData] = ()) -> list[str]:
    """Save layers of one stack as OME-Zarr."""
    return _write(path, layers, ".zarr")


def write_matlab(path: str = "", layers: Sequence[LayerData] = ()) -> list[str]:
    """Save layers of one stack as MATLAB v7.3."""
    return _write(path, layers, ".mat")


def write_nist(path: str = "", data: Any = None, attributes: dict[str, Any] | None = None) -> list[str]:
    """Save a layer as HDF5 in the NIST layout."""
    return _write(path, [(data, attributes or {}, "image")], ".h5", ".hdf5")


def write_ome_tiff(path: str = "", data: Any = None, attributes: dict[str, Any] | None = None) -> list[str]:
    """Save a layer as OME-TIFF."""
    return _write(path, [(data, attributes or {}, "image")], ".ome.tif", ".tif", ".tiff")


def _write(path: str, layers: Sequence[LayerData], *suffixes: str) -> list[str]:
    """Save layers, under the first of `suffixes` where `path` has none of them; ask for a path where there is none.

    A file in the way is replaced: napari's dialog has asked. A folder is not, nor a file that a layer reads.

    Raises
    ------
    CrimsonError
        If a layer does not say its wavenumbers, reads that file itself, or is of another stack than the others, or if
        the file cannot be written.
    """
    if not path:
        _save_selected(suffixes)
        return []
    place = Path(path if path.lower().endswith(suffixes) else path + suffixes[0])
    stacks = {}
    for data, attributes, _ in layers:
        stack = stack_from_layer_data(data[0] if attributes.get("multiscale") else data, attributes)
        stacks[str(attributes.get("name", "layer"))] = stack
        if place.exists() and Path(stack.attrs["source"]).exists() and place.samefile(stack.attrs["source"]):
            raise CrimsonError(f"{place}: is the file that layer '{attributes.get('name')}' is read from; give another name")
    save_stack(_joined(stacks), place, overwrite=place.is_file())
    return [str(place)]


def _save_selected(suffixes: tuple[str, ...]) -> None:
    """Save the selected layer where the user says."""
    from napari import current_viewer

    from napari_crimson.plugin.on_selected import save

    viewer = current_viewer()
    if viewer is not None:
        save(viewer, suffixes=suffixes)


def _joined(stacks: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """One stack of those of several layers, by name; what is known of a result goes before what is known of what it was made of."""
    image = {name: next(variable for variable in IMAGES if variable in stack) for name, stack in stacks.items()}
    by_variable = sorted(stacks, key=lambda name: IMAGES.index(image[name]))
    first = by_variable[0]
    joined = stacks[first]
    for name in by_variable[1:]:
        stack = stacks[name]
        alike = stack[image[name]].shape == joined[image[first]].shape and np.array_equal(stack["wavenumber"], joined["wavenumber"])
        if image[name] in joined or not alike:
            raise CrimsonError(
                f"layers '{first}' and '{name}' are both {image[name]}, or of other pixels or wavenumbers: one file holds one stack; "
                "save them one by one"
            )
        joined = joined.assign({image[name]: stack[image[name]].variable})
    told = next((name for name in by_variable if image[name] == "raman"), first)
    return joined.assign_attrs(stacks[told].attrs)
