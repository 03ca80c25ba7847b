"""What is read off a plot: the position under the cursor, and the value of each line there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QSizePolicy

import pyqtgraph as pg  # isort: skip  (takes the Qt binding that is there already)

from napari_crimson.plugin.looks import PlainLabel
from napari_crimson.plugin.plot.line import Line

__all__ = ["PlotView", "Readout"]


class PlotView(pg.PlotWidget):  # type: ignore[misc]
    """Tells, by the signal `left`, that the cursor is no longer over it."""

    left = Signal()

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Tell so."""
        super().leaveEvent(event)
        self.left.emit()


class Readout(PlainLabel):
    """Follows the cursor over a view, and is empty while it is elsewhere; `unit` is that of the positions."""

    def __init__(self, view: PlotView, lines: Mapping[str, Line], unit: str) -> None:
        super().__init__()
        self._box, self._lines, self._unit = view.getPlotItem().vb, lines, unit
        self._at: Any = None  # in the scene; None while the cursor is elsewhere
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        view.scene().sigMouseMoved.connect(self._move)
        view.left.connect(self._leave)

    def again(self) -> None:
        """Read anew, where the cursor rests: lines have changed."""
        if self._at is None:
            return
        x = float(self._box.mapSceneToView(self._at).x())
        values = [f"{name} {line.y[np.abs(line.x - x).argmin()]:.4g}" for name, line in self._lines.items() if line.x.size]
        self.setText("   ".join([f"{x:.1f} {self._unit}".rstrip(), *values]))
        self.setToolTip("\n".join(values))

    def _move(self, at: Any) -> None:
        if self._box.sceneBoundingRect().contains(at):
            self._at = at
            self.again()
        else:
            self._leave()

    def _leave(self) -> None:
        self._at = None
        self.setText("")
        self.setToolTip("")
