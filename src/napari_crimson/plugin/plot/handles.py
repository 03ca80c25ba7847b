"""What the user can drag in a plot: a vertical line, the marker, and a band with two edges."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

from napari_crimson.plugin.plot.theme import Colours

__all__ = ["Handles"]

_SHADE = 30  # opacity of the band, of 255


class Handles:
    """Marker and band of one plot, a ``pyqtgraph.PlotItem``; hidden at first.

    Attributes
    ----------
    marker, band : pyqtgraph items
        Their signals ``sigDragged`` and ``sigRegionChanged`` are to be connected with methods of widgets: Qt would
        keep anything else alive with all it refers to.
    quiet : bool
        Whether the band is being moved by the program, which pyqtgraph does not tell from the user.
    """

    def __init__(self, plot: Any) -> None:
        self.quiet = False
        self.marker = pg.InfiniteLine(movable=True)
        self.marker.setZValue(20)
        self.band = pg.LinearRegionItem()
        for item in (self.marker, self.band):
            item.setVisible(False)
            plot.addItem(item, ignoreBounds=True)

    def set_marker(self, x: float | None) -> None:
        """Show the marker at `x`, or hide it."""
        self.marker.setVisible(x is not None)
        if x is not None:
            self.marker.setValue(x)

    def set_band(self, edges: tuple[float, float] | None) -> None:
        """Show the band between two positions, or hide it."""
        self.band.setVisible(edges is not None)
        if edges is not None:
            self.quiet = True
            self.band.setRegion(edges)
            self.quiet = False

    def recolour(self, colours: Colours) -> None:
        """Draw in other colours."""
        self.marker.setPen(pg.mkPen(colours.text, style=Qt.PenStyle.DashLine))
        shade = pg.mkColor(colours.text)
        shade.setAlpha(_SHADE)
        self.band.setBrush(shade)
        shade.setAlpha(2 * _SHADE)
        self.band.setHoverBrush(shade)
        for line in (self.marker, *self.band.lines):
            line.setHoverPen(pg.mkPen(colours.text, width=3))
        for edge in self.band.lines:
            edge.setPen(pg.mkPen(colours.text))
