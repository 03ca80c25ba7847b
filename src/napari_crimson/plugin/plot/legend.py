"""The legend of a plot: a row of names above its axes, or several where they need it, never over the spectra."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QFont, QFontMetricsF

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

__all__ = ["Legend"]

_LEFT_PX, _SAMPLE_PX, _GAP_PX, _APART_PX = 4, 20, 4, 12
_BELOW_PX = 8  # for the upper half of a number at the top of the axis
_WIDTH_PX = 2
_HIDDEN = 0.4  # opacity of a name whose line is hidden

Style = tuple[str, bool, bool]  # colour, dashed, with symbols


class Legend(pg.GraphicsWidget):  # type: ignore[misc]
    """All names of one plot in one item, in the topmost row of the plot's layout, which is as high as they need.

    Attributes
    ----------
    toggled : Signal(str, bool)
        The user has clicked a name; whether its line is to be seen now.
    """

    toggled = Signal(str, bool)

    def __init__(self, plot: Any, *, shown: bool) -> None:
        super().__init__()
        self._styles: dict[str, Style] = {}
        self._places: dict[str, QRectF] = {}
        self._hidden: set[str] = set()
        self._colour, self._font, self._shown = QColor("black"), QFont(), shown
        self._rows = plot.layout
        self._rows.removeItem(plot.titleLabel)
        self._rows.addItem(self, 0, 0, 1, 2)
        self._arrange()

    def set(self, name: str, *style: Any) -> None:
        """Name a line, drawn in such a `Style`."""
        if self._styles.get(name) != style:
            new = name not in self._styles
            self._styles[name] = style
            if new:
                self._arrange()
            self.update()

    def remove(self, name: str) -> None:
        """Name a line no more."""
        self._hidden.discard(name)
        if self._styles.pop(name, None):
            self._arrange()

    def recolour(self, colour: str) -> None:
        """Write in another colour."""
        self._colour = pg.mkColor(colour)
        self.update()

    def places(self) -> dict[str, QRectF]:
        """Where each entry is, in the pixels of the scene."""
        return {name: self.mapRectToScene(place) for name, place in self._places.items()}

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Break the rows where there is room now."""
        super().resizeEvent(event)
        self._arrange()

    def mouseClickEvent(self, event: Any) -> None:  # noqa: N802 - pyqtgraph's name
        """Hide the line whose name is clicked, or show it again."""
        name = next((name for name, place in self._places.items() if place.contains(event.pos())), None)
        if name is not None and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self._hidden ^= {name}
            self.update()
            self.toggled.emit(name, name not in self._hidden)

    def paint(self, painter: Any, *args: Any) -> None:
        """Draw a piece of each line, and its name."""
        metrics = QFontMetricsF(self._font)
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        for name, place in self._places.items():
            colour, dashed, symbols = self._styles[name]
            painter.setOpacity(_HIDDEN if name in self._hidden else 1.0)
            middle = place.center().y()
            painter.setPen(pg.mkPen(colour, width=_WIDTH_PX, style=Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine))
            painter.drawLine(QPointF(place.left(), middle), QPointF(place.left() + _SAMPLE_PX, middle))
            if symbols:
                painter.setBrush(pg.mkBrush(colour))
                painter.drawEllipse(QPointF(place.left() + _SAMPLE_PX / 2, middle), _WIDTH_PX, _WIDTH_PX)
            painter.setPen(self._colour)
            text = place.adjusted(_SAMPLE_PX + _GAP_PX, 0, 0, 0)
            fitting = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, text.width() + 1)
            painter.drawText(QPointF(text.left(), text.top() + metrics.ascent()), fitting)

    def _arrange(self) -> None:
        """Find a place for each entry, and have as many rows as that takes."""
        metrics, width = QFontMetricsF(self._font), self.size().width() - _LEFT_PX
        high, left, top = metrics.height(), float(_LEFT_PX), 0.0
        self._places = {}
        for name in self._styles if self._shown else ():
            wide = _SAMPLE_PX + _GAP_PX + metrics.horizontalAdvance(name)
            wide = min(wide, width) if width > 0 else wide  # it has no width before it is shown
            if 0 < width < left + wide and left > _LEFT_PX:
                left, top = float(_LEFT_PX), top + high
            self._places[name] = QRectF(left, top, wide, high)
            left += wide + _APART_PX
        needed = (top + high if self._places else 0.0) + _BELOW_PX
        if needed != self._rows.rowMinimumHeight(0):
            self._rows.setRowFixedHeight(0, needed)
        self.update()
