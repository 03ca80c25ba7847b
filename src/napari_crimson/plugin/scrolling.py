"""Dock widgets that scroll where a window is too low for all that is open in it: it would grow beyond the screen otherwise."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QFrame, QScrollArea, QVBoxLayout, QWidget

__all__ = ["let_scroll"]

_LOWEST_PX = 190  # of what is seen of a dock: some rows; beside Spectrum, in a window of 800, there is no room for more
_PADDING_PX = 1  # that napari's style puts around
_BOXES = (QComboBox, QAbstractSpinBox)  # choose otherwise when the wheel is turned over them


def let_scroll(dock: QWidget) -> None:
    """Have what is laid out in a dock widget scroll where there is no room for all of it."""
    layout = dock.layout()
    assert layout is not None
    inside = _Inside(dock)
    inside.setLayout(layout)  # takes the widgets along
    area = _Area(dock, inside)
    dock.setMinimumWidth(0)  # the area keeps to it
    rows = QVBoxLayout(dock)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.addWidget(area)


class _Inside(QWidget):
    """What scrolls."""

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Ask for the height that is needed: by itself, a form with wrapped text asks for all that it likes, and gets a bar for it."""
        layout = self.layout()
        return layout.minimumHeightForWidth(width) if layout is not None and layout.hasHeightForWidth() else -1


class _Area(QScrollArea):
    """Is as large as what it holds where there is room, and never narrower."""

    def __init__(self, dock: QWidget, inside: QWidget) -> None:
        super().__init__(dock)
        self._inside, self._least_px = inside, dock.minimumWidth()
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the tab key goes from control to control, and brings each into sight
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().rangeChanged.connect(self._bar_changed)

    def _bar_changed(self) -> None:
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Like the dock without scrolling."""
        return self._inside.sizeHint()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as must be, with the bar beside it where there is one."""
        least, bar = self._inside.minimumSizeHint(), self.verticalScrollBar()
        beside = bar.sizeHint().width() + 2 * _PADDING_PX if bar.maximum() > 0 else 0
        return QSize(max(self._least_px, least.width() + beside), min(least.height(), _LOWEST_PX))

    def event(self, event: QEvent) -> bool:
        """Hand on that the form has become another, and watch the boxes it has now."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Enter):
            for box in self.findChildren(QWidget):
                if isinstance(box, _BOXES):
                    box.installEventFilter(self)  # which it does once, however often it is told
        return bool(super().event(event))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Scroll with the wheel, in place of choosing otherwise in each box that comes by under the cursor."""
        if isinstance(watched, _BOXES) and event.type() == QEvent.Type.Wheel and self.verticalScrollBar().maximum() > 0:
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))
