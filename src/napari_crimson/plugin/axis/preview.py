"""The mean spectrum by plane, and on the axis that is to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter

from napari_crimson.analysis.band_names import NAMED_BANDS
from napari_crimson.plugin.plot.plot import SpectrumPlot

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["AxisPlots", "axis_text"]

Float64 = NDArray[np.float64]

_MEAN = "mean"
_EVEN = 0.01  # of a step: more than that is told


class AxisPlots(QSplitter):
    """`planes` is the spectrum by plane, with the lines picked there; `preview` the same by Raman shift, with the named bands."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.planes = SpectrumPlot(viewer, name="Mean spectrum", x_label="Plane", y_label="Mean intensity", legend=False)
        self.preview = SpectrumPlot(viewer, name="On the new axis", y_label="Mean intensity", legend=False)
        for plot in (self.planes, self.preview):
            self.addWidget(plot)
        self.setChildrenCollapsible(False)

    def draw(self, mean: Float64 | None, axis: Float64 | None, picked: list[float]) -> None:
        """Draw the mean spectrum (W,), as far as it is known, on the axis (W,), if there is one."""
        self._draw_planes(mean, picked)
        if mean is None or axis is None:
            self.preview.clear()
            self.preview.set_notes(())
            return
        order = np.argsort(axis)
        self.preview.set_line(_MEAN, axis[order], mean[order], colour="text")
        at = [band for band in NAMED_BANDS.values() if axis.min() <= band.centre_cm1 <= axis.max()]
        self.preview.set_notes(_notes([(band.centre_cm1, band.name) for band in at], axis[order], mean[order]))

    def _draw_planes(self, mean: Float64 | None, picked: list[float]) -> None:
        if mean is None:
            self.planes.clear()
            self.planes.set_notes(())
            return
        planes = np.arange(mean.size, dtype=float)
        self.planes.set_line(_MEAN, planes, mean, colour="text")
        for name in (name for name in list(self.planes.lines) if name != _MEAN):
            self.planes.remove_line(name)
        named = [(at, f"line {number}") for number, at in enumerate(picked, start=1)]
        for at, name in named:
            self.planes.set_line(name, [at], [np.interp(at, planes, mean)], colour=1, symbols=True)
        self.planes.set_notes(_notes(named, planes, mean))


def _notes(named: list[tuple[float, str]], x: Float64, y: Float64) -> list[tuple[float, float, str]]:
    """Where names are written: at the spectrum; nowhere where it is not known."""
    heights = [float(np.interp(at, x, y)) for at, _ in named]
    return [(at, height, name) for (at, name), height in zip(named, heights, strict=True) if np.isfinite(height)]


def axis_text(axis: Float64) -> str:
    """Say an axis (W,): its ends, whether it rises or falls, and its step."""
    if axis.size == 1:
        return f"{axis[0]:.1f} cm⁻¹, one plane"
    steps = np.abs(np.diff(axis))
    low, high = float(steps.min()), float(steps.max())
    step = f"steps of {steps.mean():.3g}" if high - low <= _EVEN * low else f"steps of {low:.3g} to {high:.3g}"
    return f"{axis[0]:.1f} to {axis[-1]:.1f} cm⁻¹, {'rising' if axis[-1] > axis[0] else 'falling'}, {axis.size} planes, {step} cm⁻¹"
