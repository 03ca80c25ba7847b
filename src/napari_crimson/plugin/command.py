"""The removal and the slider without the mouse: for the command palette, and for scripts with a viewer."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import ArrayLike

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import give_axis, stack_from_layer
from napari_crimson.plugin.remove.live import LiveLayer, growing_data, sample_block, take_note
from napari_crimson.plugin.shown import go_to

__all__ = ["go_to", "remove_from_layer", "remove_from_selected"]


def remove_from_selected(viewer: Viewer) -> None:
    """Remove the background of the selected layer with the settings of the dock widget, which opens if it must."""
    from napari_crimson.plugin.background import tell
    from napari_crimson.plugin.docks import open_dock
    from napari_crimson.plugin.remove.widget import RemoveWidget
    from napari_crimson.plugin.shown import layer_meant

    widget = open_dock(viewer, RemoveWidget, "Remove background")
    try:
        layer = layer_meant(viewer)
        if layer is not None:
            widget.choose(layer.name)
    except CrimsonError as error:
        tell(error)
    else:
        widget.run()


def remove_from_layer(
    viewer: ViewerModel, layer: Image, remover: Any = "cnn", *, wavenumber: ArrayLike | None = None, **options: Any
) -> Image:
    """Remove the background of a layer and return when it is done; needs no Qt.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets the new layer.
    layer : napari.layers.Image
        Axes ``(wavenumber, [t,] [z,] y, x)``.
    remover : str, path, Remover or callable
        As for `napari_crimson.load_remover`.
    wavenumber : array_like, shape (W,), optional
        Axis of a layer that does not bring its own; it stays with the layer.
    **options
        As for ``napari_crimson.remove.plan_removal``: reference, dark, device, output and others.

    Returns
    -------
    napari.layers.Image
        The new layer, "<source> · <remover>".

    Raises
    ------
    CrimsonError
        If the layer is no stack, or the removal cannot be done as asked.
    """
    from napari_crimson.remove import plan_removal

    if wavenumber is not None:
        give_axis(layer, wavenumber)
    removal = plan_removal(stack_from_layer(layer), remover, **options)
    data, complete = growing_data(removal), False
    live = LiveLayer(viewer, layer, removal, data)
    try:
        with closing(removal.run()) as blocks:
            for progress in blocks:
                take_note(data, progress.region)
                live.show(sample_block(data, progress.region))
        complete = True
    finally:
        live.finish(complete=complete)
    return live.layer
