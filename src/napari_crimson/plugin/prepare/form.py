"""What the Prepare dock is made of, and how it is laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_crimson.plugin.axis.dialog import ask_for_axis
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.looks import PlainLabel, move_bar
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.prepare.steps_editor import StepsEditor
from napari_crimson.plugin.report import Report, part_done, status_text
from napari_crimson.plugin.scrolling import let_scroll
from napari_crimson.plugin.stack_layers import is_measured, needs_axis
from napari_crimson.plugin.typed_axis import BUTTON, BUTTON_HELP, EXAMPLE, HELP

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["PrepareForm"]

_MIN_WIDTH_PX = 320
_STEPS = 1000  # of the progress bar
_STATUS_LINES = 3


class PrepareForm:
    """The widgets of the dock, laid out in `dock`; tells nobody of anything."""

    def __init__(self, dock: QWidget, viewer: Viewer) -> None:
        self.stack, self._watch = LayerBox(viewer, is_measured), Watch()
        self.axis = QLineEdit()
        self.axis.setPlaceholderText(EXAMPLE)
        self.axis_button = QPushButton(BUTTON)
        self.axis_button.clicked.connect(lambda: ask_for_axis(viewer, self.stack.layer))
        self.editor = StepsEditor()
        self.choose = QPushButton("Choose components from a plot …")
        self.load, self.save = QPushButton("Load recipe"), QPushButton("Save recipe …")
        self.prepare, self.cancel = QPushButton("Prepare"), QPushButton("Cancel")
        self.bar, self.status = QProgressBar(), PlainLabel()
        self.bar.setRange(0, _STEPS)
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.status.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.status.setMinimumHeight(_STATUS_LINES * self.status.fontMetrics().lineSpacing())
        self.cancel.setEnabled(False)
        self._explain()
        self._lay_out(dock)
        self.stack.chosen.connect(self._stack_chosen)
        self.editor.selected.connect(lambda name: self.choose.setVisible(name == "denoise_svd"))
        self.choose.hide()
        self._stack_chosen()

    def show_report(self, report: Report) -> None:
        """Show how far the job is."""
        busy = report.phase in ("starting", "preparing", "running")
        self.prepare.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        for widget in (self.stack, self.axis, self.editor, self.choose, self.load):
            widget.setEnabled(not busy)
        move_bar(self.bar, int(_STEPS * part_done(report)))
        plain = {"starting": "Reading the stack …", "cancelled": "Cancelled; nothing was added."}
        self.status.setText(plain.get(report.phase) or status_text(report))

    def let_go(self) -> None:
        """Let go of the viewer."""
        self.stack.let_go()
        self._watch.clear()

    def _explain(self) -> None:
        explained: list[tuple[Any, str, str]] = [
            (self.stack, "Stack", "The measured CARS intensities."),
            (self.axis, "Axis", HELP),
            (self.axis_button, BUTTON, BUTTON_HELP),
            (self.choose, "Choose the components from a plot", "See the singular values, maps and spectral vectors, and choose from them."),
            (self.load, "Load recipe", "Take the steps and the removal from a recipe file, a result on disk or a layer."),
            (self.save, "Save recipe", "Save the steps, and the removal as set in Remove background, as a .toml file."),
            (self.prepare, "Prepare", "Do the steps and show the prepared stack as a new layer. Remove background does them by itself."),
            (self.cancel, "Cancel", "Stop the preparation."),
            (self.bar, "Progress", "How far the preparation is."),
        ]
        for widget, name, tip in explained:
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _lay_out(self, dock: QWidget) -> None:
        self._top = QFormLayout()
        self._top.addRow("Stack", self.stack)
        self._top.addRow("Axis", self.axis)
        self._top.addRow(" ", self.axis_button)
        rows = QVBoxLayout(dock)
        rows.addLayout(self._top)
        rows.addWidget(self.editor)
        rows.addWidget(self.choose)
        rows.addStretch(1)
        for pair in ((self.load, self.save), (self.prepare, self.cancel)):
            row = QHBoxLayout()
            for button in pair:
                row.addWidget(button, 1)
            rows.addLayout(row)
        rows.addWidget(self.bar)
        rows.addWidget(self.status)
        dock.setMinimumWidth(_MIN_WIDTH_PX)
        let_scroll(dock)

    def _stack_chosen(self) -> None:
        layer = self.stack.layer
        asked = layer is not None and needs_axis(layer)
        for row in (self.axis, self.axis_button):
            row.setVisible(asked)
            label = self._top.labelForField(row)
            if label is not None:
                label.setVisible(asked)
        self._watch.clear()
        if layer is not None:
            self._watch.connect(layer.events.metadata, self._axis_given)

    def _axis_given(self, _: Any = None) -> None:
        """What was typed is not needed any more."""
        self.axis.clear()
