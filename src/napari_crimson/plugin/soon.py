"""A call a little later on the main thread: once the events that wait now have been handled, or the timers that are due as well."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer, Signal  # type: ignore[attr-defined]

__all__ = ["NextTurn", "Soon"]


class Soon(QObject):
    """Calls, after `start`, when Qt has done what waits; not where its parent is deleted before.

    PySide never lets go of what a single shot would have called, and of the widget that belongs to, where the widget is deleted first;
    a timer of no length waits for paintings, too.
    """

    _due = Signal()

    def __init__(self, parent: QObject, call: Callable[[], object]) -> None:
        super().__init__(parent)
        self._due.connect(call, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Have it called."""
        self._due.emit()


class NextTurn(QTimer):
    """Calls, after `start`, in the next turn of Qt's loop: timers that are due come first, and what it draws is painted after it."""

    def __init__(self, parent: QObject, call: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(0)
        self.timeout.connect(call)
