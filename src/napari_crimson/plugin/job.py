"""One run of a removal off the main thread, with its layer filling in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from napari.utils.notifications import notification_manager, show_error
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.live import LiveLayer, growing_data, sample_block
from napari_crimson.plugin.report import Phase, Report

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.remove import Removal
    from napari_crimson.stream import Progress

__all__ = ["RemovalJob", "tell"]

_SHOW_EVERY_S = 0.1


class RemovalJob:
    """Runs ``plan_removal`` and its loop in a thread.

    Parameters
    ----------
    viewer, source
        Where the result is shown, and the layer it is of.
    stack : xarray.Dataset
        The stack that `source` shows.
    options : mapping
        Keyword arguments of ``plan_removal``.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        source: Image,
        stack: xr.Dataset,
        options: Mapping[str, Any],
        *,
        listener: Callable[[Report], None] | None = None,
    ) -> None:
        self.listener = listener
        self.live: LiveLayer | None = None
        self._viewer, self._source = viewer, source
        self._stop = threading.Event()
        self._progress: Progress | None = None
        self._complete = False
        self._error: Exception | None = None
        self._steps = self._work(stack, dict(options))

        def remove_background() -> Generator[Any, None, None]:  # its name is what napari asks about when a window closes
            yield from self._steps

        self._worker = create_worker(remove_background, _start_thread=False)
        self._worker.yielded.connect(self._show)
        self._worker.finished.connect(self._finish)

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return not self._stop.is_set() or self._worker.is_running

    def start(self) -> None:
        """Begin; returns at once."""
        self._viewer.layers.events.removed.connect(self._layer_removed)
        self._report("starting")
        self._worker.start()

    def cancel(self) -> None:
        """Stop within a block; what is done stays, marked as a part."""
        self._stop.set()

    def _work(self, stack: xr.Dataset, options: dict[str, Any]) -> Generator[Any, None, None]:
        """Plan and run, in the thread; never raises, because the worker takes a RuntimeError for its own death."""
        try:
            from napari_crimson.remove import plan_removal

            removal = plan_removal(stack, **options)
            with closing(removal.sink):
                if self._stop.is_set():
                    return
                yield removal
                yield from self._blocks(removal)
        except Exception as error:  # told to the user in `_finish`
            self._error = error

    def _blocks(self, removal: Removal) -> Generator[Any, None, None]:
        """Run to the end or until told to stop, yielding at most ten times a second."""
        data, shown = growing_data(removal), 0.0
        with closing(removal.run()) as blocks:
            for progress in blocks:
                self._progress = progress
                if self._stop.is_set():
                    return
                if time.monotonic() - shown >= _SHOW_EVERY_S or progress.blocks_done == progress.blocks:
                    shown = time.monotonic()
                    yield sample_block(data, progress.region)
        self._complete = True

    def _show(self, news: Removal | NDArray[np.float32]) -> None:
        """Take what the thread yields, on the main thread: first the plan, then samples of what is done."""
        if self._stop.is_set():
            return
        if not isinstance(news, np.ndarray):
            self.live = LiveLayer(self._viewer, self._source, news)
        elif self.live:
            self.live.show(news)
            self._report("running")

    def _finish(self) -> None:
        """End, however it came: tidy up, mark the layer, tell the user."""
        self._steps.close()  # where napari itself stopped the worker, the loop is still waiting
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._stop.set()
        if self.live:
            self.live.finish(complete=self._complete)
        if self._error:
            tell(self._error)
        self._report("failed" if self._error else "complete" if self._complete else "cancelled")

    def _layer_removed(self, event: Any) -> None:
        if self.live and event.value == self.live.layer:
            self.cancel()

    def _report(self, phase: Phase) -> None:
        if self.listener:
            self.listener(Report(phase=phase, progress=self._progress, error=self._error))


def tell(error: Exception) -> None:
    """Tell the user of an error: its message where it can be mended, with the traceback where it is our bug."""
    if isinstance(error, CrimsonError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
