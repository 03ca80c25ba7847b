"""The window that gives a stack its wavenumber axis, and shows what that makes of its mean spectrum first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.axis.lines_page import LinesPage
from napari_crimson.plugin.axis.mean import mean_spectrum
from napari_crimson.plugin.axis.pages import AxisPage, BeamsPage, EndsPage, FilePage, Float64, ProbePage
from napari_crimson.plugin.axis.preview import AxisPlots, axis_text
from napari_crimson.plugin.docks import release_all, release_with
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.layers import KEY, give_axis, plane_shown
from napari_crimson.plugin.looks import PlainLabel
from napari_crimson.plugin.pointing.newest import Newest
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.readout import show_wavenumber
from napari_crimson.plugin.shown import show_plane
from napari_crimson.plugin.stack_layers import is_measured, needs_axis

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ["AxisDialog", "ask_for_axis"]

_MEAN = "mean"  # the key of this work
_SIZE_PX = (1000, 640)
_FORM_PX = 340
_MESSAGE_LINES = 4


def ask_for_axis(viewer: Viewer, layer: Image | None = None) -> AxisDialog:
    """Open the window over that of a viewer, for a layer, or for any that has no axis."""
    dialog = AxisDialog(viewer, viewer.window.main_menu.window())
    dialog.stack.layer = layer
    dialog.show()
    return dialog


class AxisDialog(QDialog):
    """Ways to an axis, the mean spectrum by plane, and the same on the axis that they make.

    Attributes
    ----------
    axis : ndarray, shape (W,), optional
        What the page says, where it makes an axis.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Wavenumber axis")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        show_wavenumber(viewer)
        self.axis: Float64 | None = None
        self._viewer = viewer
        self._mean: Float64 | None = None
        self._reading = ""
        self.stack = LayerBox(viewer, lambda layer: is_measured(layer) and needs_axis(layer))
        self.way, self.pages = QComboBox(), QStackedWidget()
        self.ends, self.lines, self.beams, self.probe, self.file = EndsPage(), LinesPage(), BeamsPage(), ProbePage(), FilePage()
        self._ways: tuple[AxisPage, ...] = (self.ends, self.lines, self.beams, self.probe, self.file)
        self.plots = AxisPlots(viewer)
        self.hint, self.message = PlainLabel(), PlainLabel()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._lay_out()
        self._newest, self._watch = Newest(self._take), Watch()
        self._newest.setParent(self)  # to end with it
        self._release: list[Callable[[], object]] = [self._newest.close, self.stack.let_go, self._watch.clear]
        release_with(self, self._release)
        self._connect()
        self._stack_chosen()

    def done(self, result: int) -> None:
        """Close, also on Escape."""
        release_all(self._release)
        super().done(result)

    def accept(self) -> None:
        """Give the stack the axis that is shown, and close."""
        layer = self.stack.layer
        if layer is None or self.axis is None:
            return
        plane = plane_shown(layer, self._viewer)
        try:
            give_axis(layer, self.axis)
        except CrimsonError as error:
            self.message.setText(str(error))
            return
        show_plane(self._viewer, layer, plane)
        super().accept()

    @property
    def page(self) -> AxisPage:
        """The way that is chosen."""
        return self._ways[self.pages.currentIndex()]

    def _connect(self) -> None:
        self.way.currentIndexChanged.connect(self._way_chosen)
        for page in self._ways:
            page.changed.connect(self._changed)
        self.stack.chosen.connect(self._stack_chosen)
        self.plots.planes.clicked.connect(self._clicked)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def _way_chosen(self, index: int) -> None:
        self.pages.setCurrentIndex(index)
        self.hint.setText(self.page.hint)
        self._changed()

    def _stack_chosen(self, _: Any = None) -> None:
        """Begin with another stack, or with other data of the same."""
        self._newest.drop(_MEAN)
        self._watch.clear()
        self._mean, self._reading = None, ""
        layer = self.stack.layer
        if layer is not None:
            self._watch.connect(layer.events.data, self._stack_chosen)
            data = layer.data[0] if layer.multiscale else layer.data
            self._reading = "Reading the mean spectrum …"
            self.lines.set_points(data.shape[0])
            known_nm = layer.metadata.get(KEY, {}).get("wavelength_nm")
            self.probe.set_wavelengths(known_nm)
            if known_nm is not None:
                self.way.setCurrentIndex(self.pages.indexOf(self.probe))
            self._newest.ask(_MEAN, lambda: mean_spectrum(data))
        self._changed()

    def _take(self, _: Any, answer: Any) -> None:
        """Show what has been read."""
        if isinstance(answer, Exception):
            self._reading = f"The mean spectrum cannot be read: {answer}"
        else:
            self._mean, self._reading = answer, ""
        self._changed()

    def _clicked(self, at: float) -> None:
        if self._mean is not None:
            self.way.setCurrentIndex(self.pages.indexOf(self.lines))
            self.lines.pick(self._mean, at)

    def _changed(self) -> None:
        """Show what the page makes of the spectrum now."""
        layer, self.axis = self.stack.layer, None
        try:
            if layer is None:
                raise CrimsonError("there is no measured stack without an axis of its own; open one")
            self.axis = self.page.axis(layer.data.shape[0])
            text = axis_text(self.axis)
        except CrimsonError as error:
            text = str(error)
        picked = self.lines.picked() if self.page is self.lines else []
        self.plots.draw(self._mean, self.axis, picked)
        self.ok.setEnabled(self.axis is not None)
        self.message.setText("\n".join(part for part in (text, self._reading) if part))

    def _lay_out(self) -> None:
        for page in self._ways:
            self.way.addItem(page.title)
            self.pages.addWidget(page)
        self.hint.setText(self.page.hint)
        for label in (self.hint, self.message):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.message.setMinimumHeight(_MESSAGE_LINES * self.message.fontMetrics().lineSpacing())
        self.message.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        for widget, name, tip in (
            (self.stack, "Stack", "The measured stack that is to have an axis; those whose file told theirs are not listed."),
            (self.way, "Axis from", "What is known of the scan."),
            (self.hint, "Hint", "How this way works."),
            (self.message, "Result", "The axis as it would be, or what is still missing."),
            (self.ok, "OK", "Give the stack this axis."),
            (self.buttons.button(QDialogButtonBox.StandardButton.Cancel), "Cancel", "Close, and leave the stack as it is."),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Stack", self.stack)
        top.addRow("Axis from", self.way)
        left = QWidget()
        left.setFixedWidth(_FORM_PX)
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(top)
        rows.addWidget(self.hint)
        rows.addWidget(self.pages)
        rows.addStretch(1)
        rows.addWidget(self.message)
        grid = QGridLayout(self)
        grid.addWidget(left, 0, 0)
        grid.addWidget(self.plots, 0, 1)
        grid.addWidget(self.buttons, 1, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self.resize(*_SIZE_PX)
