"""The dock widget *Plugins › CRIMSON › Where not to trust*: the physics check of an answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.check.job import CheckJob
from napari_crimson.plugin.docks import abandon_all, end_with_its_dock, release_all, release_with
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.looks import PlainLabel, move_bar
from napari_crimson.plugin.report import Report, part_done, status_text
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.stack_layers import is_corrected, is_measured

if TYPE_CHECKING:
    import napari
    import xarray as xr

__all__ = ["CheckWidget"]

_STEPS = 1000  # of the progress bar
_LINES = 4
_MIN_WIDTH_PX = 360  # the title is seen whole
_MEANING = (
    "Rebuilds the measured intensity from the answer and shows how unlike the rest of the stack what is left over is: black up to 1, "
    "bright where the answer should not be trusted (saturation, cosmic rays, a wrong reference, "
    "light or lines that the model does not know).\n"
    "It cannot see what is wrong in all pixels alike, nor an error so slow that it passes for excitation."
)


class CheckWidget(QWidget):
    """The measured and the corrected layer, Check, progress and Cancel."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._jobs: list[CheckJob] = []  # at most one; a list, for what lets go of it without knowing the widget
        self.answer, self.measured = LayerBox(napari_viewer, is_corrected), LayerBox(napari_viewer, is_measured)
        self.check, self.cancel_button = QPushButton("Check"), QPushButton("Cancel")
        self.bar, self.status = QProgressBar(), PlainLabel()
        self._lay_out()
        self.check.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.answer.chosen.connect(self._answer_chosen)
        self._answer_chosen()
        self._release: list[Callable[[], object]] = [partial(abandon_all, self._jobs), self.answer.let_go, self.measured.let_go]
        release_with(self, self._release)
        find_room(self, napari_viewer)

    @property
    def _job(self) -> CheckJob | None:
        return self._jobs[0] if self._jobs else None

    @property
    def running(self) -> bool:
        """Whether a check is under way."""
        return self._job is not None and self._job.running

    def run(self) -> None:
        """Begin with the layers chosen; errors are told as notifications."""
        if self.running:
            return
        try:
            both = self._both()
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        job = CheckJob(self._viewer, self.answer.layer, both, listener=self._report)
        self._jobs[:] = [job]
        job.start()

    def cancel(self) -> None:
        """Stop the check, if there is one; it leaves nothing behind."""
        if self._job and self._job.running:
            self._job.cancel()
            self.status.setText("Stopping …")

    def _both(self) -> xr.Dataset:
        if self.answer.layer is None or self.measured.layer is None:
            raise CrimsonError("the check needs a measured stack and its corrected one, both as layers; run Remove background first")
        corrected, stack = stack_from_layer(self.answer.layer), stack_from_layer(self.measured.layer)
        if corrected["raman"].shape != stack["cars"].shape or not np.allclose(corrected["wavenumber"], stack["wavenumber"]):
            raise CrimsonError(
                f"layer '{self.measured.layer.name}' has shape {stack['cars'].shape}, '{self.answer.layer.name}' "
                f"{corrected['raman'].shape}, or another axis; choose the stack that was corrected, the prepared one if there was one"
            )
        return stack.assign(raman=(stack["cars"].dims, corrected["raman"].data, corrected.attrs))

    def _report(self, report: Report) -> None:
        busy = report.phase in ("starting", "preparing", "running")
        self.check.setEnabled(not busy)
        self.cancel_button.setEnabled(busy)
        for box in (self.answer, self.measured):
            box.setEnabled(not busy)
        move_bar(self.bar, _STEPS if report.phase == "complete" else int(_STEPS * part_done(report)))
        plain = {"starting": "Reading a sample of the pixels …", "cancelled": "Cancelled; nothing was added.", "complete": self._summary()}
        self.status.setText(plain.get(report.phase) or status_text(report).replace("Preparing: ", ""))

    def _summary(self) -> str:
        if self._job is None or self._job.found is None:
            return ""
        distrust = self._job.found["distrust"].values
        judged = distrust[np.isfinite(distrust)]
        share = 100 * (judged > 1).mean() if judged.size else 0.0
        return f"{share:.1f} % of {judged.size} pixels are suspicious.\nUsual reduced χ²: {self._job.found.attrs['usual_chi2']:.2f}"

    def _answer_chosen(self) -> None:
        """Choose the stack that the answer is named after."""
        layer = self.answer.layer
        if layer is not None:
            fitting = [other for other in self._viewer.layers if is_measured(other) and layer.name.startswith(other.name)]
            self.measured.layer = max(fitting, key=lambda other: len(other.name), default=None)
        if not self.running:
            self.check.setEnabled(layer is not None)
            self.status.setText("" if layer is not None else "Run Remove background first: there is no corrected layer.")

    def _lay_out(self) -> None:
        self.bar.setRange(0, _STEPS)
        self.cancel_button.setEnabled(False)
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.status.setMinimumHeight(_LINES * self.status.fontMetrics().lineSpacing())
        explained: list[tuple[QWidget, str, str]] = [
            (self.answer, "Corrected", "The answer to check."),
            (self.measured, "Measured", "The intensities that the answer was made from, as the remover saw them."),
            (self.check, "Check", _MEANING),
            (self.cancel_button, "Cancel", "Stop the check."),
            (self.bar, "Progress", "How far the check is."),
            (self.status, "Status", _MEANING),
        ]
        for widget, name, tip in explained:
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        form, buttons, rows = QFormLayout(), QHBoxLayout(), QVBoxLayout(self)
        form.addRow("Corrected", self.answer)
        form.addRow("Measured", self.measured)
        buttons.addWidget(self.check, 1)
        buttons.addWidget(self.cancel_button, 1)
        rows.addLayout(form)
        rows.addLayout(buttons)
        rows.addWidget(self.bar)
        rows.addWidget(self.status)
        rows.addStretch(1)
        self.setMinimumWidth(_MIN_WIDTH_PX)

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            release_all(self._release)
            end_with_its_dock(self)
        return bool(super().event(event))
