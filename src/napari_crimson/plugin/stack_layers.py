"""Which layers are stacks, and of what: the questions that the docks ask before they offer a layer."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

from napari_crimson.plugin.layers import KEY

__all__ = ["is_corrected", "is_measured", "is_stack", "needs_axis", "variable_of"]


def is_stack(layer: Any) -> bool:
    """Tell whether a layer may be a stack of spectra."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3


def variable_of(layer: Any) -> str:
    """What a stack holds: ``cars``, ``raman`` or ``uncertainty``; of another reader's it is taken to be measured."""
    return str(layer.metadata.get(KEY, {}).get("variable", "cars"))


def is_measured(layer: Any) -> bool:
    """Tell whether a layer can be a stack of measured intensities."""
    return is_stack(layer) and variable_of(layer) == "cars"


def is_corrected(layer: Any) -> bool:
    """Tell whether a layer is a corrected stack."""
    return is_stack(layer) and variable_of(layer) == "raman"


def needs_axis(layer: Any) -> bool:
    """Tell whether the wavenumber axis of a layer is for the user to give."""
    ours = layer.metadata.get(KEY, {})
    return "wavenumber" not in ours or "given" in ours
