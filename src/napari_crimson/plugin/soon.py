"""`Soon`: a call once the events that wait now have been handled."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

__all__ = ["Soon"]


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
