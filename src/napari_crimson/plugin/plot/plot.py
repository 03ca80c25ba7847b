"""A plot of spectra for the dock widgets: the one place that knows pyqtgraph.

Named lines with a shaded band of one standard deviation, a legend, a readout under the cursor, a marker and a band
that can be dragged, the viewer's colours, and a menu (also behind the right button) that saves and copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGraphicsView, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_crimson.plugin.plot.handles import Handles
from napari_crimson.plugin.plot.legend import Legend
from napari_crimson.plugin.plot.line import DrawnLine, Line
from napari_crimson.plugin.plot.log_axis import ValueAxis
from napari_crimson.plugin.plot.menu import PlotMenu
from napari_crimson.plugin.plot.notes import Note, Notes
from napari_crimson.plugin.plot.readout import PlotView, Readout
from napari_crimson.plugin.plot.steady_view import SteadyView
from napari_crimson.plugin.plot.theme import Colours, follow_theme, legible
from napari_crimson.plugin.soon import NextTurn, Soon

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Line", "SpectrumPlot"]


_AXIS_PX = 62  # for all plots, so that linked ones stand one under the other and no number moves them
_BOTTOM_PX = 5  # by which pyqtgraph lets the name of the axis hang over


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
    legend : bool
        Whether the lines are named above.

    Attributes
    ----------
    marker_dragged : Signal(float)
        The user has moved the marker, to this position.
    band_dragged : Signal(float, float)
        The user has moved an edge of the band; lower edge, upper edge.
    clicked : Signal(float)
        The user has clicked at this position along x.
    """

    marker_dragged = Signal(float)
    band_dragged = Signal(float, float)
    clicked = Signal(float)

    def __init__(
        self,
        viewer: ViewerModel | None = None,
        *,
        name: str = "Spectra",
        x_label: str = "Raman shift (cm⁻¹)",
        y_label: str = "",
        legend: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.x_label = x_label
        self.lines: dict[str, Line] = {}
        self._items: dict[str, DrawnLine] = {}
        self._log_y = False
        self.view = PlotView(viewBox=SteadyView(enableMenu=False), enableMenu=False, axisItems={"left": ValueAxis("left")})
        self.view.setAccessibleName(name)
        self.view.setToolTip("Wheel to zoom, drag to move, double-click for all of it; a click on the legend hides a line.")
        self.view.setMinimumSize(200, 120)
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)  # its own wish is half a window
        self._update_mode = self.view.viewportUpdateMode()
        self._due = NextTurn(self, self._paint_all)
        self._found_out = Soon(self, self._paint_by_itself)
        self._plot = self.view.getPlotItem()
        self._plot.ctrlMenu.setParent(self, self._plot.ctrlMenu.windowFlags())  # else it outlives the plot
        self._plot.hideButtons()
        self._plot.layout.setContentsMargins(1, 0, 4, _BOTTOM_PX)
        self._plot.setLabel("bottom", x_label)
        self._plot.setLabel("left", y_label)
        for side in ("bottom", "left"):
            self._plot.getAxis(side).enableAutoSIPrefix(False)
        self._plot.getAxis("left").setWidth(_AXIS_PX)
        self._legend = Legend(self._plot, shown=legend)
        self._legend.toggled.connect(self._show_line)
        self._handles = Handles(self._plot)
        self._handles.marker.sigDragged.connect(self._marker_moved)
        self._handles.band.sigRegionChanged.connect(self._band_moved)
        self._notes = Notes(self._items)
        self._plot.addItem(self._notes, ignoreBounds=True)
        self.readout = Readout(self.view, self.lines, x_label.partition("(")[2].rstrip(")"))
        self.readout.setAccessibleName(f"{name}: values under the cursor")
        self.menu_button = QToolButton()
        self._lay_out(PlotMenu(self))
        self.view.scene().sigMouseClicked.connect(self._clicked)
        self.destroyed.connect(follow_theme(viewer, self.recolour))

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
        of: str = "",
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
        of : str
            Where the numbers are from, for a table that is saved.
        """
        if colour is None:
            taken = {line.colour for line in self.lines.values()}
            colour = self.lines[name].colour if name in self.lines else next(n for n in range(len(taken) + 1) if n not in taken)
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        spread = None if sd is None else np.asarray(sd, dtype=np.float64)
        self.lines[name] = Line(x=x, y=y, sd=spread, colour=colour, dashed=dashed, symbols=symbols, of=of)
        if name not in self._items:
            self._items[name] = DrawnLine(self._plot)
        self._paint(name)
        self.readout.again()

    def remove_line(self, name: str) -> None:
        """Take a line away, if it is there."""
        if self.lines.pop(name, None):
            self._items.pop(name).remove(self._plot)
            self._legend.remove(name)
            self._notes.update()
            self.readout.again()

    def clear(self) -> None:
        """Take all lines away."""
        for name in list(self.lines):
            self.remove_line(name)

    def colour_of(self, name: str) -> str:
        """Colour of a line as it is drawn now."""
        return self._rrggbb(self.lines[name].colour)

    def set_marker(self, x: float | None) -> None:
        """Show the vertical line at `x`, or hide it."""
        self._handles.set_marker(x)

    def set_band(self, edges: tuple[float, float] | None) -> None:
        """Show the band between two positions, or hide it."""
        self._handles.set_band(edges)

    def set_notes(self, notes: Iterable[Note]) -> None:
        """Write short upright texts above points (x, y) and all lines there, such as the positions of peaks, in place of earlier ones."""
        self._notes.write([(x, np.log10(y) if self._log_y else y, text) for x, y, text in notes if y > 0 or not self._log_y])
        self._plot.vb.top_px = self._notes.height_px()

    def expect_x(self, ends: tuple[float, float] | None) -> None:
        """Show this much of x while there are no lines."""
        self._plot.vb.expected = ends

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
        self._plot.vb.fit()

    def settle(self) -> None:
        """Bring the zoom up to date now, else pyqtgraph does so while it paints, and paints again."""
        self.view.scene().prepareForPaint()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Have all that is drawn within painted in one go, in the next turn of the loop, with all else that waits to be painted.

        Left alone, each scene has the window painted as soon as it has found out what has changed in it; and a painting copies the
        whole window, canvas and all, slowly without a graphics card. In a turn of its own it does not add up with the drawing.
        """
        self.view.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.NoViewportUpdate)
        try:
            yield
            self.settle()
        finally:
            self._due.start()

    def _paint_all(self) -> None:
        self.view.viewport().update()
        self._found_out.start()

    def _paint_by_itself(self) -> None:
        self.view.setViewportUpdateMode(self._update_mode)

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
        self._handles.recolour(colours)
        self._legend.recolour(colours.text)
        self._notes.recolour(colours.text)
        for name in self.lines:
            self._paint(name)

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

    def _marker_moved(self, marker: Any) -> None:
        self.marker_dragged.emit(float(marker.value()))

    def _band_moved(self, band: Any) -> None:
        if not self._handles.quiet:
            self.band_dragged.emit(*map(float, band.getRegion()))

    def _rrggbb(self, colour: int | str) -> str:
        if isinstance(colour, int):
            return self.colours.lines[colour % len(self.colours.lines)]
        return self.colours.text if colour == "text" else legible(str(colour), self.colours)

    def _paint(self, name: str) -> None:
        line, colour = self.lines[name], self.colour_of(name)
        self._items[name].set(line, colour, self.colours.width_px, log=self._log_y)
        self._legend.set(name, colour, line.dashed, line.symbols)
        self._notes.update()  # which stand above all lines

    def _show_line(self, name: str, shown: bool) -> None:
        self._items[name].show(shown=shown)
        self._notes.update()

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self._menu.popup(event.screenPos().toPoint())
        elif event.isAccepted():  # a click on a name
            return
        elif event.double():
            self.show_all()
        elif event.button() == Qt.MouseButton.LeftButton and self._plot.vb.sceneBoundingRect().contains(event.scenePos()):
            self.clicked.emit(float(self._plot.vb.mapSceneToView(event.scenePos()).x()))
