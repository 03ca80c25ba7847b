"""What can be chosen in the spectrum dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_crimson.analysis.band_names import NAMED_BANDS
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.pointing.marks import is_marks
from napari_crimson.plugin.preferences import preferences
from napari_crimson.plugin.remover_names import RemoverBox
from napari_crimson.plugin.stack_layers import is_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["SpectrumControls"]

NO_REMOVER = "none"


class SpectrumControls(QWidget):
    """The rows above the plots.

    Attributes
    ----------
    changed : Signal
        The remover, or what is drawn, has been chosen otherwise.
    went_to : Signal(str)
        A band's name or a number that was chosen or typed.
    """

    changed = Signal()
    went_to = Signal(str)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.stack = LayerBox(viewer, is_stack)
        self.regions = LayerBox(viewer, lambda layer: is_marks(layer) and not layer.name.endswith("· pins"), none="none")
        self.remover = RemoverBox(others=[NO_REMOVER])
        self.remover.setCurrentText(preferences().remover)
        self.goto = QComboBox()
        self.typed = QLineEdit()
        self.goto.setLineEdit(self.typed)
        self.goto.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.background = QCheckBox("Background")
        self.uncertainty = QCheckBox("Uncertainty")
        self.kk = QCheckBox("KK")
        self.peaks = QCheckBox("Peaks")
        self.band = QCheckBox("Band image")
        self.pin = QPushButton("Pin")
        self.pin.setCheckable(True)
        self.clear = QPushButton("Clear pins")
        self.status = QLineEdit()  # a label would have the whole dock laid out anew with each text
        self.status.setReadOnly(True)
        self.status.setFrame(False)
        self._lay_out()
        for box, on in ((self.background, True), (self.uncertainty, True), (self.kk, False), (self.peaks, True)):
            box.setChecked(on)
            box.toggled.connect(self._changed)
        self.remover.currentIndexChanged.connect(self._changed)
        self.goto.textActivated.connect(self._go)
        self.typed.returnPressed.connect(self._go)

    def offer_bands(self, first_cm1: float, last_cm1: float) -> None:
        """Offer the named bands that lie within an axis."""
        self.goto.clear()
        for band in NAMED_BANDS.values():
            if first_cm1 <= band.centre_cm1 <= last_cm1:
                self.goto.addItem(band.name)
                self.goto.setItemData(self.goto.count() - 1, f"{band}: {band.meaning}", Qt.ItemDataRole.ToolTipRole)
        self.goto.setCurrentIndex(-1)
        self.goto.setEditText("")

    def say(self, text: str) -> None:
        """Tell how it stands."""
        if text != self.status.text():
            self.status.setText(text)
            self.status.setCursorPosition(0)
            self.status.setToolTip(text)

    def _go(self, _: str = "") -> None:
        self.went_to.emit(self.goto.currentText())

    def _changed(self, _: Any = None) -> None:
        self.changed.emit()

    def _lay_out(self) -> None:
        named = (
            (self.stack, "Stack", "The stack whose spectra are shown: measured, or a result."),
            (self.remover, "Remover", "Removes the background of the spectra shown, as it would of the whole stack. Needs no run."),
            (self.regions, "Regions", "A Shapes, Labels or Points layer: mean and standard deviation of each shape or label."),
            (self.goto, "Go to", "A Raman shift such as 2850, a band of the list, or edges such as 2840-2860: slider and line go there."),
            (self.background, "", "The non-resonant intensity that the remover takes the spectrum to ride on."),
            (self.uncertainty, "", "One standard deviation, shaded; of networks."),
            (self.kk, "", "Beside it by Kramers–Kronig, dashed."),
            (self.peaks, "", "Wavenumbers of the most prominent lines."),
            (self.band, "", "Show the mean over a band in place of a single plane; drag the band in the plot."),
            (
                self.pin,
                "",
                "While this is down, a click in the image pins a pixel, or lets a pin go. Ctrl-click always does.",
            ),
            (self.clear, "", "Let all pins go."),
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for control, label, tip in named:
            control.setToolTip(tip)
            control.setAccessibleName(label or str(getattr(control, "text", str)()))
            if label:
                form.addRow(label, control)
        self.typed.setPlaceholderText("cm⁻¹, or a band")
        self.typed.setAccessibleName("Go to")
        self.typed.setToolTip(self.goto.toolTip())
        form.addRow(_row(self.background, self.uncertainty, self.peaks))
        form.addRow(_row(self.pin, self.clear, self.kk, self.band))
        self.status.setAccessibleName("Status")
        self.status.setToolTip("The pixel that is shown, or what is the matter.")
        self.status.setStyleSheet("background: transparent; border: none; padding: 0;")
        form.addRow(self.status)


def _row(*controls: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for control in controls:
        row.addWidget(control)
    row.addStretch(1)
    return row
