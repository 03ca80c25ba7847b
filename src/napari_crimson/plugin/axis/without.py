"""A file opened without an axis, to be looked at while that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.plugin.layers import KEY, LayerData, layer_data_from_stack

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["layers_without_axis", "open_and_ask"]


def layers_without_axis(path: Path, *, name: str | None = None, wavelength_nm: Any = None) -> list[LayerData]:
    """Open a stack as layers by plane, in the order of the file, which `give_axis` makes whole; with the wavelengths (W,) it tells.

    Raises
    ------
    CrimsonError
        If it cannot be opened for another reason.
    """
    from napari_crimson.io import open_stack

    layers = layer_data_from_stack(open_stack(path, wavenumber=(0.0, 1.0), name=name))  # any axis that rises, taken away below
    for _, attributes, _ in layers:
        for key, value in (("units", "pixel"), ("scale", 1.0), ("translate", 0.0)):
            attributes[key] = (value, *attributes[key][1:])
        ours: dict[str, Any] = attributes["metadata"][KEY]
        del ours["wavenumber"]
        if wavelength_nm is not None:
            ours["wavelength_nm"] = wavelength_nm
        ours["history"] = [line for line in ours["history"] if line != "axis given on opening"]
    return layers


def open_and_ask(viewer: Viewer, path: Path, *, wavelength_nm: Any = None) -> list[LayerData]:
    """The same for a reader, which hands layers to napari: once they are in the viewer, the window for the axis opens."""
    from qtpy.QtCore import QTimer

    from napari_crimson.plugin.axis.dialog import ask_for_axis
    from napari_crimson.plugin.stack_layers import needs_axis

    layers = layers_without_axis(path, wavelength_nm=wavelength_nm)
    source = layers[0][1]["metadata"][KEY]["source"]

    def ask() -> None:
        added = [layer for layer in viewer.layers if layer.metadata.get(KEY, {}).get("source") == source and needs_axis(layer)]
        if added:
            ask_for_axis(viewer, added[-1])

    QTimer.singleShot(0, ask)
    return layers
