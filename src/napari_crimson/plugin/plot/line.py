"""One line of a plot, as it was given and as it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGraphicsPathItem

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

__all__ = ["DrawnLine", "Line"]

_SHADE = 60  # opacity of a band, of 255


@dataclass(frozen=True, eq=False, kw_only=True)
class Line:
    """What `SpectrumPlot.set_line` was given: `x`, `y` and `sd`, float64 of shape (W,); `of` says where the numbers are from."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sd: NDArray[np.float64] | None
    colour: int | str
    dashed: bool
    symbols: bool
    of: str = ""


class DrawnLine:
    """The items of one line: the line itself and, behind it, its band.

    Attributes
    ----------
    x, top : numpy.ndarray, shape (W,)
        How high it reaches with its band, as it is drawn; NaN where it is not.
    shown : bool
        Whether it is to be seen.
    """

    def __init__(self, plot: Any) -> None:
        self.line = plot.plot([], [], connect="finite", antialias=True)
        self.band = QGraphicsPathItem()
        self.band.setPen(pg.mkPen(None))
        self.band.setZValue(-10)
        plot.addItem(self.band)
        self._style: tuple[Any, ...] = ()
        self.shown, self._shaded = True, False
        self.x = self.top = np.empty(0)

    def set(self, line: Line, colour: str, width_px: float, *, log: bool) -> None:
        """Draw anew."""
        self._set_style(line, colour, width_px)
        drawn = np.isfinite(line.y) & (line.y > 0) if log else np.isfinite(line.y)
        first, last = (drawn.argmax(), drawn.size - drawn[::-1].argmax()) if drawn.any() else (0, 0)
        inner = slice(first, last)  # a path must not begin with a gap
        self.line.setData(line.x[inner], np.where(drawn, line.y, np.nan)[inner])
        self._shaded = line.sd is not None and bool(drawn.any())
        self.band.setVisible(self.shown and self._shaded)
        self.x, self.top = line.x, np.where(drawn, line.y if line.sd is None else line.y + np.nan_to_num(line.sd), np.nan)
        if log:
            self.top = np.log10(self.top)
        if line.sd is not None:
            self.band.setPath(_band_path(line.x[drawn], line.y[drawn], np.nan_to_num(line.sd[drawn]), log=log))

    def show(self, *, shown: bool) -> None:
        """Let it be seen, or hide it with its band."""
        self.shown = shown
        self.line.setVisible(shown)
        self.band.setVisible(shown and self._shaded)

    def _set_style(self, line: Line, colour: str, width_px: float) -> None:
        """Choose pen and brush, where they are others: pyqtgraph draws anew with each of these calls."""
        style = (line.dashed, line.symbols, colour, width_px)
        if style == self._style:
            return
        self._style = style
        self.line.setPen(pg.mkPen(colour, width=width_px, style=Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine))
        self.line.setSymbol("o" if line.symbols else None)
        self.line.setSymbolSize(5)
        self.line.setSymbolBrush(colour)
        self.line.setSymbolPen(None)
        shade = pg.mkColor(colour)
        shade.setAlpha(_SHADE)
        self.band.setBrush(shade)

    def remove(self, plot: Any) -> None:
        """Take it from the plot."""
        plot.removeItem(self.band)
        plot.removeItem(self.line)


def _band_path(x: NDArray[np.float64], y: NDArray[np.float64], sd: NDArray[np.float64], *, log: bool) -> Any:
    """Outline of y ± sd, in the coordinates of the plot."""
    lower, upper = y - sd, y + sd
    if log:
        lower, upper = np.log10(np.maximum(lower, y.min(initial=np.inf))), np.log10(upper)
    return pg.arrayToQPath(np.concatenate([x, x[::-1]]), np.concatenate([lower, upper[::-1]]))
