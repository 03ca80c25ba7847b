"""Sample data: *File › Open Sample › CRIMSON*, simulated with its truth."""

from __future__ import annotations

from typing import Any

from napari_crimson.plugin.layers import layer_data_from_stack

__all__ = ["tissue", "tissue_small"]


def tissue() -> list[Any]:
    """Tissue-like stack of 128 × 128 pixels, and, hidden, the Raman-like stack it was made from."""
    return _simulated((128, 128), name="tissue")


def tissue_small() -> list[Any]:
    """The same in 48 × 48 pixels, for a first try in seconds."""
    return _simulated((48, 48), name="tissue small")


def _simulated(shape: tuple[int, int], *, name: str) -> list[Any]:
    from napari import current_viewer

    from napari_crimson.phantom import simulate_stack
    from napari_crimson.plugin.readout import show_wavenumber

    show_wavenumber(current_viewer())
    layers = layer_data_from_stack(simulate_stack(shape, seed=0), name=name)
    for _, attributes, _ in layers[1:]:
        attributes["name"] = f"{name} · truth"
        attributes["visible"] = False
    return layers
