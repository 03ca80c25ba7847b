"""What the compare dock shows: spectra above, residuals below, and a table of how far they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSplitter, QTableWidget, QTableWidgetItem

from napari_crimson.compare import TRUTH, agreements
from napari_crimson.plugin.plot.plot import SpectrumPlot

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["ComparePlots"]

_HEADERS = {
    "result / against": "Which result is measured against which.",
    "r": "Median Pearson correlation of the spectra.",
    "nRMSE": "Root mean square difference, relative to that of the one measured against.",
    "slope": "Factor by which its peaks come out higher.",
}


class ComparePlots(QSplitter):
    """Two plots over one axis, and the table."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.spectra = SpectrumPlot(viewer, name="Compared spectra", y_label="Im χ<sub>R</sub> / χ<sub>NR</sub>")
        self.residuals = SpectrumPlot(viewer, name="Residuals", y_label="residual", legend=False)
        self.residuals.link_x(self.spectra)
        self.table = QTableWidget(0, len(_HEADERS))
        self._set_up_table()
        for widget, share in ((self.spectra, 5), (self.residuals, 3), (self.table, 2)):
            self.addWidget(widget)
            self.setStretchFactor(self.count() - 1, share)
        self.setChildrenCollapsible(False)

    def begin(self, wavenumber: NDArray[np.float64]) -> None:
        """Make ready for spectra of another stack."""
        for plot in (self.spectra, self.residuals):
            plot.expect_x((float(wavenumber[0]), float(wavenumber[-1])))

    def clear(self) -> None:
        """Show nothing."""
        self.spectra.clear()
        self.residuals.clear()
        self.table.setRowCount(0)

    def draw(self, shown: xr.Dataset, result: xr.Dataset, below: str) -> None:
        """Draw spectra without dim ``spectrum``, with their deviations, and the figures of the whole result of `compare`.

        `below` is what the lower plot shows: ``"difference"`` or ``"unexplained"``.
        """
        axis = shown["wavenumber"].values
        names = [str(name) for name in shown["remover"].values]
        for plot in (self.spectra, self.residuals):
            for gone in set(plot.lines) - {*names, TRUTH}:
                plot.remove_line(gone)
        against = str(result.attrs["against"])
        if TRUTH in shown:
            self.spectra.set_line(TRUTH, axis, shown[TRUTH].values, colour="text", dashed=True)
        else:
            self.spectra.remove_line(TRUTH)
        for at, name in enumerate(names):
            self.spectra.set_line(name, axis, shown["raman"].values[at], sd=_deviation(shown, "raman", at), colour=at)
            self.residuals.set_line(name, axis, shown[below].values[at], sd=_deviation(shown, below, at), colour=at)
        self.residuals.set_y_label(f"minus {against}" if below == "difference" else "left, in noise")
        relative = (result["convention"] == "relative").all()
        self.spectra.set_y_label("Im χ<sub>R</sub> / χ<sub>NR</sub>" if relative else "Raman-like")
        self._tabulate(result)

    def _tabulate(self, result: xr.Dataset) -> None:
        found = agreements(result)
        self.table.setRowCount(len(found))
        for row, one in enumerate(found):
            words = f"{one.second} / {one.first}" + (" (scaled)" if one.scaled else "")
            for column, text in enumerate((words, _figure(one.r), _figure(one.nrmse), _figure(one.slope))):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(row, column, item)

    def _set_up_table(self) -> None:
        table = self.table
        table.setAccessibleName("How far the results agree")
        table.setToolTip("How far the results agree, over the spectra that are shown.")
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(round(1.6 * table.fontMetrics().height()))
        for column, (title, tip) in enumerate(_HEADERS.items()):
            header = QTableWidgetItem(title)
            header.setToolTip(tip)
            table.setHorizontalHeaderItem(column, header)
        table.horizontalHeader().setAccessibleName("Figures of agreement")
        table.horizontalHeader().setToolTip("What the columns are; each has a tip of its own.")
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        table.setMinimumHeight(90)


def _deviation(shown: xr.Dataset, variable: str, at: int) -> NDArray[Any] | None:
    """Deviation (W,) to shade: between pixels, or of one pixel what the remover gives."""
    name = f"{variable}_sd" if f"{variable}_sd" in shown else "uncertainty" if variable == "raman" else ""
    values = shown[name].values[at] if name in shown else None
    return None if values is None or np.isnan(values).all() else np.asarray(values)


def _figure(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
