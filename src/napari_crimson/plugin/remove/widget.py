"""The dock widget *Plugins › CRIMSON › Remove background*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, Label, ProgressBar, PushButton

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.looks import align_labels, explain_rows, fit_text
from napari_crimson.plugin.remove.job import RemovalJob, tell
from napari_crimson.plugin.remove.recipe import RemovalRecipe
from napari_crimson.plugin.report import Report, part_done, status_text

if TYPE_CHECKING:
    import napari

__all__ = ["RemoveWidget"]

_STEPS = 1000  # of the progress bar


class RemoveWidget(RemovalRecipe):
    """Settings, Run, progress and Cancel of one removal at a time."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._job: RemovalJob | None = None
        tip = "Remove the background of the whole stack; the result fills in as a new layer."
        self._run_button = PushButton(name="run_button", text="Run", tooltip=tip)
        tip = "Stop within a block; what is done stays, marked as partial."
        self._cancel_button = PushButton(name="cancel_button", text="Cancel", tooltip=tip, enabled=False)
        self._bar = ProgressBar(name="bar", label="Progress", tooltip="How far the run is.", min=0, max=_STEPS, value=0)
        self._status = Label(name="status", label=" ", value="")
        super().__init__(napari_viewer)
        self._settings = [row for row in self if not isinstance(row, Label)]
        buttons = Container(name="buttons", label=" ", layout="horizontal", labels=False, widgets=[self._run_button, self._cancel_button])
        buttons.margins = (0, 0, 0, 0)
        self.extend([buttons, self._bar, self._status])
        fit_text(self._status, lines=4)
        align_labels(self)
        explain_rows(self)
        self._run_button.changed.connect(self.run)
        self._cancel_button.changed.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether a removal is under way."""
        return self._job is not None and self._job.running

    def run(self) -> None:
        """Begin with the settings shown; errors are told as notifications."""
        if self.running:
            return
        try:
            source = self.source()
            stack = stack_from_layer(source)
            options = self.removal_options(stack)
            recipe = self.run_recipe()
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        self._job = RemovalJob(self._viewer, source, stack, options, recipe=recipe, listener=self._report)
        self._job.start()

    def cancel(self) -> None:
        """Stop the run, if there is one, within a block."""
        if self._job and self._job.running:
            self._job.cancel()
            self._status.value = "Stopping after this block …"

    def _report(self, report: Report) -> None:
        """Show how far the job is."""
        running = report.phase in ("starting", "preparing", "running")
        self._run_button.enabled, self._cancel_button.enabled = not running, running
        for setting in self._settings:
            setting.enabled = not running
        self._bar.value = int(_STEPS * part_done(report))
        self._status.value = status_text(report)

    def _stack_changed(self) -> None:
        super()._stack_changed()
        if not self.running:
            self._bar.value, self._status.value = 0, ""

    def _close(self) -> None:
        super()._close()
        if self._job:
            self._job.listener = None
            self._job.cancel()
