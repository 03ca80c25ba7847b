"""One run of a removal off the main thread, with its layer filling in."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import BackgroundJob, tell
from napari_crimson.plugin.remove.live import LiveLayer, growing_data, sample_block, stopped_sinks, take_note
from napari_crimson.plugin.remove.request import Request
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_crimson.remove import Removal
    from napari_crimson.results.sinks import MemorySink

__all__ = ["RemovalJob", "tell"]

_SHOW_EVERY_S = 0.1


class RemovalJob(BackgroundJob):
    """Plans a request and runs its loop in a thread; a run that was stopped is taken up in the layer it has left.

    Parameters
    ----------
    viewer
        Where the result is shown.
    request : Request
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.

    Attributes
    ----------
    live : LiveLayer, optional
        The layer of the result, once there is one.
    """

    title = "remove_background"

    def __init__(self, viewer: ViewerModel, request: Request, *, listener: Callable[[Report], None] | None = None) -> None:
        super().__init__(listener=listener)
        self.request = request
        self.live: LiveLayer | None = None
        self._viewer = viewer
        self._earlier: list[MemorySink] = []
        request.source.events.data.connect(self._source_changed)
        viewer.layers.events.removed.connect(self._layer_removed)

    @property
    def wanted(self) -> bool:
        """Whether it has neither ended nor been told to."""
        return not self._stop.is_set()

    def discard(self) -> None:
        """Let go of everything, in place of `start`."""
        self._over = True
        self._let_go()

    def start(self) -> None:
        """Begin; returns at once."""
        self._earlier = stopped_sinks(self._viewer)
        super().start()

    def _work(self) -> Generator[Any, None, None]:
        """Plan and run."""
        self._heed_stop()
        removal = self._plan()
        with closing(removal.sink):
            self._heed_stop()
            data = growing_data(removal)
            yield removal, data
            yield from self._blocks(removal, data)

    def _plan(self) -> Removal:
        return self.request.plan(progress=self._heed_step, earlier=self._earlier)

    def _blocks(self, removal: Removal, data: Any) -> Generator[Any, None, None]:
        """Run to the end or until told to stop, yielding at most ten times a second."""
        from napari_crimson.stream import stream

        shown = 0.0
        device = str(getattr(removal.remover, "device", "cpu"))
        with closing(removal.run(partial(stream, heed=self._heed_stop))) as blocks:
            for progress in blocks:
                self._progress = progress
                take_note(data, progress.region)
                if time.monotonic() - shown >= _SHOW_EVERY_S or progress.blocks_done == progress.blocks:
                    shown = time.monotonic()
                    self._usage = _usage(device)
                    yield sample_block(data, progress.region)
        self._complete = True

    def _show(self, news: tuple[Removal, Any] | NDArray[np.float32]) -> None:
        """First the plan and what to show of it, then samples of what is done."""
        if isinstance(news, tuple):
            self.live = self._layer_of(*news)
        elif self.live:
            self.live.show(news)
            self._report("running")

    def _layer_of(self, removal: Removal, data: Any) -> LiveLayer:
        return LiveLayer(self._viewer, self.request.source, removal, data)

    def _let_go(self) -> None:
        self.request.source.events.data.disconnect(self._source_changed)
        self._viewer.layers.events.removed.disconnect(self._layer_removed)

    def _end(self) -> None:
        """Mark the layer."""
        self._let_go()
        if self.live:
            self.live.finish(complete=self._complete)

    def _layer_removed(self, event: Any) -> None:
        """Stop a run whose result nobody wants any more."""
        if self.live and self.wanted and event.value == self.live.layer:
            folder = self.live.folder
            self._reason = f"layer '{event.value.name}' was deleted, and its run was stopped."
            self._reason += f"\nThe part that is done stays in {folder}; Run goes on from there." if folder else ""
            self.cancel()

    def _source_changed(self, _: Any = None) -> None:
        """End a run whose stack is no longer what it was."""
        name = self.request.source.name
        self._error = CrimsonError(f"layer '{name}' has been given other data, and the run on those it had was stopped; run it again")
        self.cancel()


def _usage(device: str) -> str:
    """The device and the memory that is in use, in words."""
    used = f"{device} · {psutil.Process().memory_info().rss / 1e9:.2g} GB of memory"
    if device == "cpu":
        return used
    from napari_crimson.device import taken_memory

    taken = taken_memory(device)
    return f"{used}, {taken / 1e9:.2g} GB on the device" if taken else used
