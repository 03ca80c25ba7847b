"""A run in napari's own list of activities, with the Cancel there."""

from __future__ import annotations

import io
from collections.abc import Callable

from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QTimer

from napari_crimson.plugin.report import Report, part_done, status_text

__all__ = ["Activity"]

_STEPS = 1000  # of the bar until the number of pixels is known
_MOST_LETTERS = 17  # of a line ahead of the bar; napari's dialog is narrow, and its Cancel must be seen
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
        self._bar = _Bar(total=_STEPS, desc=_narrow(title), cancel_callback=cancel, file=io.StringIO(), miniters=1)
        self._report: Report | None = None
        self._due = QTimer()
        self._due.setSingleShot(True)
        self._due.setInterval(_EVERY_MS)
        self._due.timeout.connect(self._draw)

    def show(self, report: Report) -> None:
        """Show how far the run is, before long."""
        self._report = report
        if not self._due.isActive():
            self._due.start()

    def close(self) -> None:
        """Leave the list."""
        self._due.stop()
        self._bar.close()

    def _draw(self) -> None:
        bar, report = self._bar, self._report
        if report is None or bar.disable:
            return
        total = report.progress.pixels if report.progress else _STEPS
        if bar.total != total:
            bar.total = total
        bar.said = status_text(report).replace(", ", ",\n")
        bar.display()
        done = int(total * part_done(report))
        if bar.n != done:
            bar.update(done - bar.n)  # lets other events in, after which the run may be over


def _narrow(title: str) -> str:
    """Break a long title ahead of the remover, and cut what is longer still."""
    if len(title) <= _MOST_LETTERS:
        return title
    lines = title.rsplit(" · ", 1)
    return "\n· ".join(line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS - 1]}…" for line in lines)


class _Bar(cancelable_progress):  # type: ignore[misc]
    """napari calls back only between the steps of a loop, and here is none."""

    said = ""

    def __str__(self) -> str:
        """Give what napari writes beside the bar: as in the dock, since the rate of tqdm would count what an earlier run has done."""
        return self.said

    def cancel(self) -> None:
        """Stop, now."""
        super().cancel()
        if self.cancel_callback:
            self.cancel_callback()
