"""Short texts written upright above points of a plot, such as the positions of peaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QFont, QFontMetricsF

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

__all__ = ["Note", "Notes"]

Note = tuple[float, float, str]  # x, y, text

_GAP_PX = 4  # between a point and its text


class Notes(pg.GraphicsObject):  # type: ignore[misc]
    """All texts of one plot in one item: one of pyqtgraph's for each costs a frame's time a third of a millisecond.

    Attributes
    ----------
    notes : list of Note
        What is written now, in the coordinates of the axes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Note] = []
        self._colour, self._font = QColor("black"), QFont()
        self.setZValue(10)

    def write(self, notes: Iterable[Note]) -> None:
        """Write these in place of earlier ones."""
        self.notes = list(notes)
        self.update()

    def recolour(self, colour: str) -> None:
        """Write in another colour."""
        self._colour = pg.mkColor(colour)
        self.update()

    def viewTransformChanged(self) -> None:  # noqa: N802 - pyqtgraph's name
        """Cover the view where it is now."""
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """All that is seen: texts have their size on the screen, not in the plot."""
        return QRectF(self.viewRect())

    def places(self) -> list[QRectF]:
        """Where each text is, in the pixels of the scene."""
        metrics, to_scene = QFontMetricsF(self._font), self.sceneTransform()
        found = []
        for x, y, text in self.notes:
            at = to_scene.map(QPointF(x, y))
            wide, high = metrics.height(), metrics.horizontalAdvance(text)
            found.append(QRectF(at.x() - wide / 2, at.y() - _GAP_PX - high, wide, high))
        return found

    def paint(self, painter: Any, *args: Any) -> None:
        """Draw them, also where a picture is made larger or smaller than the screen."""
        to_scene = self.sceneTransform()
        to_picture = to_scene.inverted()[0] * painter.transform()
        painter.setPen(self._colour)
        painter.setFont(self._font)
        descent = QFontMetricsF(self._font).descent()
        for (_, _, text), place in zip(self.notes, self.places(), strict=True):
            painter.setTransform(to_picture)
            painter.translate(place.right() - descent, place.bottom())
            painter.rotate(-90)
            painter.drawText(QPointF(0, 0), text)
