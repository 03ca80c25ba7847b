"""`Soon`: a call once the events that wait now have been handled."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

__all__ = ["Soon"]


class Soon(QTimer):
    """Calls, after `start`, when Qt has done what waits; not where its parent is deleted before.

    PySide never lets go of what a single shot would have called, and of the widget that belongs to, where the widget is deleted first.
    """

    def __init__(self, parent: QObject, call: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(0)
        self.timeout.connect(call)
