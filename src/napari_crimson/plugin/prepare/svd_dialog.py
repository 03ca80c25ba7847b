"""The window to choose the number of components of an SVD from: what each brings, and what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QProgressBar, QPushButton, QSlider, QSpinBox, QWidget

from napari_crimson.plugin.docks import abandon_all
from napari_crimson.plugin.looks import PlainLabel, move_bar
from napari_crimson.plugin.plot.map_view import MapView
from napari_crimson.plugin.plot.plot import SpectrumPlot
from napari_crimson.plugin.prepare.svd_job import Parts, SVDJob
from napari_crimson.plugin.report import Report, part_done, status_text

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel

    from napari_crimson.pipeline import Pipeline
    from napari_crimson.prepare import SVDSettings

__all__ = ["SVDDialog"]

_SHOWN = 60  # singular values drawn: what follows is noise, and one may zoom no further
_STEPS = 1000
_KEPT, _LEFT = "kept", "left out"
_EXPLAINED = (
    "Components that hold signal stand out above the even fall of the noise.\n"
    "Keep those whose map shows structure and whose spectrum shows lines."
)


class SVDDialog(QDialog):
    """Singular values, and the map and spectrum of one component at a time.

    Parameters
    ----------
    viewer : napari viewer
        Lends its theme.
    stack, before, settings, plane
        As in `SVDJob`.
    parent : QWidget, optional

    Attributes
    ----------
    chosen : Signal(int)
        The number of components, when *Use* is pressed.
    """

    chosen = Signal(int)

    def __init__(
        self,
        viewer: ViewerModel,
        stack: xr.Dataset,
        before: Pipeline,
        settings: SVDSettings,
        plane: Mapping[str, int],
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Components of the SVD")
        self._parts: Parts | None = None
        self._asked = settings.components
        self.values = SpectrumPlot(viewer, name="Singular values", x_label="Component", y_label="Singular value")
        self.vector = SpectrumPlot(viewer, name="Spectral vector", y_label="Spectral vector")
        self.map = MapView()
        self.keep, self.component = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
        self.automatic = PlainLabel()
        self.caption = PlainLabel("Component")
        self.bar, self.status = QProgressBar(), PlainLabel()
        self.cancel, self.use, self.close_button = QPushButton("Cancel"), QPushButton("Use"), QPushButton("Close")
        self._set_up()
        self._lay_out()
        self.job = SVDJob(stack, before, replace(settings, components="auto"), plane, self._take, listener=self._report)
        self.destroyed.connect(partial(abandon_all, (self.job,)))  # with its whole window, it is not closed first
        self.job.start()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  (Qt's name)
        """Leave the job alone."""
        self._let_go()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """Close, also on Escape."""
        self._let_go()
        super().done(result)

    def _let_go(self) -> None:
        self.job.abandon()

    def _set_up(self) -> None:
        self.values.log_y = True
        self.keep.setPrefix("Keep ")
        self.keep.setSuffix(" components")
        self.component.setMinimum(1)
        for widget, name, tip in (
            (self.keep, "Components kept", "How many components the denoised stack is made of. The dashed line may be dragged as well."),
            (self.component, "Component shown", "The component whose map and spectral vector are shown."),
            (self.map, "Spatial map", "How much of this component is in each pixel, from black to white; its sign is arbitrary."),
            (self.bar, "Progress", "How far the decomposition is."),
            (self.cancel, "Cancel", "Stop the decomposition."),
            (self.use, "Use", "Put this number into the step and close."),
            (self.close_button, "Close", "Close and leave the step as it is."),
            (self.automatic, "Automatic choice", "Components that bring more signal than noise (Gavish and Donoho 2014)."),
            (self.values, "Singular values", _EXPLAINED),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        self.bar.setRange(0, _STEPS)
        for widget in (self.keep, self.component, self.use):
            widget.setEnabled(False)
        self.use.setDefault(True)
        self.keep.valueChanged.connect(self._kept)
        self.component.valueChanged.connect(self._look)
        self.values.marker_dragged.connect(lambda x: self.keep.setValue(round(x - 0.5)))
        self.cancel.clicked.connect(self._stop)
        self.close_button.clicked.connect(self.close)
        self.use.clicked.connect(self._use)

    def _lay_out(self) -> None:
        choice, buttons = QHBoxLayout(), QHBoxLayout()
        choice.addWidget(self.keep)
        choice.addWidget(self.automatic, 1)
        for widget in (self.use, self.close_button):
            buttons.addWidget(widget)
        look = QHBoxLayout()
        look.addWidget(self.caption)
        look.addWidget(self.component, 1)
        progress = QHBoxLayout()
        progress.addWidget(self.bar)
        progress.addWidget(self.cancel)
        grid = QGridLayout(self)
        grid.addWidget(self.values, 0, 0, 2, 1)
        grid.addWidget(self.map, 0, 1)
        grid.addWidget(self.vector, 1, 1)
        grid.addLayout(choice, 2, 0)
        grid.addLayout(look, 2, 1)
        grid.addWidget(self.status, 3, 0)
        grid.addLayout(progress, 3, 1)
        grid.addLayout(buttons, 4, 1)
        for column in (0, 1):
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(0, 3)
        grid.setRowStretch(1, 2)
        self.resize(980, 640)

    def _take(self, parts: Parts) -> None:
        """Show what the job has found so far."""
        first, self._parts = self._parts is None, parts
        found = parts.decomposition
        if first:
            self.keep.setRange(1, found.singular_values.size)
            self.component.setMaximum(parts.maps.shape[-1])
            self.automatic.setText(f"automatic choice: {found.components}")
            for widget in (self.keep, self.component, self.use):
                widget.setEnabled(True)
            kept = found.components if self._asked == "auto" else self._asked
            self.keep.setValue(kept)
            self._kept(self.keep.value())
        self._look(self.component.value())

    def _kept(self, kept: int) -> None:
        if self._parts is None:
            return
        found = self._parts.decomposition
        values = found.singular_values[:_SHOWN]
        number = np.arange(1, values.size + 1)
        self.values.set_line(_LEFT, number[kept:], values[kept:], colour="#888888", symbols=True)
        self.values.set_line(_KEPT, number[:kept], values[:kept], colour=0, symbols=True)
        chosen = slice(found.components - 1, found.components)
        self.values.set_line("automatic choice", number[chosen], values[chosen], colour=1, symbols=True)
        self.values.set_marker(kept + 0.5)
        self.component.setValue(min(kept, self.component.maximum()))

    def _look(self, component: int) -> None:
        if self._parts is None:
            return
        self.caption.setText(f"Component {component} of {self.component.maximum()}")
        vectors = self._parts.decomposition.vectors
        self.vector.set_line(f"component {component}", vectors["wavenumber"].values, vectors.values[component - 1], colour=0)
        for name in [name for name in self.vector.lines if name != f"component {component}"]:
            self.vector.remove_line(name)
        self.map.set_map(self._parts.maps[..., component - 1])

    def _use(self) -> None:
        self.chosen.emit(self.keep.value())
        self.close()

    def _stop(self) -> None:
        self.job.cancel()
        self.status.setText("Stopping …")

    def _report(self, report: Report) -> None:
        over = report.phase in ("complete", "cancelled", "failed")
        self.cancel.setEnabled(not over)
        move_bar(self.bar, _STEPS if report.phase == "complete" else int(_STEPS * part_done(report)))
        self.status.setText(
            {"starting": "Reading the stack …", "cancelled": "Cancelled.", "complete": _EXPLAINED}.get(report.phase, status_text(report))
        )
