"""What the train dock shows: the loss as it falls, and one pixel by the network before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter

from napari_crimson.plugin.plot.plot import SpectrumPlot

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_crimson.plugin.pointing.spectra_source import Pixel
    from napari_crimson.plugin.train.job import News

__all__ = ["AFTER", "BEFORE", "TrainPlots"]

TRAINING, HELD_OUT, START = "training", "held out", "start"
BEFORE, AFTER = "before", "after"
_COLOURS: dict[str, int | str] = {TRAINING: 2, HELD_OUT: 0, START: "text", BEFORE: 1, AFTER: 0}


class TrainPlots(QSplitter):
    """The loss above, the spectra below."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.loss = SpectrumPlot(viewer, name="Loss", x_label="Step", y_label="error")
        self.spectra = SpectrumPlot(viewer, name="Before and after", y_label="Im χ<sub>R</sub> / χ<sub>NR</sub>")
        self.loss.log_y = True
        for plot in (self.loss, self.spectra):
            self.addWidget(plot)
        self.setChildrenCollapsible(False)
        self._points: dict[str, list[tuple[float, float]]] = {}

    def begin(self) -> None:
        """Make ready for another training."""
        self._points = {TRAINING: [], HELD_OUT: []}
        self.loss.clear()
        self.loss.show_all()

    def add(self, news: News) -> None:
        """Draw the loss one point further."""
        if np.isfinite(news.loss):
            self._points[TRAINING].append((news.step, news.loss))
        if news.validation:
            self._points[HELD_OUT].append((news.step, news.validation.error))
        with self.loss.at_once():
            for name, points in self._points.items():
                if points:
                    x, y = np.array(points).T
                    self.loss.set_line(name, x, y, colour=_COLOURS[name], symbols=name == HELD_OUT)
            if self._points[HELD_OUT]:
                (first, error), last = self._points[HELD_OUT][0], max(news.step, 1)
                self.loss.set_line(START, [first, last], [error, error], colour=_COLOURS[START], dashed=True)

    def expect(self, wavenumber: NDArray[np.float64]) -> None:
        """Show the axis of a stack until a pixel of it is drawn."""
        self.spectra.expect_x((float(wavenumber[0]), float(wavenumber[-1])))

    def draw(self, pixel: Pixel, wavenumber: NDArray[np.float64], raw: NDArray[Any], answers: Mapping[str, NDArray[np.float32]]) -> None:
        """Draw a pixel (W,) as measured, scaled to the answers (W,), which are named `BEFORE` and `AFTER`."""
        measured = f"pixel {', '.join(map(str, pixel))}, scaled"
        for gone in set(self.spectra.lines) - {measured, *answers}:
            self.spectra.remove_line(gone)
        counts = raw.astype(np.float64)
        top = max((float(np.nanmax(answer)) for answer in answers.values() if np.isfinite(answer).any()), default=1.0)
        scale = top / counts.max() if counts.max() > 0 else 1.0
        self.spectra.set_line(measured, wavenumber, scale * counts, colour="text", dashed=True)
        for name, answer in answers.items():
            self.spectra.set_line(name, wavenumber, answer, colour=_COLOURS[name])
