"""What can be done with a plot: its scale, and saving or copying what it shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QRectF, QSize
from qtpy.QtGui import QAction, QColor, QImage, QPainter  # type: ignore[attr-defined]
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.plot.theme import PAPER
from napari_crimson.table import write_table

if TYPE_CHECKING:
    from napari_crimson.plugin.plot.plot import SpectrumPlot

__all__ = ["PlotMenu", "save_picture", "save_table", "table_text"]

_SHARPER = 2  # pixels of a picture for each on the screen


class PlotMenu(QMenu):
    """Menu of one plot."""

    def __init__(self, plot: SpectrumPlot) -> None:
        super().__init__(plot)
        self._plot = plot
        self.setToolTipsVisible(True)
        self._add("Show all", "Zoom to all lines; so does a double-click.", plot.show_all)
        self.log = self._add("Logarithmic scale", "Logarithmic vertical axis, without what is not positive.", self._toggle_log)
        self.log.setCheckable(True)
        self.addSeparator()
        self._add("Save numbers …", "As CSV: one column for each line.", self.ask_and_save_table)
        self._add("Save picture …", "As SVG or PNG, on white.", self.ask_and_save_picture)
        self._add("Copy numbers", "For a spreadsheet.", self.copy_table)
        self._add("Copy picture", "For a document, on white.", self.copy_picture)

    def ask_and_save_table(self) -> None:
        """Ask where to, and save the numbers."""
        self._ask_and_save("Save numbers", ".csv", "CSV (*.csv)")

    def ask_and_save_picture(self) -> None:
        """Ask where to, and save the picture."""
        self._ask_and_save("Save picture", ".svg", "SVG (*.svg);;PNG (*.png)")

    def copy_table(self) -> None:
        """Copy the numbers."""
        QApplication.clipboard().setText(table_text(self._plot, separator="\t"))

    def copy_picture(self) -> None:
        """Copy the picture."""
        QApplication.clipboard().setImage(picture(self._plot))

    def _ask_and_save(self, title: str, suffix: str, kinds: str) -> None:
        from napari_crimson.plugin.remove.job import tell

        chosen, kind = QFileDialog.getSaveFileName(self._plot, title, self._plot.name.lower() + suffix, kinds)
        if not chosen:
            return
        path = Path(chosen)
        if not path.suffix:
            path = path.with_suffix(kind.partition("*")[2].rstrip(")") or suffix)
        try:
            save_table(self._plot, path) if suffix == ".csv" else save_picture(self._plot, path)
        except CrimsonError as error:
            tell(error)

    def _add(self, text: str, tip: str, does: Callable[..., object]) -> QAction:
        action = self.addAction(text)
        action.setToolTip(tip)
        action.triggered.connect(does)
        return action

    def _toggle_log(self, log: bool) -> None:
        self._plot.log_y = log


def table_text(plot: SpectrumPlot, *, separator: str = ",") -> str:
    """Write the lines of a plot as a table: x, and a column for each line and each standard deviation; empty where a line has no value.

    The head of a column says also where its numbers are from, where the line does.
    """
    every_x = np.unique(np.concatenate([line.x for line in plot.lines.values()] or [np.empty(0)]))
    header, columns = [plot.x_label], [every_x]
    for name, line in plot.lines.items():
        for title, values in ((name, line.y), (f"{name} sd", line.sd)):
            if values is not None:
                column = np.full(every_x.size, np.nan)
                column[np.searchsorted(every_x, line.x)] = values
                header.append(f"{title} ({line.of})" if line.of else title)
                columns.append(column)
    text = io.StringIO()
    write_table(text, header, columns, separator=separator, line_end="\n")
    return text.getvalue()


def save_table(plot: SpectrumPlot, path: Path) -> None:
    """Save the lines of a plot as CSV.

    Raises
    ------
    CrimsonError
        If the file cannot be written.
    """
    try:
        path.write_text(table_text(plot), encoding="utf-8")
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def save_picture(plot: SpectrumPlot, path: Path) -> None:
    """Save a plot as it is zoomed, on white; the suffix, .svg or .png, decides.

    Raises
    ------
    CrimsonError
        If the suffix is another, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise CrimsonError(f"{path}: a plot is saved as .svg or .png; give one of these suffixes")
    try:
        path.touch()
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    if suffix == ".png":
        picture(plot).save(str(path))
        return
    size = plot.view.size()
    svg = QSvgGenerator()
    svg.setFileName(str(path))
    svg.setSize(size)
    svg.setResolution(plot.view.logicalDpiX())  # else the axes are drawn to another scale than the lines
    svg.setViewBox(QRectF(0, 0, size.width(), size.height()))
    svg.setTitle(plot.name)
    _paint(plot, svg, size)


def picture(plot: SpectrumPlot) -> QImage:
    """Draw a plot as it is zoomed, on white and in fine pixels."""
    size = plot.view.size()
    image = QImage(size * _SHARPER, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SHARPER)
    image.fill(QColor(PAPER.background))
    _paint(plot, image, size)
    return image


def _paint(plot: SpectrumPlot, paper: QImage | QSvgGenerator, size: QSize) -> None:
    shown = plot.colours
    plot.recolour(PAPER)
    painter = QPainter(paper)
    try:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot.view.render(painter, QRectF(0, 0, size.width(), size.height()), plot.view.viewport().rect())
    finally:
        painter.end()
        plot.recolour(shown)
