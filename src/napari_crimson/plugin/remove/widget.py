"""The dock widget *Plugins › CRIMSON › Remove background*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, Label, ProgressBar, PushButton

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.looks import align_labels, explain_rows, fit_text, move_bar
from napari_crimson.plugin.remove.job import tell
from napari_crimson.plugin.remove.live import stopped_sinks
from napari_crimson.plugin.remove.plan_line import PlanLine
from napari_crimson.plugin.remove.preview import PreviewJob, visible_region
from napari_crimson.plugin.remove.queue import RunQueue
from napari_crimson.plugin.remove.recipe import RemovalRecipe
from napari_crimson.plugin.remove.request import Request
from napari_crimson.plugin.report import Report, part_done, status_text
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.scrolling import let_scroll

if TYPE_CHECKING:
    import napari
    from magicgui.widgets import Widget

__all__ = ["RemoveWidget"]

_STEPS = 1000  # of the progress bar
_PREVIEW, _STOP_PREVIEW = "Preview", "Stop"
_GOING = ("starting", "preparing", "running")


class RemoveWidget(RemovalRecipe):
    """Settings, what they will take, a preview; Run, progress and Cancel of removals that run one after the other."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._queue = RunQueue(napari_viewer, self._report, self._queue_changed)
        self._preview: PreviewJob | None = None
        self._plan_line: PlanLine | None = None
        self._make_rows()
        super().__init__(napari_viewer)
        settings = list(self)
        buttons = _row("buttons", self._preview_button, self._run_button, self._cancel_button)
        self._queue_row = _row("queue", self._queued, self._clear_button)
        self.extend([self._plan, buttons, self._queue_row, self._bar, self._status])
        fit_text(self._plan, lines=4)
        fit_text(self._status, lines=4)
        fit_text(self._queued)
        align_labels(self)
        explain_rows(self)
        self.native.layout().addStretch(1)
        let_scroll(self.native)
        find_room(self.native, napari_viewer)
        self._queue_row.visible = False
        self._preview_button.changed.connect(self.preview)
        self._run_button.changed.connect(self.run)
        self._cancel_button.changed.connect(self.cancel)
        self._clear_button.changed.connect(self._queue.clear)
        self._plan_line = PlanLine(
            self.native, self._dry_request, lambda: self.running, lambda: stopped_sinks(napari_viewer), self._show_plan
        )
        for setting in settings:
            setting.changed.connect(self._plan_line.renew)
        self._names.changed.connect(self._plan_line.renew)
        self._watch_stack()

    @property
    def running(self) -> bool:
        """Whether a removal is under way."""
        return self._queue.running

    def run(self) -> None:
        """Run with the settings shown, now or when the runs before it are done; errors are told as notifications."""
        try:
            request = self._request()
        except CrimsonError as error:
            self._fail(error)
            return
        if not self._queue.add(request):
            self._status.value = f"{request.title} is on its way already."

    def cancel(self) -> None:
        """Stop the run that is on; what it has done stays. The next one begins."""
        if self._queue.running:
            self._status.value = "Stopping …"
            self._queue.cancel()

    def preview(self) -> None:
        """Correct what the canvas shows at the settings as they are; or stop doing so."""
        if self._preview and self._preview.wanted:
            self._preview.cancel()
            return
        try:
            request = self._request()
        except CrimsonError as error:
            self._fail(error)
            return
        region = visible_region(request.source, self._viewer)
        self._preview = PreviewJob(self._viewer, request, region, listener=self._report_preview)
        self._preview.start()

    def _make_rows(self) -> None:
        tip = "What Run will take: shape, room for the result, and the time, which is measured with some spectra of the stack."
        self._plan = Label(name="plan", label="Will take", value="", tooltip=tip)
        tip = "Correct what the canvas shows, of more than 10,000 pixels the middle, at these settings; press again to stop."
        self._preview_button = PushButton(name="preview_button", text=_PREVIEW, tooltip=tip)
        tip = "Remove the background of the whole stack; the result fills in as a new layer. While a run is on, the next one waits."
        self._run_button = PushButton(name="run_button", text="Run", tooltip=tip)
        tip = "Stop; what is done stays, marked as partial, and Run goes on from there."
        self._cancel_button = PushButton(name="cancel_button", text="Cancel", tooltip=tip, enabled=False)
        self._queued = Label(name="queued", value="", tooltip="Runs that begin when those before them are done.")
        self._clear_button = PushButton(name="clear_button", text="Clear queue", tooltip="Forget the runs that wait.")
        self._bar = ProgressBar(name="bar", label="Progress", tooltip="How far the run is.", min=0, max=_STEPS, value=0)
        self._status = Label(name="status", label=" ", value="")

    def _request(self) -> Request:
        source = self.source()
        stack = stack_from_layer(source)
        recipe = self.run_recipe()
        return Request(source=source, stack=stack, options=self.removal_options(stack), recipe=recipe, choices=self._choices())

    def _dry_request(self) -> Request | None:
        """The same where there is a stack; changes nothing of its layer."""
        layer = self._layer()
        if layer is None:
            return None
        stack = self._stack_as_typed(layer)
        return Request(source=layer, stack=stack, options=self.removal_options(stack), recipe=self.run_recipe())

    def _fail(self, error: CrimsonError) -> None:
        if not self.running:  # else the line is that of the run
            self._status.value = status_text(Report(phase="failed", error=error))
        tell(error)

    def _report(self, report: Report) -> None:
        """Show how far the run is."""
        self._cancel_button.enabled = report.phase in _GOING
        move_bar(self._bar.native, int(_STEPS * part_done(report)))
        before = f"{self._queue.before}\n" if self._queue.before and report.phase in _GOING else ""
        self._status.value = before + status_text(report)

    def _report_preview(self, report: Report) -> None:
        self._preview_button.text = _STOP_PREVIEW if report.phase in _GOING else _PREVIEW
        if not self.running:
            move_bar(self._bar.native, int(_STEPS * part_done(report)))
            self._status.value = f"Preview. {status_text(report)}"
        if report.phase == "complete" and self._plan_line:
            self._plan_line.renew()

    def _queue_changed(self) -> None:
        waiting = self._queue.waiting
        self._queue_row.visible = bool(waiting)
        self._queued.value = f"queued: {len(waiting)}"
        self._queued.tooltip = "\n".join(waiting)
        if self._plan_line and not self.running:
            self._plan_line.renew()

    def _show_plan(self, text: str) -> None:
        if not self._closed:
            self._plan.value = text

    def _stack_changed(self) -> None:
        super()._stack_changed()
        self._watch_stack()
        if not self.running:
            self._bar.value, self._status.value = 0, ""

    def _watch_stack(self) -> None:
        """Tell anew what a run will take, now and when the data or the axis of the stack are replaced."""
        layer = self._layer()
        if self._plan_line is None:
            return
        for event in () if layer is None else (layer.events.data, layer.events.metadata):
            self._watch.connect(event, self._plan_line.renew)
        self._plan_line.renew()

    def preparation_changed(self) -> None:
        """Offer the steps of the Prepare dock as they are now, and tell what they will take."""
        super().preparation_changed()
        if self._plan_line:
            self._plan_line.renew()

    def _close(self) -> None:
        super()._close()
        self._queue.close()
        if self._plan_line:
            self._plan_line.close()
        if self._preview:
            self._preview.listener = None
            self._preview.cancel()


def _row(name: str, *widgets: Widget) -> Container[Widget]:
    """Widgets beside one another."""
    row = Container(name=name, label=" ", layout="horizontal", labels=False, widgets=widgets)
    row.margins = (0, 0, 0, 0)
    return row
