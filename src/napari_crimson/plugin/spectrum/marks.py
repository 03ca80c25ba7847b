"""Pins and regions of the spectrum dock: which pixels are marked, asked anew whenever that changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_crimson.plugin.pointing.cursor import pixel_at
from napari_crimson.plugin.pointing.marks import Mark, find_marks, tell_apart
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.spectrum.pins import Pins

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.plugin.layer_box import LayerBox
    from napari_crimson.plugin.pointing.spectra_source import Pixel, SpectraSource

__all__ = ["PINS", "REGIONS", "SpectrumMarks"]

PINS, REGIONS = "pins", "regions"  # the keys of this work
_REST_MS = 200  # a shape that is dragged changes with each move
_EVENTS = ("data", "set_data", "edge_color", "face_color", "colormap", "paint", "labels_update")


class SpectrumMarks(QObject):
    """Watches pins and the layer of regions until `close`.

    Parameters
    ----------
    viewer : napari viewer
    regions : LayerBox
        Where the layer of regions is chosen.
    ask : callable
        ``ask(key, find)`` with a function that finds the marks, in a thread.
    """

    def __init__(self, viewer: ViewerModel, regions: LayerBox, ask: Callable[[str, Callable[[], list[Mark]]], None]) -> None:
        super().__init__()
        self.pins: Pins | None = None
        self.lead: Pixel = ()
        self._viewer, self._regions, self._ask = viewer, regions, ask
        self._layer: Image | None = None
        self._source: SpectraSource | None = None
        self._watch, self._watch_regions = Watch(), Watch()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.ask_regions)
        regions.chosen.connect(self._regions_chosen)
        self._watch.connect(viewer.layers.events.removed, self._layer_removed)

    def begin(self, layer: Image | None, source: SpectraSource | None) -> None:
        """Mark pixels of this stack, or of none."""
        self._layer, self._source = layer, source
        if self.pins is None or self.pins.image is not layer:
            if self.pins is not None:
                self.pins.close()
            self.pins = None if layer is None else Pins(self._viewer, layer, self.ask_pins)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._watch.clear()
        self._watch_regions.clear()
        if self.pins is not None:
            self.pins.close()
        self.pins = self._layer = self._source = None
        with suppress(RuntimeError):  # where Qt has gone first
            self._rest.stop()

    def pin(self, position: tuple[float, ...]) -> None:
        """Pin the pixel at a position in world coordinates, or let its pin go."""
        if self._source is not None and self._layer is not None and self.pins is not None:
            pixel = pixel_at(self._layer, position)
            if pixel in self._source:
                self.pins.toggle(pixel)

    def clear_pins(self) -> None:
        """Let all pins go."""
        if self.pins is not None:
            self.pins.clear()

    def show_plane(self, lead: Pixel) -> None:
        """Take regions in another plane ([t,] [z])."""
        if lead != self.lead:
            self.lead = lead
            self.ask_regions()

    def ask_pins(self) -> None:
        """Ask for the spectra of the pins."""
        marks = [] if self.pins is None else self.pins.marks()
        self._ask(PINS, lambda: marks)

    def ask_regions(self) -> None:
        """Ask for the mean spectra of the regions."""
        regions = self._regions.layer
        if regions is None or self._layer is None or self._source is None:
            self._ask(REGIONS, list)
        else:
            tell_apart(regions)
            self._ask(REGIONS, find_marks(regions, self._layer, self._source.shape, self.lead))

    def _regions_chosen(self) -> None:
        self._watch_regions.clear()
        events = getattr(self._regions.layer, "events", None)
        for name in _EVENTS:
            if hasattr(events, name):
                self._watch_regions.connect(getattr(events, name), self._regions_changed)
        self.ask_regions()

    def _regions_changed(self, _: Any = None) -> None:
        self._rest.start()

    def _layer_removed(self, event: Any) -> None:
        if self.pins is not None and event.value is self.pins.last_layer:
            self.ask_pins()
