"""The dock widget *Plugins › CRIMSON › Spectrum*: the spectrum under the cursor, measured and corrected."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.docks import end_with_its_dock, release_all, release_with
from napari_crimson.plugin.pointing.cursor import Cursor, pixel_at
from napari_crimson.plugin.pointing.marks import Mark, left_out
from napari_crimson.plugin.pointing.newest import Newest
from napari_crimson.plugin.pointing.spectra_source import SpectraSource, place_text
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.shown import band_on_axis
from napari_crimson.plugin.soon import NextTurn
from napari_crimson.plugin.spectrum.band_drive import BAND, BandDrive
from napari_crimson.plugin.spectrum.controls import NO_REMOVER, SpectrumControls
from napari_crimson.plugin.spectrum.live_remover import LiveRemover
from napari_crimson.plugin.spectrum.looking import Looked, MarkSpectra, look_around, look_at, look_at_marks
from napari_crimson.plugin.spectrum.marks import PINS, REGIONS, SpectrumMarks
from napari_crimson.plugin.spectrum.plots import SpectrumPlots

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

__all__ = ["SpectrumWidget"]

_CURSOR, _AROUND, _LOAD = "cursor", "around", "load"  # the keys of this work
_HINT = "Move the cursor over the image."
_MIN_WIDTH_PX = 400
# Most spectra are there within this time after the cursor has moved, unless napari paints its status bar meanwhile: no Python runs while
# its window is painted. So the main thread waits for so long, and one painting shows both.
_HEAD_START_S = 0.025
_PAINTED_MS = 25  # by then a spectrum is on the screen; what its neighbours are read with would have slowed its painting


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
        self._told = self._place = self._part = self._doubts = ""
        self._watched, self._watched_stack = Watch(), Watch()
        self._looking_around = QTimer(self)
        self._looking_around.setSingleShot(True)
        self._looking_around.setInterval(_PAINTED_MS)
        self._looking_around.timeout.connect(self._look_around)
        self._saying = NextTurn(self, self._say)  # as the plots are painted
        self.newest = Newest(self._take)
        self.mouse = Cursor(napari_viewer)
        self.band = BandDrive(napari_viewer, self.plots, self.newest)
        self.marks = SpectrumMarks(napari_viewer, self.controls.regions, self._ask_marks)
        for part in (self.newest, self.mouse, self.band, self.marks):
            part.setParent(self)  # to end with it
        self._connect()
        boxes = (self.controls.stack, self.controls.regions)
        self._release: list[Callable[[], object]] = [part.close for part in (self.newest, self.mouse, self.marks, self.band)]
        self._release += [*(box.let_go for box in boxes), self._watched.clear, self._watched_stack.clear]
        release_with(self, self._release)
        find_room(self, napari_viewer)
        self._stack_chosen()

    @property
    def layer(self) -> Image | None:
        """The stack that is chosen, if any."""
        found: Image | None = self.controls.stack.layer
        return found

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            release_all(self._release)
            self._source = None
            end_with_its_dock(self)
        return bool(super().event(event))

    # --- which stack, which remover --------------------------------------------------------------------

    def _connect(self) -> None:
        controls = self.controls
        controls.stack.chosen.connect(self._stack_chosen)
        controls.changed.connect(self._settings_changed)
        controls.remover.names.changed.connect(self._weights_changed)
        controls.went_to.connect(self._go_to)
        controls.band.toggled.connect(self._band_toggled)
        controls.pin.toggled.connect(self._pin_toggled)
        controls.clear.clicked.connect(self.marks.clear_pins)
        self.mouse.moved.connect(self._ask_cursor)
        self.mouse.clicked.connect(self._clicked)
        self._watched.connect(self._viewer.dims.events.current_step, self._plane_changed)
        self._watched.connect(self._viewer.layers.events.removed, self._layer_removed)

    def _stack_chosen(self, _: Any = None) -> None:
        """Begin with another stack, or with other data or another axis of the same."""
        for key in (_CURSOR, _AROUND, _LOAD, PINS, REGIONS):
            self.newest.drop(key)
        self._watched_stack.clear()
        self.controls.band.setChecked(False)
        self._source, self._removers, self.looked = None, {}, None
        self._place = self._part = self._doubts = ""
        layer = self.layer
        if layer is None:
            self.controls.say("Open a stack, or File › Open Sample › CRIMSON.")
        else:
            for event in (layer.events.data, layer.events.metadata):
                self._watched_stack.connect(event, self._stack_chosen)
            try:
                self._source = SpectraSource(layer)
                self._say()
            except CrimsonError as error:
                self.controls.say(str(error))
        source = self._source
        self.plots.begin(source, layer.name if layer is not None else "")
        self.band.begin(layer if source else None, source)
        if source:
            self.controls.offer_bands(float(source.wavenumber[0]), float(source.wavenumber[-1]))
        self.marks.begin(layer if source else None, source)
        self._settings_changed()

    def _settings_changed(self) -> None:
        """Look again at everything, with the remover loaded before the cursor asks for it."""
        name = self._chosen_remover()
        if name and self._source is not None:
            remover = self._remover(self._source, name)
            self.newest.ask(_LOAD, remover.steps)
        self._ask_cursor()
        self.marks.ask_pins()
        self.marks.ask_regions()

    def _weights_changed(self) -> None:
        """Load anew: a name may mean other weights now."""
        self._removers = {}
        self._settings_changed()

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
        if self.mouse.sets_off:
            self.newest.wait(_HEAD_START_S)

    def _ask_marks(self, key: str, find: Callable[[], list[Mark]]) -> None:
        source = self._source
        if source is not None:
            name = self._chosen_remover()
            remover = self._remover(source, name) if name else None
            self.newest.ask(key, lambda: look_at_marks(source, remover, find))

    # --- what comes back -------------------------------------------------------------------------------

    def _take(self, key: Hashable, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._place = str(answer)
            self._say()
            if not isinstance(answer, CrimsonError) and self._told != str(answer):  # once, not with every move of the mouse
                self._told = str(answer)
                tell(answer)
        elif key == BAND:
            self.band.take(answer)
        elif key == _CURSOR:
            self._draw_cursor(answer)
        else:
            self.plots.draw_marks(str(key), answer)
            if key == REGIONS:
                self._part = " · ".join(text for text in (left_out(answer.values()), _progress(answer.values())) if text)
                self._say()

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
        place = place_text(looked.pixel)
        self._place = f"{place} · loading {self._chosen_remover()} …" if looked.loading else place
        chosen = self._removers.get(self._chosen_remover())
        self._doubts = chosen.doubts if chosen is not None else ""
        self._saying.start()
        self._looking_around.start()

    def _look_around(self) -> None:
        """Have the neighbours read now that the spectrum is on the screen: both at once would take longer."""
        source, looked = self._source, self.looked
        if source is not None and looked is not None:
            self.newest.ask(_AROUND, lambda: look_around(source, looked.pixel))

    def _say(self) -> None:
        self.controls.say(" · ".join(text for text in (self._place, self._part, self._doubts) if text) or _HINT)

    # --- what the user does in the viewer --------------------------------------------------------------

    def _clicked(self, position: tuple[float, ...]) -> None:
        if self.isVisible():
            self.marks.pin(position)

    def _band_toggled(self, on: bool) -> None:
        self.band.show_band(on=on)

    def _pin_toggled(self, on: bool) -> None:
        self.mouse.clicks_pin = on

    def _plane_changed(self, _: Any = None) -> None:
        self.marks.show_plane(self.band.lead)

    def _layer_removed(self, event: Any) -> None:
        if self.band.holds(event.value):
            self.controls.band.setChecked(False)

    def _go_to(self, text: str) -> None:
        """Go to a band by name, or to a wavenumber."""
        if self._source is not None:
            try:
                self.band.go_to_band(band_on_axis(text, self._source.wavenumber))
                self._say()
            except CrimsonError as error:
                self.controls.say(str(error))


def _progress(marks: Iterable[MarkSpectra]) -> str:
    """Say of large regions how much of them has been read."""
    return " · ".join(f"{mark.name}: {mark.used} of {mark.pixels} pixels" for mark in marks if mark.used < mark.pixels)
