"""napari's writer: one image layer as OME-Zarr, with its wavenumber axis and provenance."""

from __future__ import annotations

from typing import Any

from napari_crimson.io import save_stack
from napari_crimson.plugin.layers import stack_from_layer_data

__all__ = ["write_image"]


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer; the suffix of `path` decides the format.

    Raises
    ------
    CrimsonError
        If the layer does not say its wavenumbers, or the folder cannot be written.
    """
    save_stack(stack_from_layer_data(data[0] if attributes.get("multiscale") else data, attributes), path)
    return [path]
