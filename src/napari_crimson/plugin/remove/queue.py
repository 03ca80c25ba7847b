"""Removals that run one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from napari_crimson.plugin.remove.activity import Activity
from napari_crimson.plugin.remove.job import RemovalJob
from napari_crimson.plugin.report import Report, end_text

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_crimson.plugin.remove.request import Request

__all__ = ["RunQueue"]


class RunQueue:
    """Runs requests in the order they came, each also as an entry in napari's list of activities.

    Parameters
    ----------
    viewer
        Where results are shown.
    listener : callable
        Called with each `Report` of the run that is on.
    changed : callable
        Called when a run begins, ends or is queued.

    Attributes
    ----------
    before : str
        In a line, how the run has ended that the one that is on has waited for; empty where it has not.
    """

    def __init__(self, viewer: ViewerModel, listener: Callable[[Report], None], changed: Callable[[], None]) -> None:
        self.before = ""
        self._viewer = viewer
        self._listener: Callable[[Report], None] | None = listener
        self._changed: Callable[[], None] | None = changed
        self._job: RemovalJob | None = None
        self._activity: Activity | None = None
        self._last: Report | None = None
        self._waiting: deque[RemovalJob] = deque()
        viewer.layers.events.removed.connect(self._layer_removed)

    @property
    def running(self) -> bool:
        """Whether a removal is under way."""
        return self._job is not None

    @property
    def waiting(self) -> list[str]:
        """Titles of the requests that wait."""
        return [job.request.title for job in self._waiting]

    def add(self, request: Request) -> bool:
        """Run a request, when those before it are done; False if it is there already."""
        jobs = [*([self._job] if self._job and self._job.wanted else []), *self._waiting]
        if any(request.same_as(job.request) for job in jobs):
            return False
        self._waiting.append(RemovalJob(self._viewer, request))
        self._next()
        return True

    def cancel(self) -> None:
        """Stop the run that is on; the next one begins."""
        if self._job:
            self._job.cancel()

    def clear(self) -> None:
        """Forget those that wait."""
        while self._waiting:
            self._waiting.pop().discard()
        self._tell()

    def close(self) -> None:
        """Stop everything and tell nobody."""
        self._listener = self._changed = None
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self.clear()
        if self._job:
            self._job.listener = None
            self._job.cancel()
        self._leave_list()

    def _next(self) -> None:
        while self._waiting and not self._waiting[0].wanted:  # its stack has been replaced, which it has told
            self._waiting.popleft()
        if self._job is None and self._waiting:
            self._job = job = self._waiting.popleft()
            job.listener, job.ended = self._heard, self._ended
            job.start()
            QTimer.singleShot(0, partial(self._enter_list, job))
        self._tell()

    def _enter_list(self, job: RemovalJob) -> None:
        """Let napari list a run; it lets other events in meanwhile, so never from inside one, and the run may then be over."""
        if self._is_on(job):
            self._activity = Activity(job.request.title, self.cancel)
            if not self._is_on(job):
                self._leave_list()
            elif self._last:
                self._activity.show(self._last)

    def _is_on(self, job: RemovalJob) -> bool:
        return self._job is job and job.wanted and self._listener is not None

    def _layer_removed(self, event: Any) -> None:
        """Tell of a run whose stack has gone; not at once, as a viewer that is closed removes its layers first."""
        job = self._job
        if job and event.value == job.request.source:
            QTimer.singleShot(0, partial(self._tell_without, job, event.value.name))

    def _tell_without(self, job: RemovalJob, name: str) -> None:
        if self._is_on(job):
            show_info(f"Layer '{name}' was deleted; the run on it goes on, with its data as they were. Cancel stops it.")

    def _heard(self, report: Report) -> None:
        self._last = report
        if self._listener:
            self._listener(report)
            if report.reason:
                show_info(report.reason)
        if report.phase in ("complete", "cancelled", "failed"):
            self._leave_list()
        elif self._activity:
            self._activity.show(report)

    def _ended(self) -> None:
        self.before = f"{self._job.request.title}: {end_text(self._last)}" if self._job and self._last and self._waiting else ""
        self._job = None
        self._next()

    def _leave_list(self) -> None:
        if self._activity:
            self._activity.close()
            self._activity = None

    def _tell(self) -> None:
        if self._changed:
            self._changed()
