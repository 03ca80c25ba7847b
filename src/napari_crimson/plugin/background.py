"""Work off the main thread that reports, can be cancelled, and tells its errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QTimer

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.garbage import hold_garbage
from napari_crimson.plugin.patient import patiently
from napari_crimson.plugin.preferences import keep_memory_limit
from napari_crimson.plugin.report import Ahead, Phase, Report

if TYPE_CHECKING:
    from napari_crimson.stream import Progress

__all__ = ["BackgroundJob", "tell"]

_GRACE_MS = 500  # that a cancelled job has to end before it is left to itself


class BackgroundJob:
    """One piece of work in a thread of its own.

    A subclass gives `_work`, a generator that runs in the thread, sets ``_complete`` when it has got to its end, and
    yields news; `_show`, which takes the news on the main thread; and `_end`, called there when it is over, however it came.
    A job that is cancelled is over within half a second: what its thread cannot leave at once (a read, an import) it ends unheard.

    Parameters
    ----------
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.

    Attributes
    ----------
    ended : callable, optional
        Called when the thread has come to its end.
    """

    title = "work"  # what napari asks about when a window closes

    def __init__(self, *, listener: Callable[[Report], None] | None = None) -> None:
        self.listener = listener
        self.ended: Callable[[], object] | None = None
        self._over = False
        self._usage = self._reason = ""
        self._stop = threading.Event()
        self._progress: Progress | None = None
        self._ahead: Ahead | None = None
        self._complete = False
        self._error: Exception | None = None
        self._release: Callable[[], None] = lambda: None
        self._steps = self._guarded()

        def work() -> Generator[Any, None, None]:
            yield from self._steps

        work.__name__ = self.title
        self._worker = create_worker(work, _start_thread=False)
        self._worker.yielded.connect(self._take)
        self._worker.finished.connect(self._finish)

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return not self._stop.is_set() or self._worker.is_running

    def start(self) -> None:
        """Begin; returns at once."""
        keep_memory_limit()
        self._release = hold_garbage()
        self._report("starting")
        self._worker.start()

    def cancel(self) -> None:
        """Stop at the next opportunity."""
        if not self._stop.is_set():
            self._stop.set()
            QTimer.singleShot(_GRACE_MS, self._conclude)

    def abandon(self) -> None:
        """Stop, tell nobody and add nothing: what it would be shown in has gone."""
        self.listener = None
        self._over = True
        self.cancel()

    def _work(self) -> Generator[Any, None, None]:
        """Do the work, in the thread."""
        raise NotImplementedError

    def _show(self, news: Any) -> None:
        """Take what the thread yields, on the main thread."""

    def _end(self) -> None:
        """Tidy up, on the main thread."""

    def _heed(self, doing: str, part: float) -> None:
        """Tell, from inside a long step in the thread, how far it is; raises where the job has been cancelled."""
        self._heed_stop()
        self._worker.yielded.emit(Ahead(doing, part))

    def _heed_stop(self) -> None:
        """Leave the work, in the thread, where the job has been cancelled."""
        if self._stop.is_set():
            raise _CancelledError

    def _heed_step(self, name: str, part: float) -> None:
        """The same of a step of a recipe."""
        from napari_crimson.pipeline import STEPS

        self._heed(STEPS[name].title, part)

    def _guarded(self) -> Generator[Any, None, None]:
        """The work, which never raises: the worker takes a RuntimeError for its own death."""
        try:
            yield from patiently(self._work())
        except _CancelledError:
            pass
        except Exception as error:  # told to the user in `_finish`
            self._error = error

    def _take(self, news: Any) -> None:
        if self._stop.is_set():
            return
        if isinstance(news, Ahead):
            self._ahead = news
            self._report("preparing")
        else:
            self._show(news)

    def _finish(self) -> None:
        self._release()
        self._stop.set()
        self._steps.close()  # where napari itself stopped the worker, the work goes on
        self._conclude()
        if self.ended:
            self.ended()

    def _conclude(self) -> None:
        """Come to an end as far as anybody hears of it."""
        if self._over:
            return
        self._over = True
        self._end()
        if self._error:
            tell(self._error)
        self._report("failed" if self._error else "complete" if self._complete else "cancelled")

    def _report(self, phase: Phase) -> None:
        if self.listener:
            report = Report(
                phase=phase,
                progress=self._progress,
                ahead=self._ahead,
                error=self._error,
                usage=self._usage,
                reason=self._reason,
            )
            self.listener(report)


class _CancelledError(Exception):
    """The way out of a long step."""


def tell(error: Exception) -> None:
    """Tell the user of an error: its message where it can be mended, with the traceback where it is our bug."""
    if isinstance(error, CrimsonError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
