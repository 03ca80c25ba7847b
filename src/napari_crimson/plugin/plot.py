"""A plot of spectra for the dock widgets: the one place that knows pyqtgraph.

Named lines with a shaded band of one standard deviation, a legend, a readout under the cursor, a marker and a band
that can be dragged, the viewer's colours, and a menu (also behind the right button) that saves and copies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGraphicsPathItem, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

from napari_crimson.plugin.plot_menu import PlotMenu
from napari_crimson.plugin.plot_theme import Colours, follow_theme

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Line", "SpectrumPlot"]

_WIDTH_PX = 1.5
_SHADE = 60  # opacity of a band, of 255


@dataclass(frozen=True, eq=False, kw_only=True)
class Line:
    """What `SpectrumPlot.set_line` was given: `x`, `y` and `sd`, float64 of shape (W,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sd: NDArray[np.float64] | None
    colour: int | str
    dashed: bool
    symbols: bool


class SpectrumPlot(QWidget):
    """Lines over one axis.

    Parameters
    ----------
    viewer : napari viewer, optional
        Lends its theme, also when that changes.
    name : str
        What the plot shows, for screen readers and as the name of saved files.
    x_label, y_label : str
        With their units.

    Attributes
    ----------
    marker_dragged : Signal(float)
        The user has moved the marker, to this position.
    band_dragged : Signal(float, float)
        The user has moved an edge of the band; lower edge, upper edge.
    """

    marker_dragged = Signal(float)
    band_dragged = Signal(float, float)

    def __init__(
        self,
        viewer: ViewerModel | None = None,
        *,
        name: str = "Spectra",
        x_label: str = "Raman shift (cm⁻¹)",
        y_label: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.x_label = x_label
        self.lines: dict[str, Line] = {}
        self._items: dict[str, _Drawn] = {}
        self._log_y = self._quiet = False
        self.view = pg.PlotWidget(enableMenu=False)
        self.view.setAccessibleName(name)
        self.view.setToolTip("Wheel to zoom, drag to move, double-click for all of it; a click on the legend hides a line.")
        self.view.setMinimumHeight(120)
        self._plot = self.view.getPlotItem()
        self._plot.ctrlMenu.setParent(self, self._plot.ctrlMenu.windowFlags())  # else it outlives the plot
        self._plot.hideButtons()
        self._plot.setLabel("bottom", x_label)
        self._plot.setLabel("left", y_label)
        for side in ("bottom", "left"):
            self._plot.getAxis(side).enableAutoSIPrefix(False)
        self._legend = self._plot.addLegend(offset=(-5, 5))
        self._marker, self._band, self._notes = self._make_marker(), self._make_band(), list[Any]()
        self.readout = QLabel()
        self.readout.setAccessibleName(f"{name}: values under the cursor")
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.menu_button = QToolButton()
        self._lay_out(PlotMenu(self))
        self.view.scene().sigMouseMoved.connect(self._hover)
        self.view.scene().sigMouseClicked.connect(self._clicked)
        self.destroyed.connect(follow_theme(viewer, self.recolour))

    # --- lines ---------------------------------------------------------------------------------------

    def set_line(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        sd: ArrayLike | None = None,
        colour: int | str | None = None,
        dashed: bool = False,
        symbols: bool = False,
    ) -> None:
        """Draw a line, or draw it anew if there is one of this name; NaN are gaps.

        Parameters
        ----------
        name : str
            For the legend.
        x : array_like, shape (W,)
            Ascending.
        y : array_like, shape (W,)
            NaN where there is nothing to draw.
        sd : array_like, shape (W,), optional
            Half the height of a band shaded around the line.
        colour : int or str, optional
            A number counts through colours that differ for the colour-blind too, ``"text"`` is that of the text, anything
            else a colour of Qt such as ``"#d55e00"``. By default a line keeps its colour, and a new one has the next free.
        dashed, symbols : bool
            A dashed line; a dot at every point.
        """
        if colour is None:
            taken = {line.colour for line in self.lines.values()}
            colour = self.lines[name].colour if name in self.lines else next(n for n in range(len(taken) + 1) if n not in taken)
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        spread = None if sd is None else np.asarray(sd, dtype=np.float64)
        self.lines[name] = Line(x=x, y=y, sd=spread, colour=colour, dashed=dashed, symbols=symbols)
        if name not in self._items:
            self._items[name] = _Drawn(self._plot, name)
        self._paint(name)

    def remove_line(self, name: str) -> None:
        """Take a line away, if it is there."""
        if self.lines.pop(name, None):
            self._items.pop(name).remove(self._plot)

    def clear(self) -> None:
        """Take all lines away."""
        for name in list(self.lines):
            self.remove_line(name)

    def colour_of(self, name: str) -> str:
        """Colour of a line as it is drawn now."""
        return self._rrggbb(self.lines[name].colour)

    # --- marker, band, notes, axes -------------------------------------------------------------------

    def set_marker(self, x: float | None) -> None:
        """Show the vertical line at `x`, or hide it."""
        self._marker.setVisible(x is not None)
        if x is not None:
            self._marker.setValue(x)

    def set_band(self, edges: tuple[float, float] | None) -> None:
        """Show the band between two positions, or hide it."""
        self._band.setVisible(edges is not None)
        if edges is not None:
            self._quiet = True
            self._band.setRegion(edges)
            self._quiet = False

    def set_notes(self, notes: Iterable[tuple[float, float, str]]) -> None:
        """Write short texts above points (x, y), such as the positions of peaks, in place of earlier ones."""
        for item in self._notes:
            self._plot.removeItem(item)
        self._notes = []
        for x, y, text in notes:
            if self._log_y and y <= 0:
                continue
            item = pg.TextItem(text, color=self.colours.text, anchor=(0.5, 1))
            item.setPos(x, np.log10(y) if self._log_y else y)
            self._plot.addItem(item, ignoreBounds=True)
            self._notes.append(item)

    def set_y_label(self, text: str) -> None:
        """Name the vertical axis."""
        self._plot.setLabel("left", text)

    @property
    def log_y(self) -> bool:
        """Whether the vertical axis is logarithmic; what is not positive is not drawn then."""
        return self._log_y

    @log_y.setter
    def log_y(self, log: bool) -> None:
        self._log_y = log
        self.set_notes(())  # their places are of the other scale
        self._plot.setLogMode(y=log)
        for name in self.lines:
            self._paint(name)
        self.show_all()

    def show_all(self) -> None:
        """Zoom to all lines, and follow them."""
        self._plot.enableAutoRange()

    def link_x(self, other: SpectrumPlot) -> None:
        """Zoom and move along x together with another plot."""
        self._plot.setXLink(other._plot)

    def recolour(self, colours: Colours) -> None:
        """Draw everything in other colours."""
        self.colours = colours
        self.view.setBackground(colours.background)
        for side in ("bottom", "left"):
            self._plot.getAxis(side).setPen(colours.faint)
            self._plot.getAxis(side).setTextPen(colours.text)
        self._marker.setPen(pg.mkPen(colours.text, width=1, style=Qt.PenStyle.DashLine))
        self._marker.setHoverPen(pg.mkPen(colours.text, width=3))
        shade = pg.mkColor(colours.text)
        shade.setAlpha(30)
        self._band.setBrush(shade)
        for edge in self._band.lines:
            edge.setPen(pg.mkPen(colours.text, width=1))
            edge.setHoverPen(pg.mkPen(colours.text, width=3))
        self._legend.setLabelTextColor(colours.text)
        paper = pg.mkColor(colours.background)
        paper.setAlpha(180)
        self._legend.setBrush(paper)
        for _, label in self._legend.items:
            label.setText(label.text, color=colours.text)
        for note in self._notes:
            note.setColor(colours.text)
        for name in self.lines:
            self._paint(name)

    # --- inside --------------------------------------------------------------------------------------

    def _lay_out(self, menu: PlotMenu) -> None:
        self._menu = menu
        self.menu_button.setText("Plot ▾")
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setMenu(menu)
        self.menu_button.setToolTip("Scale of the plot; save or copy its numbers or its picture.")
        self.menu_button.setAccessibleName(f"{self.name}: menu")
        below = QHBoxLayout()
        below.addWidget(self.readout, 1)
        below.addWidget(self.menu_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addWidget(self.view, 1)
        rows.addLayout(below)

    def _make_marker(self) -> Any:
        marker = pg.InfiniteLine(movable=True)
        marker.setVisible(False)
        marker.setZValue(20)
        marker.sigDragged.connect(lambda line: self.marker_dragged.emit(float(line.value())))
        self._plot.addItem(marker, ignoreBounds=True)
        return marker

    def _make_band(self) -> Any:
        band = pg.LinearRegionItem()
        band.setVisible(False)
        band.sigRegionChanged.connect(lambda region: self._quiet or self.band_dragged.emit(*map(float, sorted(region.getRegion()))))
        self._plot.addItem(band, ignoreBounds=True)
        return band

    def _rrggbb(self, colour: int | str) -> str:
        if isinstance(colour, int):
            return self.colours.lines[colour % len(self.colours.lines)]
        return self.colours.text if colour == "text" else str(colour)

    def _paint(self, name: str) -> None:
        self._items[name].set(self.lines[name], self._rrggbb(self.lines[name].colour), log=self._log_y)

    def _hover(self, at: Any) -> None:
        """Say the position under the cursor, and the value of each line there."""
        box = self._plot.vb
        if not box.sceneBoundingRect().contains(at):
            self.readout.setText("")
            return
        x = float(box.mapSceneToView(at).x())
        values = [f"{name} {line.y[np.abs(line.x - x).argmin()]:.4g}" for name, line in self.lines.items() if line.x.size]
        unit = self.x_label.partition("(")[2].rstrip(")")
        self.readout.setText("   ".join([f"{x:.1f} {unit}".rstrip(), *values]))
        self.readout.setToolTip("\n".join(values))

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self._menu.popup(event.screenPos().toPoint())
        elif event.double():
            self.show_all()


class _Drawn:
    """The items of one line: the line itself and, behind it, its band."""

    def __init__(self, plot: Any, name: str) -> None:
        self.line = plot.plot([], [], name=name, connect="finite", antialias=True)
        self.band = QGraphicsPathItem()
        self.band.setPen(pg.mkPen(None))
        self.band.setZValue(-10)
        plot.addItem(self.band)

    def set(self, line: Line, colour: str, *, log: bool) -> None:
        self.line.setPen(pg.mkPen(colour, width=_WIDTH_PX, style=Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine))
        self.line.setSymbol("o" if line.symbols else None)
        self.line.setSymbolSize(5)
        self.line.setSymbolBrush(colour)
        self.line.setSymbolPen(None)
        drawn = np.isfinite(line.y) & (line.y > 0) if log else np.isfinite(line.y)
        first, last = (drawn.argmax(), drawn.size - drawn[::-1].argmax()) if drawn.any() else (0, 0)
        inner = slice(first, last)  # a path must not begin with a gap
        self.line.setData(line.x[inner], np.where(drawn, line.y, np.nan)[inner])
        shade = pg.mkColor(colour)
        shade.setAlpha(_SHADE)
        self.band.setBrush(shade)
        self.band.setVisible(line.sd is not None and bool(drawn.any()))
        if line.sd is not None:
            self.band.setPath(_band_path(line.x[drawn], line.y[drawn], np.nan_to_num(line.sd[drawn]), log=log))

    def remove(self, plot: Any) -> None:
        plot.removeItem(self.band)
        plot.removeItem(self.line)


def _band_path(x: NDArray[np.float64], y: NDArray[np.float64], sd: NDArray[np.float64], *, log: bool) -> Any:
    """Outline of y ± sd, in the coordinates of the plot."""
    lower, upper = y - sd, y + sd
    if log:
        lower, upper = np.log10(np.maximum(lower, y.min(initial=np.inf))), np.log10(upper)
    return pg.arrayToQPath(np.concatenate([x, x[::-1]]), np.concatenate([lower, upper[::-1]]))
