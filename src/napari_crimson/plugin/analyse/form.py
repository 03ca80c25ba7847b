"""What the Analyse dock is made of, and how it is laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_crimson.plugin.analyse.pages import PAGES, Page, UnmixPage
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.layers import axis_of_layer
from napari_crimson.plugin.looks import PlainLabel, move_bar
from napari_crimson.plugin.plot.plot import SpectrumPlot
from napari_crimson.plugin.report import Report
from napari_crimson.plugin.scrolling import let_scroll
from napari_crimson.plugin.stack_layers import is_corrected, is_stack, variable_of

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel

    from napari_crimson.plugin.analyse.tasks import Outcome

__all__ = ["AnalyseForm"]

_MIN_WIDTH_PX = 320
_STEPS = 1000  # of the progress bar
_STATUS_LINES = 3


class AnalyseForm:
    """The widgets of the dock, laid out in `dock`; tells nobody of anything."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.stack = LayerBox(viewer, _has_axis)
        self.choose_corrected()
        self.what, self.pages = QComboBox(), [kind() for kind in PAGES]
        self.what.addItems([kind.title for kind in PAGES])
        self.run, self.cancel = QPushButton("Run"), QPushButton("Cancel")
        self.bar, self.status = QProgressBar(), PlainLabel()
        self.plot = SpectrumPlot(viewer, name="Spectra of the components")
        self.bar.setRange(0, _STEPS)
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(_STATUS_LINES * self.status.fontMetrics().lineSpacing())
        self.cancel.setEnabled(False)
        self._explain()
        self._lay_out(dock)
        self.what.currentIndexChanged.connect(self._turn_to)
        self._turn_to(0)

    @property
    def page(self) -> Page:
        """The page that is open."""
        return self.pages[self.what.currentIndex()]

    def open_page(self, kind: type[Page]) -> Any:
        """Turn to the page of a kind."""
        self.what.setCurrentIndex(PAGES.index(kind))
        return self.page

    def choose_corrected(self) -> None:
        """Choose the newest corrected stack, where there is one."""
        found = [layer for layer in self._viewer.layers if _has_axis(layer) and is_corrected(layer)]
        if found and not (self.stack.layer and is_corrected(self.stack.layer)):
            self.stack.layer = found[-1]

    def show_report(self, report: Report, outcome: Outcome | None) -> None:
        """Show how far the job is, and at its end what it found."""
        busy = report.phase in ("starting", "preparing", "running")
        self.run.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        for widget in (self.stack, self.what, *self.pages):
            widget.setEnabled(not busy)
        part = 1.0 if report.phase == "complete" else report.ahead.part if busy and report.ahead else 0.0
        move_bar(self.bar, round(_STEPS * part))
        doing = report.ahead.doing if report.ahead else "reading the stack"
        plain = {"failed": f"Stopped: {report.error}", "cancelled": "Cancelled; nothing was added."}
        plain |= {"complete": outcome.said if outcome else ""}
        self.status.setText(plain.get(report.phase, f"{doing[:1].upper()}{doing[1:]} …"))
        self.status.setToolTip(self.status.text())
        if report.phase == "complete" and outcome is not None and outcome.spectra is not None:
            self._draw(outcome.spectra)

    def let_go(self) -> None:
        """Let go of the viewer."""
        self.stack.let_go()

    def _draw(self, spectra: xr.DataArray) -> None:
        self.plot.clear()
        for number, spectrum in enumerate(spectra.values):
            self.plot.set_line(f"{number + 1}", spectra["wavenumber"].values, spectrum, colour=number)
        self.plot.show_all()

    def _turn_to(self, index: int) -> None:
        for number, page in enumerate(self.pages):
            page.setVisible(number == index)
        self.plot.setVisible(isinstance(self.page, UnmixPage))

    def _explain(self) -> None:
        explained: list[tuple[Any, str, str]] = [
            (
                self.stack,
                "Stack",
                "The corrected stack. A measured one is taken as well, for a quick look: its background is in all that comes out.",
            ),
            (self.what, "Make", "What to make of the stack."),
            (self.run, "Run", "Do it, and show the result as new layers."),
            (self.cancel, "Cancel", "Stop; nothing is added."),
            (self.bar, "Progress", "How far the work is."),
            (self.status, "Status", ""),
        ]
        for widget, name, tip in explained:
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _lay_out(self, dock: QWidget) -> None:
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Stack", self.stack)
        top.addRow("Make", self.what)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.cancel, 1)
        rest = QWidget()  # takes the room below, with the plot in it or not; napari adds a stretch unless it expands
        rest.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        inside = QVBoxLayout(rest)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.plot)
        rows = QVBoxLayout(dock)
        rows.addLayout(top)
        for page in self.pages:
            rows.addWidget(page)
        rows.addLayout(buttons)
        rows.addWidget(self.bar)
        rows.addWidget(self.status)
        rows.addWidget(rest, 1)
        dock.setMinimumWidth(_MIN_WIDTH_PX)
        let_scroll(dock)


def _has_axis(layer: Any) -> bool:
    """Tell whether a layer is a stack that knows its wavenumbers, and no standard deviation."""
    if not is_stack(layer) or variable_of(layer) == "uncertainty":
        return False
    axis = axis_of_layer(layer)
    return axis is not None and np.size(axis) == layer.data.shape[0]
