"""The dock widget *Plugins › CRIMSON › Spectrum*: the spectrum under the cursor, measured and corrected."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.band_drive import BAND, BandDrive
from napari_crimson.plugin.cursor import Cursor, pixel_at
from napari_crimson.plugin.live_remover import LiveRemover
from napari_crimson.plugin.looking import Looked, look_at, look_at_marks
from napari_crimson.plugin.marks import Mark, find_marks
from napari_crimson.plugin.newest import Newest
from napari_crimson.plugin.pins import Pins
from napari_crimson.plugin.spectra_source import SpectraSource
from napari_crimson.plugin.spectrum_controls import NO_REMOVER, SpectrumControls, wavenumber_of
from napari_crimson.plugin.spectrum_plots import SpectrumPlots
from napari_crimson.plugin.watch import Watch

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_crimson.plugin.spectra_source import Pixel

__all__ = ["SpectrumWidget"]

_CURSOR, _PINS, _REGIONS = "cursor", "pins", "regions"
_MIN_WIDTH_PX = 400


class SpectrumWidget(QWidget):
    """Shows spectra of one stack: under the cursor, of pinned pixels, of regions.

    Attributes
    ----------
    looked : Looked, optional
        What the cursor's lines show now.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.looked: Looked | None = None
        self.controls = SpectrumControls(napari_viewer)
        self.plots = SpectrumPlots(napari_viewer)
        rows = QVBoxLayout(self)
        rows.addWidget(self.controls)
        rows.addWidget(self.plots, 1)
        self.setMinimumWidth(_MIN_WIDTH_PX)
        self._viewer = napari_viewer
        self._source: SpectraSource | None = None
        self._removers: dict[str, LiveRemover] = {}
        self._pins: Pins | None = None
        self._told = ""
        self._lead: Pixel = ()
        self._watched, self._watched_stack, self._watched_regions = Watch(), Watch(), Watch()
        self._regions_soon = QTimer(self)
        self._regions_soon.setSingleShot(True)
        self._regions_soon.setInterval(200)  # a shape that is dragged changes with each move
        self._regions_soon.timeout.connect(self._ask_regions)
        self.newest = Newest(self._take)
        self.mouse = Cursor(napari_viewer)
        self.band = BandDrive(napari_viewer, self.plots, self.newest)
        self._connect()
        self._release = [
            *(self.newest.close, self.mouse.close, self.band.close, self.controls.close_boxes),
            *(watched.clear for watched in (self._watched, self._watched_stack, self._watched_regions)),
        ]
        self.destroyed.connect(partial(_release_all, self._release))
        self._stack_chosen()

    @property
    def layer(self) -> Image | None:
        """The stack that is chosen, if any."""
        found: Image | None = self.controls.stack.layer
        return found

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            _release_all(self._release)
            self._source = None
        return bool(super().event(event))

    # --- which stack, which remover --------------------------------------------------------------------

    def _connect(self) -> None:
        controls = self.controls
        controls.stack.chosen.connect(self._stack_chosen)
        controls.regions.chosen.connect(self._regions_chosen)
        controls.changed.connect(self._settings_changed)
        controls.went_to.connect(self._go_to)
        controls.band.toggled.connect(self._band_toggled)
        controls.pin.toggled.connect(self._pin_toggled)
        controls.clear.clicked.connect(self._clear_pins)
        self.mouse.moved.connect(self._ask_cursor)
        self.mouse.clicked.connect(self._pin)
        self._watched.connect(self._viewer.dims.events.current_step, self._plane_changed)
        self._watched.connect(self._viewer.layers.events.removed, self._layer_removed)

    def _stack_chosen(self, _: Any = None) -> None:
        """Begin with another stack, or with other data or another axis of the same."""
        for key in (_CURSOR, _PINS, _REGIONS):
            self.newest.drop(key)
        self._watched_stack.clear()
        self.controls.band.setChecked(False)
        self._source, self._removers, self.looked = None, {}, None
        layer = self.layer
        if layer is None:
            self.controls.say("Open a stack, or File › Open Sample › CRIMSON.")
        else:
            for event in (layer.events.data, layer.events.metadata):
                self._watched_stack.connect(event, self._stack_chosen)
            try:
                self._source = SpectraSource(layer)
                self.controls.say("Move the cursor over the image.")
            except CrimsonError as error:
                self.controls.say(str(error))
        source = self._source
        self.plots.begin(source)
        self.band.begin(layer if source else None, source)
        if source:
            self.controls.offer_bands(float(source.wavenumber[0]), float(source.wavenumber[-1]))
        if self._pins is None or self._pins.image is not layer:
            if self._pins:
                self._pins.close()
            self._pins = Pins(self._viewer, layer, self._ask_pins) if layer is not None else None
        self._settings_changed()

    def _settings_changed(self) -> None:
        """Look again at everything."""
        self._ask_cursor()
        self._ask_pins()
        self._ask_regions()

    def _chosen_remover(self) -> str:
        name = self.controls.remover.currentText()
        return "" if name == NO_REMOVER or self._source is None or not self._source.measured else name

    def _remover(self, source: SpectraSource, name: str) -> LiveRemover:
        if name not in self._removers:
            self._removers[name] = LiveRemover(source.stack, name)
        return self._removers[name]

    # --- what is asked for -----------------------------------------------------------------------------

    def _ask_cursor(self) -> None:
        source, layer, position = self._source, self.layer, self.mouse.position
        if source is None or layer is None or position is None or not self.isVisible() or self._viewer.dims.ndisplay != 2:
            return
        pixel = pixel_at(layer, position)
        if pixel not in source:
            return
        names = {name for name in (self._chosen_remover(), "kk" if self.controls.kk.isChecked() and source.measured else "") if name}
        removers = {name: self._remover(source, name) for name in sorted(names)}
        self.newest.ask(_CURSOR, lambda: look_at(source, removers, pixel), urgent=True)

    def _ask_pins(self) -> None:
        marks = self._pins.marks() if self._pins else []
        self._ask_marks(_PINS, lambda: marks)

    def _ask_regions(self) -> None:
        layer, stack, source = self.controls.regions.layer, self.layer, self._source
        if layer is None or stack is None or source is None:
            self._ask_marks(_REGIONS, list)
        else:
            self._ask_marks(_REGIONS, find_marks(layer, stack, source.shape, self.band.lead))

    def _ask_marks(self, key: str, find: Callable[[], list[Mark]]) -> None:
        source = self._source
        if source is not None:
            name = self._chosen_remover()
            remover = self._remover(source, name) if name else None
            self.newest.ask(key, lambda: look_at_marks(source, remover, find))

    # --- what comes back -------------------------------------------------------------------------------

    def _take(self, key: Hashable, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.controls.say(str(answer))
            if not isinstance(answer, CrimsonError) and self._told != str(answer):  # once, not with every move of the mouse
                self._told = str(answer)
                tell(answer)
        elif key == BAND:
            self.band.take(answer)
        elif key == _CURSOR:
            self._draw_cursor(answer)
        else:
            self.plots.draw_marks(str(key), answer)
            part = [f"{mark.name}: {mark.used} of {mark.pixels} pixels" for mark in answer.values() if mark.used < mark.pixels]
            if part:
                self.controls.say(" · ".join(part))

    def _draw_cursor(self, looked: Looked) -> None:
        controls = self.controls
        self.looked = looked
        self.plots.draw_cursor(
            looked,
            remover=self._chosen_remover(),
            uncertainty=controls.uncertainty.isChecked(),
            background=controls.background.isChecked(),
            peaks=controls.peaks.isChecked(),
        )
        place = ", ".join(f"{dim} {at}" for dim, at in zip(("t", "z", "y", "x")[-len(looked.pixel) :], looked.pixel, strict=True))
        controls.say(f"{place} · loading {self._chosen_remover()} …" if looked.loading else place)

    # --- what the user does in the viewer --------------------------------------------------------------

    def _pin(self, position: tuple[float, ...]) -> None:
        if self._source is not None and self.layer is not None and self._pins is not None and self.isVisible():
            pixel = pixel_at(self.layer, position)
            if pixel in self._source:
                self._pins.add(pixel)

    def _band_toggled(self, on: bool) -> None:
        self.band.show_band(on=on)

    def _pin_toggled(self, on: bool) -> None:
        self.mouse.clicks_pin = on

    def _clear_pins(self) -> None:
        if self._pins:
            self._pins.clear()

    def _regions_chosen(self) -> None:
        self._watched_regions.clear()
        layer = self.controls.regions.layer
        if layer is not None:
            names = ("data", "set_data", "edge_color", "face_color", "colormap", "paint", "labels_update")
            for event in (getattr(layer.events, name) for name in names if hasattr(layer.events, name)):
                self._watched_regions.connect(event, self._regions_changed)
        self._ask_regions()

    def _regions_changed(self, _: Any = None) -> None:
        self._regions_soon.start()

    def _plane_changed(self, _: Any = None) -> None:
        if self._lead != self.band.lead:
            self._lead = self.band.lead
            self._settings_changed()

    def _layer_removed(self, event: Any) -> None:
        if self.band.holds(event.value):
            self.controls.band.setChecked(False)
        if self._pins and event.value is self._pins.last_layer:
            self._ask_pins()

    def _go_to(self, text: str) -> None:
        """Go to a band by name, or to a wavenumber."""
        if self._source is not None:
            try:
                self.band.go_to(wavenumber_of(text, self._source.wavenumber))
            except CrimsonError as error:
                self.controls.say(str(error))


def _release_all(release: list[Callable[[], None]]) -> None:
    while release:
        release.pop(0)()
