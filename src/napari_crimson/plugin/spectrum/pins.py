"""Pinned pixels: a Points layer over the stack, each point in the colour of its spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points

from napari_crimson.plugin.pointing.marks import COLOURS, Mark

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.plugin.pointing.spectra_source import Pixel

__all__ = ["Pins"]

_SIZE_PX = 12  # on the screen, at the zoom of the first pin


class Pins:
    """The pins of one stack; its layer comes with the first pin, and may be edited, or deleted, like any other.

    Parameters
    ----------
    viewer, image
        Where the stack is shown.
    changed : callable
        Called when pins have come, gone or moved.
    """

    def __init__(self, viewer: ViewerModel, image: Image, changed: Callable[[], None]) -> None:
        self.image = image
        self._viewer, self._changed = viewer, changed
        self._layer: Points | None = None

    @property
    def layer(self) -> Points | None:
        """The layer of the pins, while it is in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def toggle(self, pixel: Pixel) -> None:
        """Pin a pixel, or let it go where it is pinned."""
        layer = self.layer
        if layer is None:
            layer = self._make_layer(pixel)
        there = [index for index, pinned in enumerate(self._pixels()) if pinned == pixel]
        if there:
            layer.selected_data = set(there)
            layer.remove_selected()
            return
        taken = {mark.colour for mark in self.marks()}
        free = next((colour for colour in COLOURS if colour not in taken), COLOURS[len(layer.data) % len(COLOURS)])
        layer.current_face_color = free
        layer.add(np.array([pixel], dtype=float))
        layer.selected_data = set()

    def clear(self) -> None:
        """Let all pins go, with their layer."""
        layer = self.layer
        self._forget()
        if layer is not None:
            self._viewer.layers.remove(layer)
            self._changed()

    def close(self) -> None:
        """Leave the pins where they are, and watch them no more."""
        self._forget()

    def marks(self) -> list[Mark]:
        """The pins as marks of one pixel each."""
        layer = self.layer
        if layer is None:
            return []
        colours = ["#" + "".join(f"{round(255 * float(part)):02x}" for part in colour[:3]) for colour in layer.face_color]
        sizes = self.image.data.shape[1:]
        return [
            Mark(name=f"pin {number}", colour=colour, pixels=np.array([pixel], dtype=np.int64))
            for number, (pixel, colour) in enumerate(zip(self._pixels(), colours, strict=True), start=1)
            if all(0 <= at < size for at, size in zip(pixel, sizes, strict=True))
        ]

    @property
    def last_layer(self) -> Points | None:
        """The layer of the pins, also when it has been deleted."""
        return self._layer

    def _pixels(self) -> list[Pixel]:
        layer = self.layer
        return [] if layer is None else [tuple(round(float(at)) for at in point) for point in layer.data]

    def _make_layer(self, pixel: Pixel) -> Points:
        self._forget()
        image = self.image
        active = self._viewer.layers.selection.active
        zoom = float(self._viewer.scene.camera.zoom) * float(np.abs(image.scale[-1]))
        layer = Points(
            ndim=len(pixel),
            name=f"{image.name} · pins",
            scale=image.scale[1:],
            translate=image.translate[1:],
            units=image.units[1:],
            axis_labels=image.axis_labels[1:],
            size=max(1.0, _SIZE_PX / max(zoom, 1e-9)),
            border_color="white",
        )
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active  # so that the next click still meets the stack
        layer.events.data.connect(self._tell)
        layer.events.face_color.connect(self._tell)
        self._layer = layer
        return layer

    def _forget(self) -> None:
        if self._layer is not None:
            self._layer.events.data.disconnect(self._tell)
            self._layer.events.face_color.disconnect(self._tell)
            self._layer = None

    def _tell(self, _: Any = None) -> None:
        self._changed()
