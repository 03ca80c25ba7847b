"""Short texts written upright above points of a plot, such as the positions of peaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QFont, QFontMetricsF

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

from napari_crimson.plugin.plot.line import DrawnLine

__all__ = ["Note", "Notes"]

Floats = NDArray[np.float64]
Note = tuple[float, float, str]  # x, y, text

_GAP_PX = 4  # between a point and its text


class Notes(pg.GraphicsObject):  # type: ignore[misc]
    """All texts of one plot in one item: one of pyqtgraph's for each costs a frame's time a third of a millisecond.

    Parameters
    ----------
    lines : mapping
        All lines of the plot, as they are now: texts are raised above what is drawn at their places.

    Attributes
    ----------
    notes : list of Note
        What is written now, in the coordinates of the axes.
    """

    def __init__(self, lines: Mapping[str, DrawnLine]) -> None:
        super().__init__()
        self._lines = lines
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

    def height_px(self) -> float:
        """How much room the longest text takes above its point, on the screen."""
        advance = QFontMetricsF(self._font).horizontalAdvance
        return max((advance(text) + 2 * _GAP_PX for _, _, text in self.notes), default=0.0)

    def viewTransformChanged(self) -> None:  # noqa: N802 - pyqtgraph's name
        """Cover the view where it is now."""
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """All that is seen: texts have their size on the screen, not in the plot."""
        return QRectF(self.viewRect())

    def places(self) -> list[QRectF]:
        """Where each text is, in the pixels of the scene."""
        if not self.notes:
            return []
        metrics, to_scene = QFontMetricsF(self._font), self.sceneTransform()
        wide = metrics.height()
        x, y = np.array([note[:2] for note in self.notes]).T
        half = wide / 2 / max(abs(to_scene.m11()), np.finfo(float).tiny)
        for at_x, tops in self._tops():
            y = np.fmax(y, _highest(at_x, np.fmax.reduce(tops), x - half, x + half))
        found = []
        for left, up, (_, _, text) in zip(x, y, self.notes, strict=True):
            at, high = to_scene.map(QPointF(left, up)), metrics.horizontalAdvance(text)
            found.append(QRectF(at.x() - wide / 2, at.y() - _GAP_PX - high, wide, high))
        return found

    def _tops(self) -> Iterable[tuple[Floats, list[Floats]]]:
        """How high the lines reach that are seen, those together that have one axis, as spectra of a stack do."""
        found: dict[int, tuple[Floats, list[Floats]]] = {}
        for line in self._lines.values():
            if line.shown and line.x.size:
                found.setdefault(id(line.x), (line.x, []))[1].append(line.top)
        return found.values()

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


def _highest(x: Floats, top: Floats, low: Floats, high: Floats) -> Floats:
    """Highest value of a line (W,) between positions (N,) and others; NaN where there is none."""
    first, after = np.searchsorted(x, low), np.searchsorted(x, high, side="right")
    within = np.fmax.reduceat(np.append(top, np.nan), np.stack([first, after], axis=1).ravel())[::2]
    ends = np.interp([low, high], x, top, left=np.nan, right=np.nan)
    return np.asarray(np.fmax.reduce([np.where(first < after, within, np.nan), *ends]))
