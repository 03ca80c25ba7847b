"""The dock widget *Plugins › CRIMSON › Compare removers*: the same pixels through several removers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.compare.controls import CompareControls
from napari_crimson.plugin.compare.plots import ComparePlots
from napari_crimson.plugin.compare.work import Compared, Comparer
from napari_crimson.plugin.docks import end_with_its_dock, release_all, release_with
from napari_crimson.plugin.pointing.cursor import Cursor, pixel_at
from napari_crimson.plugin.pointing.marks import Mark, find_marks
from napari_crimson.plugin.pointing.newest import Newest
from napari_crimson.plugin.pointing.spectra_source import Pixel, SpectraSource
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.scrolling import let_scroll

if TYPE_CHECKING:
    import napari

__all__ = ["CompareWidget"]

_WORK = "compare"  # the key of it
_REST_MS = 200  # a shape that is dragged changes with each move
_MIN_WIDTH_PX = 400
_MARK_EVENTS = ("data", "set_data", "paint", "labels_update")


class CompareWidget(QWidget):
    """Compares removers on one place of one stack at a time.

    Attributes
    ----------
    compared : Compared, optional
        What is shown now.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.compared: Compared | None = None
        self.controls = CompareControls(napari_viewer)
        self.plots = ComparePlots(napari_viewer)
        rows = QVBoxLayout(self)
        rows.addWidget(self.controls)
        rows.addWidget(self.plots, 1)
        self.setMinimumWidth(_MIN_WIDTH_PX)
        let_scroll(self)
        find_room(self, napari_viewer)
        self._viewer = napari_viewer
        self._comparer: Comparer | None = None
        self._pixel: Pixel | None = None
        self._lead: Pixel = ()
        self._watch, self._watch_stack, self._watch_marks = Watch(), Watch(), Watch()
        self._watch.connect(napari_viewer.dims.events.current_step, self._slider_moved)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask)
        self.newest = Newest(self._take)
        self.mouse = Cursor(napari_viewer)
        self.mouse.clicks_pin = True
        self.mouse.clicked.connect(self._clicked)
        self.controls.stack.chosen.connect(self._stack_chosen)
        self.controls.marks.chosen.connect(self._marks_chosen)
        self.controls.changed.connect(self._ask)
        self.controls.names.changed.connect(self._weights_changed)
        self.controls.below_changed.connect(self._draw)
        boxes = (self.controls.stack, self.controls.truth, self.controls.marks)
        self._release: list[Callable[[], object]] = [self.newest.close, self.mouse.close, *(box.let_go for box in boxes)]
        self._release += [watch.clear for watch in (self._watch, self._watch_stack, self._watch_marks)]
        release_with(self, self._release)
        self._stack_chosen()

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._rest.stop()
            release_all(self._release)
            self._comparer = None
            end_with_its_dock(self)
        return bool(super().event(event))

    def _stack_chosen(self, _: Any = None) -> None:
        """Begin with another stack, or with other data or another axis of the same."""
        self.newest.drop(_WORK)
        self._watch_stack.clear()
        self._comparer = self._pixel = self.compared = None
        self.plots.clear()
        layer = self.controls.stack.layer
        if layer is None:
            self.controls.say("Open a stack, or File › Open Sample › CRIMSON.")
            return
        for event in (layer.events.data, layer.events.metadata):
            self._watch_stack.connect(event, self._stack_chosen)
        try:
            self._comparer = Comparer(SpectraSource(layer))
        except CrimsonError as error:
            self.controls.say(str(error))
            return
        self.plots.begin(self._comparer.source.wavenumber)
        self._ask()

    def _weights_changed(self) -> None:
        if self._comparer is not None:
            self._comparer.forget()

    def _marks_chosen(self) -> None:
        self._watch_marks.clear()
        self.controls.offer_marks(())
        events = getattr(self.controls.marks.layer, "events", None)
        for name in _MARK_EVENTS:
            if hasattr(events, name):
                self._watch_marks.connect(getattr(events, name), self._marks_changed)
        self._ask()

    def _marks_changed(self, _: Any = None) -> None:
        self._rest.start()

    def _clicked(self, position: tuple[float, ...]) -> None:
        """Take the pixel at a position in world coordinates."""
        layer, comparer = self.controls.stack.layer, self._comparer
        if layer is None or comparer is None or self.controls.marks.layer is not None or not self.isVisible():
            return
        pixel = pixel_at(layer, position)
        if pixel in comparer.source:
            self._pixel = pixel
            self._ask()

    def _ask(self) -> None:
        """Compare anew what is chosen now."""
        comparer, find = self._comparer, self._find()
        self.newest.drop(_WORK)
        if comparer is None:
            return
        removers = self.controls.checked
        if find is None or not removers:
            self.compared = None
            self.plots.clear()
            self.controls.say("Click a pixel in the image." if removers else "Check the removers to compare.")
            return
        try:
            truth = None if self.controls.truth.layer is None else SpectraSource(self.controls.truth.layer)
        except CrimsonError as error:
            self._take(_WORK, error)
            return
        mark = self.controls.mark.currentText()
        self.newest.ask(_WORK, lambda: comparer.compare(removers, truth, find, mark))

    def _find(self) -> Callable[[], list[Mark]] | None:
        """How to find the pixels to compare, or None where there are none yet."""
        layer, marks, comparer = self.controls.stack.layer, self.controls.marks.layer, self._comparer
        if layer is None or comparer is None:
            return None
        if marks is not None:
            self._lead = self._plane(comparer)
            return find_marks(marks, layer, comparer.source.shape, self._lead)
        if self._pixel is None:
            return None
        clicked = [Mark(name="pixel", colour="", pixels=np.array([self._pixel], dtype=np.int64))]
        return lambda: clicked

    def _plane(self, comparer: Comparer) -> Pixel:
        """The plane ([t,] [z]) that the viewer shows."""
        shape = comparer.source.shape
        shown = pixel_at(self.controls.stack.layer, tuple(self._viewer.dims.point))
        return tuple(min(max(at, 0), size - 1) for at, size in zip(shown[:-2], shape[:-2], strict=True))

    def _slider_moved(self, _: Any = None) -> None:
        layer, comparer = self.controls.stack.layer, self._comparer
        if layer is not None and comparer is not None and self.controls.marks.layer is not None and self._plane(comparer) != self._lead:
            self._rest.start()

    def _take(self, _: Hashable, answer: Any) -> None:
        """Show what the thread has found."""
        if isinstance(answer, Exception):
            self.compared = None
            self.controls.say(f"Stopped: {answer}")
            self.plots.clear()
            tell(answer)
            return
        self.compared = answer
        if self.controls.marks.layer is not None:
            self.controls.offer_marks(answer.marks)
        self.controls.say(" · ".join(text for text in (answer.place, answer.waiting) if text))
        self._draw()

    def _draw(self) -> None:
        found = self.compared
        if found is not None and found.shown is not None and found.result is not None:
            self.plots.draw(found.shown, found.result, self.controls.below.currentText())
