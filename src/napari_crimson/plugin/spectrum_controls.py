"""What can be chosen in the spectrum dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.marks import is_marks
from napari_crimson.remover import removers

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["SpectrumControls", "is_stack", "wavenumber_of"]

NO_REMOVER = "none"
BANDS = {"CH₂ 2850": 2850.0, "CH₃ 2935": 2935.0, "phenylalanine 1004": 1004.0, "amide I 1655": 1655.0}


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
        self.remover = QComboBox()
        self.remover.addItems([*removers(), NO_REMOVER])
        self.goto = QComboBox()
        self.typed = QLineEdit()
        self.goto.setLineEdit(self.typed)
        self.goto.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.background = QCheckBox("Background")
        self.uncertainty = QCheckBox("Uncertainty")
        self.kk = QCheckBox("KK beside it")
        self.peaks = QCheckBox("Peaks")
        self.band = QCheckBox("Band image")
        self.pin = QPushButton("Pin")
        self.pin.setCheckable(True)
        self.clear = QPushButton("Clear pins")
        self.status = QLabel("Move the cursor over the image.")
        self._lay_out()
        for box, on in ((self.background, True), (self.uncertainty, True), (self.kk, False), (self.peaks, True)):
            box.setChecked(on)
            box.toggled.connect(self._changed)
        self.remover.currentIndexChanged.connect(self._changed)
        self.goto.textActivated.connect(self._go)
        self.typed.returnPressed.connect(self._go)

    def close_boxes(self) -> None:
        """Let go of the viewer."""
        self.stack.close_box()
        self.regions.close_box()

    def offer_bands(self, first_cm1: float, last_cm1: float) -> None:
        """Offer the named bands that lie within an axis."""
        self.goto.clear()
        self.goto.addItems([name for name, at in BANDS.items() if first_cm1 <= at <= last_cm1])
        self.goto.setCurrentIndex(-1)
        self.goto.setEditText("")

    def say(self, text: str) -> None:
        """Tell how it stands."""
        self.status.setText(text)
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
            (self.goto, "Go to", "Type a Raman shift in cm⁻¹, or choose a band: slider and line go there."),
            (self.background, "", "The non-resonant intensity that the remover takes the spectrum to ride on."),
            (self.uncertainty, "", "One standard deviation, shaded; of networks."),
            (self.kk, "", "Also by Kramers–Kronig, dashed."),
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
        form.addRow(_row(self.background, self.uncertainty, self.kk, self.peaks))
        form.addRow(_row(self.pin, self.clear, self.band))
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status.setAccessibleName("Status")
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        form.addRow(self.status)


def wavenumber_of(text: str, wavenumber: NDArray[np.float64]) -> float:
    """Take a band's name or a number as a place on an axis (W,), in cm⁻¹.

    Raises
    ------
    CrimsonError
        If it is neither, or lies outside of the axis.
    """
    try:
        found = BANDS[text.strip()] if text.strip() in BANDS else float(text.replace("cm⁻¹", "").replace(",", "."))
    except ValueError:
        raise CrimsonError(f"'{text}' is neither a band of the list nor a Raman shift; type one such as 2850") from None
    if not wavenumber[0] <= found <= wavenumber[-1]:
        raise CrimsonError(f"{found:g} cm⁻¹ lies outside of this stack; type one from {wavenumber[0]:.0f} to {wavenumber[-1]:.0f}")
    return found


def is_stack(layer: Any) -> bool:
    """Tell whether a layer may be a stack of spectra."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim >= 3


def _row(*controls: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for control in controls:
        row.addWidget(control)
    row.addStretch(1)
    return row
