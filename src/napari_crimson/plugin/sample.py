"""Sample data: *File › Open Sample › CRIMSON*, simulated on the spot, with the truth as hidden layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_crimson.plugin.layers import LayerData, layer_data_from_stack

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["liquids", "tissue", "tissue_small"]

_MAP = "concentration_"


def tissue() -> list[LayerData]:
    """Tissue-like stack of 128 × 128 pixels; hidden, the Raman-like stack it was made from, and how much of what is where."""
    return _simulated((128, 128), sample="tissue", name="tissue")


def tissue_small() -> list[LayerData]:
    """The same in 48 × 48 pixels, for a first try in seconds."""
    return _simulated((48, 48), sample="tissue", name="tissue small")


def liquids() -> list[LayerData]:
    """Chambers of oil, of DMSO, and of water with beads of polystyrene and drops of oil; with the same truth."""
    return _simulated((128, 128), sample="liquids", name="liquids")


def _simulated(shape: tuple[int, int], *, sample: str, name: str) -> list[LayerData]:
    from napari import current_viewer

    from napari_crimson.plugin.readout import show_wavenumber
    from napari_crimson.plugin.waiting import wait_for

    show_wavenumber(current_viewer())
    stack = wait_for(partial(_simulate, shape, sample))
    layers = layer_data_from_stack(stack, name=name)
    for _, attributes, _ in layers[1:]:
        attributes |= {"name": f"{name} · truth", "visible": False}
    maps = [str(variable) for variable in stack if str(variable).startswith(_MAP)]
    return [
        *layers,
        *(_map_layer(stack[variable], f"{name} · truth: {variable.removeprefix(_MAP).replace('_', ' ')}") for variable in maps),
    ]


def _simulate(shape: tuple[int, int], sample: str) -> xr.Dataset:
    from napari_crimson.phantom import simulate_stack

    return simulate_stack(shape, sample=sample, seed=0)


def _map_layer(concentration: xr.DataArray, name: str) -> LayerData:
    """Layer of how much of one species is where, from 0 to 1; on a size in µm as the stack's."""
    dims = tuple(map(str, concentration.dims))
    attributes = {
        "name": name,
        "axis_labels": dims,
        "units": ("um",) * len(dims),
        "scale": tuple(float(np.diff(concentration[dim].values[:2])[0]) for dim in dims),
        "contrast_limits": (0.0, 1.0),
        "visible": False,
    }
    return concentration.values, attributes, "image"
