"""A run in napari's own list of activities, with the Cancel there."""

from __future__ import annotations

import io
from collections.abc import Callable

from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QTimer

from napari_crimson.plugin.report import Report, part_done

__all__ = ["Activity"]

_STEPS = 1000
_EVERY_MS = 500  # napari paints its window each time, and lets other events in


class Activity:
    """One entry of the list, for the main thread.

    Parameters
    ----------
    title : str
        What is going on.
    cancel : callable
        Called when it is cancelled in the list.
    """

    def __init__(self, title: str, cancel: Callable[[], object]) -> None:
        # with miniters at 1, tqdm's own thread leaves the bar alone: it would write into the window after 10 s without news
        self._bar = _Bar(total=_STEPS, desc=title, cancel_callback=cancel, file=io.StringIO(), miniters=1)
        self._at = 0
        self._due = QTimer()
        self._due.setSingleShot(True)
        self._due.setInterval(_EVERY_MS)
        self._due.timeout.connect(self._draw)

    def show(self, report: Report) -> None:
        """Show how far the run is, before long."""
        self._at = int(_STEPS * part_done(report))
        if not self._due.isActive():
            self._due.start()

    def close(self) -> None:
        """Leave the list."""
        self._due.stop()
        self._bar.close()

    def _draw(self) -> None:
        if self._bar.n != self._at and not self._bar.disable:
            self._bar.update(self._at - self._bar.n)


class _Bar(cancelable_progress):  # type: ignore[misc]
    """napari calls back only between the steps of a loop, and here is none."""

    def cancel(self) -> None:
        """Stop, now."""
        super().cancel()
        if self.cancel_callback:
            self.cancel_callback()
