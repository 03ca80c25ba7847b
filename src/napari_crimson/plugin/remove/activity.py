"""A run in napari's own list of activities, with the Cancel there."""

from __future__ import annotations

import io
from collections.abc import Callable

from napari.utils.progress import cancelable_progress

from napari_crimson.plugin.report import Report, part_done

__all__ = ["Activity"]

_STEPS = 100  # napari paints its window with each


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
        self._showing, self._at = False, 0

    def show(self, report: Report) -> None:
        """Show how far the run is."""
        self._at = int(_STEPS * part_done(report))
        if self._showing:  # napari lets other events in while it draws
            return
        self._showing = True
        while self._bar.n != self._at and not self._bar.disable:
            self._bar.update(self._at - self._bar.n)
        self._showing = False

    def close(self) -> None:
        """Leave the list."""
        self._bar.close()


class _Bar(cancelable_progress):  # type: ignore[misc]
    """napari calls back only between the steps of a loop, and here is none."""

    def cancel(self) -> None:
        """Stop, now."""
        super().cancel()
        if self.cancel_callback:
            self.cancel_callback()
