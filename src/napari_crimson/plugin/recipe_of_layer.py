"""The recipe a layer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_crimson.plugin.layers import KEY

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["recipe_of_layer"]


def recipe_of_layer(layer: Layer) -> str:
    """Text of the recipe a layer carries, empty where it carries none."""
    text = layer.metadata.get(KEY, {}).get("provenance", {}).get("recipe", "")
    return text if isinstance(text, str) else ""
