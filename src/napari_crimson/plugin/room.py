"""A window keeps its height: a dock for which there is no room any more shares that of another of ours, behind a tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_crimson.plugin.soon import NextTurn

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["find_room"]

_OURS = __name__.partition(".")[0]
_SETTLED_MS = 50  # by then all that is in a dock has said how high it must be


def find_room(widget: QWidget, viewer: Viewer) -> None:
    """Have a dock widget that is being made find room in the window of a viewer, once it is shown there.

    Qt would make the window as high as all docks in it need, be it higher than the screen, and not let it be made lower again.
    """
    window = getattr(viewer, "window", None)
    if window is not None:
        _Room(widget, window.main_menu.window().height())


class _Room(QObject):
    """Waits until its dock widget is shown, and until it has settled."""

    def __init__(self, widget: QWidget, height_px: int) -> None:
        super().__init__(widget)
        self._widget, self._height_px = widget, height_px
        self._soon, self._settled = NextTurn(self, self._find), NextTurn(self, self._find)
        self._settled.setInterval(_SETTLED_MS)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hear of the first time."""
        if event.type() == QEvent.Type.Show:
            watched.removeEventFilter(self)
            self._soon.start()
            self._settled.start()
        return False

    def _find(self) -> None:
        dock = _dock_around(self._widget)
        window = None if dock is None else dock.parentWidget()
        layout = None if not isinstance(window, QMainWindow) else window.layout()
        if dock is None or not isinstance(window, QMainWindow) or layout is None:
            return
        if window.minimumSizeHint().height() <= self._height_px:
            return
        area = window.dockWidgetArea(dock)
        seen = [other for other in window.findChildren(QDockWidget) if other is not dock and other.isVisible() and not other.isFloating()]
        beside = [other for other in seen if window.dockWidgetArea(other) == area and _is_ours(other)]
        if area not in (Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea):
            return
        for number, other in enumerate(reversed(beside)):
            window.tabifyDockWidget(*((dock, other) if number else (other, dock)))
            layout.activate()  # else the window holds on to the height that all needed
            if window.minimumSizeHint().height() <= self._height_px:
                break
        dock.raise_()
        if beside and not window.isMaximized() and not window.isFullScreen():
            window.resize(window.width(), self._height_px)


def _dock_around(widget: QWidget) -> QDockWidget | None:
    around = widget.parentWidget()
    while around is not None and not isinstance(around, QDockWidget):
        around = around.parentWidget()
    return around


def _is_ours(dock: QDockWidget) -> bool:
    return any(type(part).__module__.startswith(_OURS) for part in dock.findChildren(QWidget))
