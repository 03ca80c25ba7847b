"""The two plots of the spectrum dock, one axis for both: intensities as measured above, Raman-like spectra below.

A place has a colour, in both plots and on the image; what is seen of it has a style of line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSplitter

from napari_crimson.plugin.plot.plot import SpectrumPlot
from napari_crimson.plugin.pointing.spectra_source import place_text

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_crimson.plugin.pointing.spectra_source import SpectraSource
    from napari_crimson.plugin.spectrum.looking import Looked, MarkSpectra, Stats

__all__ = ["SpectrumPlots", "find_lines"]

_MEASURED, _RAMAN = "Intensity", "Raman-like"
_WIDTH_PX = 380
_FEWEST_POINTS = 7
_PROMINENT = 8.0  # times the noise: among a thousand points, noise alone goes up and down by 7
_ROOM = 0.045  # of the axis, which one written number takes


class SpectrumPlots(QSplitter):
    """Draws what has been looked at; `measured` and `raman` are the plots."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.measured = SpectrumPlot(viewer, name="Measured spectrum", y_label=_MEASURED)
        self.raman = SpectrumPlot(viewer, name="Corrected spectrum", y_label=_RAMAN)
        self.raman.link_x(self.measured)
        for plot in (self.measured, self.raman):
            self.addWidget(plot)
        self.setChildrenCollapsible(False)
        self._wavenumber: NDArray[np.float64] = np.empty(0)
        self._stack = ""
        self._cursor: set[str] = set()
        self._marks: dict[str, set[str]] = {}

    def begin(self, source: SpectraSource | None, stack: str) -> None:
        """Make ready for spectra of another stack, measured ones or results, or of none; `stack` is its name."""
        self._stack = stack
        self._wavenumber = np.empty(0) if source is None else source.wavenumber
        self._cursor.clear()
        self._marks.clear()
        for plot in (self.measured, self.raman):
            plot.clear()
            plot.set_notes(())
            plot.expect_x(None if source is None else (float(source.wavenumber[0]), float(source.wavenumber[-1])))
            plot.show_all()
        self.measured.setVisible(source is None or source.measured)

    def draw_cursor(self, looked: Looked, *, remover: str, uncertainty: bool, background: bool, peaks: bool) -> None:
        """Draw the spectrum under the cursor."""
        with self.measured.at_once(), self.raman.at_once():
            self._draw_cursor(looked, remover, uncertainty, background, peaks)

    def _draw_cursor(self, looked: Looked, remover: str, uncertainty: bool, background: bool, peaks: bool) -> None:
        x, of = self._wavenumber, f"{self._stack}, {place_text(looked.pixel)}"
        main = looked.corrected.get(remover)
        if self.measured.isVisibleTo(self):
            self.measured.set_line("measured", x, looked.raw, colour="text", of=of)
            _set_or_remove(self.measured, "background", x, main.background if background and main else None, of)
        else:
            self.raman.set_line("as stored", x, looked.raw, colour="text", of=of)
        for gone in self._cursor - looked.corrected.keys() if not looked.loading else ():
            self.raman.remove_line(gone)
        for name, corrected in looked.corrected.items():
            sd = corrected.uncertainty if uncertainty and name == remover else None
            spread = None if sd is None else sd[0]
            self.raman.set_line(name, x, corrected.raman[0], sd=spread, colour="text", dashed=name != remover, of=of)
            self._cursor.add(name)
        seen = looked.raw if not self.measured.isVisibleTo(self) else None if main is None else main.raman[0]
        spread = main.uncertainty[0] if uncertainty and main and main.uncertainty is not None else None
        self.raman.set_notes(find_lines(x, seen, spread) if peaks and seen is not None else ())

    def draw_marks(self, kind: str, found: Mapping[str, MarkSpectra]) -> None:
        """Draw the spectra of pins or of regions, in place of those drawn before."""
        names = {mark.name for mark in found.values()}
        for gone in self._marks.get(kind, set()) - names:
            self.measured.remove_line(gone)
            self.raman.remove_line(gone)
        self._marks[kind] = names
        for mark in found.values():
            if self.measured.isVisibleTo(self):
                self._set_stats(self.measured, mark, mark.raw)
                if mark.raman is not None:
                    self._set_stats(self.raman, mark, mark.raman)
            else:
                self._set_stats(self.raman, mark, mark.raw)

    def _set_stats(self, plot: SpectrumPlot, mark: MarkSpectra, stats: Stats) -> None:
        of = f"{self._stack}, {mark.place}"
        plot.set_line(mark.name, self._wavenumber, stats.mean, sd=stats.sd, colour=mark.colour, of=of)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Leave most of the window to the image."""
        return QSize(_WIDTH_PX, 2 * _WIDTH_PX)

    def set_marker(self, wavenumber: float | None) -> None:
        """Show where the slider is."""
        for plot in (self.measured, self.raman):
            plot.set_marker(wavenumber)

    def set_band(self, edges: tuple[float, float] | None) -> None:
        """Show the band of the image."""
        for plot in (self.measured, self.raman):
            plot.set_band(edges)


def find_lines(
    wavenumber: NDArray[np.float64], spectrum: NDArray[Any], spread: NDArray[Any] | None = None, *, most: int = 8
) -> list[tuple[float, float, str]]:
    """Find the most prominent lines of a spectrum (W,), above noise and small ripples: where, how high with its spread (W,), and a text."""
    from scipy.signal import find_peaks

    finite = np.isfinite(spectrum)
    x, y = wavenumber[finite], np.asarray(spectrum, dtype=np.float64)[finite]
    if x.size < _FEWEST_POINTS:
        return []
    bend = np.diff(y, 2)
    noise = 1.4826 * float(np.median(np.abs(bend - np.median(bend)))) / np.sqrt(6.0)
    at, found = find_peaks(y, prominence=max(_PROMINENT * noise, 0.03 * float(np.ptp(y)), np.finfo(float).tiny))
    apart, chosen = _ROOM * float(x[-1] - x[0]), list[int]()
    for one in at[np.argsort(found["prominences"])[::-1]]:
        if len(chosen) < most and all(abs(x[one] - x[other]) >= apart for other in chosen):
            chosen.append(int(one))
    top = y if spread is None else y + np.nan_to_num(np.asarray(spread, dtype=np.float64)[finite])
    return [(float(x[one]), float(top[one]), f"{x[one]:.0f}") for one in sorted(chosen)]


def _set_or_remove(plot: SpectrumPlot, name: str, x: NDArray[np.float64], spectra: NDArray[Any] | None, of: str) -> None:
    if spectra is None:
        plot.remove_line(name)
    else:
        plot.set_line(name, x, spectra[0], colour="text", dashed=True, of=of)
