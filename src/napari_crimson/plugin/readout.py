"""The Raman shift on the canvas, whatever dock is open: napari's slider counts planes and knows only even axes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import KEY, axis_of_layer
from napari_crimson.plugin.shown import go_to, plane_text, stacks_seen
from napari_crimson.plugin.stack_layers import is_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["OVERLAY", "WavenumberOverlay", "show_wavenumber"]

OVERLAY = "wavenumber"  # its name among the viewer's overlays
_OF_LAYERS = {"inserted", "removed", "reordered", "visible", "metadata", "data", "scale", "translate"}


class WavenumberOverlay(TextOverlay):  # type: ignore[misc]
    """Says where the slider is: of the selected stack, else of the topmost visible one; hidden where there is none.

    A first stack begins at CH2.

    It belongs to the viewer, like napari's own overlays, so that its place and size can be set in
    ``viewer.canvas.overlays["wavenumber"]``.
    """

    _viewer: Any = None

    def follow(self, viewer: ViewerModel) -> None:
        """Keep up with the slider and the layers of a viewer, for its lifetime."""
        self._viewer = viewer
        dims = viewer.dims.events
        for event in (dims.current_step, dims.order, dims.ndisplay, viewer.layers.selection.events.active):
            event.connect(self.say)
        viewer.layers.events.connect(self._layers_changed)
        viewer.layers.events.inserted.connect(self._first_look, position="last")  # napari itself goes to the middle
        self.say()

    def say(self, _: Any = None) -> None:
        """Say it anew."""
        self.text = self._now()
        self.visible = bool(self.text)

    def _layers_changed(self, event: Any) -> None:
        if event.type in _OF_LAYERS:
            self.say()

    def _first_look(self, event: Any) -> None:
        """Bring a stack of ours that comes into an empty viewer to CH2: the middle of a Raman axis is mostly silent."""
        layer = event.value
        ours = len(self._viewer.layers) == 1 and is_stack(layer) and "source" in layer.metadata.get(KEY, {})
        if ours and axis_of_layer(layer) is not None:
            with suppress(CrimsonError):  # its axis does not go there
                go_to(self._viewer, "CH2", layer=layer)

    def _now(self) -> str:
        viewer = self._viewer
        for layer in stacks_seen(viewer):
            axis = axis_of_layer(layer)
            plane = round(float(layer.world_to_data(viewer.dims.point[-layer.ndim :])[0]))
            if axis is not None and viewer.dims.ndim - layer.ndim in viewer.dims.not_displayed and 0 <= plane < axis.size:
                return plane_text(axis, plane)
        return ""


def show_wavenumber(viewer: ViewerModel | None) -> None:
    """Let a viewer show the Raman shift of what it shows, from now on; nothing where it does, or where there is no viewer."""
    if viewer is not None and OVERLAY not in viewer.canvas.overlays:
        overlay = WavenumberOverlay(position="bottom_left")
        viewer.canvas.overlays[OVERLAY] = overlay
        overlay.follow(viewer)
