"""The dock widget *Plugins › CRIMSON › Analyse*: bands, ratios, false colours, baselines and components of a corrected stack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.analyse.form import AnalyseForm
from napari_crimson.plugin.analyse.job import AnalyseJob
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.docks import abandon_all, end_with_its_dock, release_all, release_with
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.report import Report
from napari_crimson.plugin.room import find_room

if TYPE_CHECKING:
    import napari

__all__ = ["AnalyseWidget"]


class AnalyseWidget(QWidget):
    """One task at a time on one stack; each gives new layers."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._jobs: list[AnalyseJob] = []  # at most one; a list, for what lets go of it without knowing the widget
        self.form = AnalyseForm(self, napari_viewer)
        self.form.run.clicked.connect(self.run)
        self.form.cancel.clicked.connect(self.cancel)
        inserted = napari_viewer.layers.events.inserted
        inserted.connect(self._layer_added, position="last")  # the box has filled by then
        self._release: list[Callable[[], object]] = [partial(abandon_all, self._jobs), self.form.let_go]
        self._release += [partial(inserted.disconnect, self._layer_added)]
        release_with(self, self._release)
        find_room(self, napari_viewer)

    @property
    def _job(self) -> AnalyseJob | None:
        return self._jobs[0] if self._jobs else None

    @property
    def running(self) -> bool:
        """Whether a task is under way."""
        return self._job is not None and self._job.running

    def run(self) -> None:
        """Do what is set, as new layers; errors are told as notifications."""
        if self.running:
            return
        try:
            layer = self.form.stack.layer
            if layer is None:
                raise CrimsonError("there is no stack to work on; open a corrected one, or make one with Remove background")
            stack, task = stack_from_layer(layer), self.form.page.task()
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        job = AnalyseJob(self._viewer, layer, stack, task, listener=self._report)
        self._jobs[:] = [job]
        job.start()

    def cancel(self) -> None:
        """Stop the task, if there is one."""
        if self._job and self._job.running:
            self._job.cancel()
            self.form.status.setText("Stopping …")

    def _report(self, report: Report) -> None:
        self.form.show_report(report, self._job.outcome if self._job else None)

    def _layer_added(self, _: Any = None) -> None:
        if not self.running:
            self.form.choose_corrected()

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            release_all(self._release)
            end_with_its_dock(self)
        return bool(super().event(event))
