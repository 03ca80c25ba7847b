"""`Collector`: collects Python's garbage on the main thread, in the place of whichever thread makes the next object."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

from qtpy.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal  # type: ignore[attr-defined]

__all__ = ["Collector"]

_EVERY_MS = 250
_ALL_EVERY_S = 600  # a look at all objects takes a tenth of a second or more


class Collector(QObject):
    """Collects while anybody holds it. Python is told not to by its thresholds: dask turns its collector itself on as it slices."""

    _wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._holders = 0
        self._thresholds: tuple[int, int, int] | None = None  # those to go back to
        self._all_at = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._collect)
        self._wanted.connect(self._timer.start, Qt.ConnectionType.QueuedConnection)
        if (application := QCoreApplication.instance()) is not None:
            application.aboutToQuit.connect(self._end)  # a script may go on afterwards
            self.moveToThread(application.thread())

    def hold(self) -> Callable[[], None]:
        """Collect here until what is given back is called; both in any thread."""
        with self._lock:
            self._holders += 1
            if self._thresholds is None:
                self._thresholds, self._all_at = gc.get_threshold(), time.monotonic() + _ALL_EVERY_S
                gc.set_threshold(0)
                self._wanted.emit()
        held = [self]

        def release() -> None:
            with self._lock:
                self._holders -= len(held)  # once, however often it is called
                held.clear()

        return release

    def _collect(self) -> None:
        """Collect what is young, on the main thread; leave it to Python again when nobody holds it any more."""
        everything = time.monotonic() > self._all_at
        gc.collect(2 if everything else 1)
        if everything:
            self._all_at = time.monotonic() + _ALL_EVERY_S
        with self._lock:
            if not self._holders:
                self._leave()

    def _end(self) -> None:
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        self._timer.stop()
        if self._thresholds is not None:
            gc.set_threshold(*self._thresholds)
            self._thresholds = None
