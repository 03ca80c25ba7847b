"""The way to an axis by two lines that are seen in the mean spectrum and known."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from napari_crimson.analysis.band_names import NAMED_BANDS, band_of
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.axis.pages import AxisPage, Float64
from napari_crimson.prepare.scan_axis import KNOWN_LINES, axis_from_lines, nearest_maximum

__all__ = ["LinesPage"]

_TIP = "The Raman shift of this line in cm⁻¹; type it, or choose a line that is known."

_FEWEST_LETTERS = 8
_PLANE_PX, _NAMES_PX = 100, 220


class LinesPage(AxisPage):
    """An even axis through two lines that are seen and known; `pick` takes a click in the spectrum."""

    title = "Two known lines"
    hint = (
        "Click a line in the mean spectrum, which takes the nearest maximum, and say its Raman shift; then another. "
        "Of CARS, the maximum lies some cm⁻¹ below the line."
    )

    def __init__(self) -> None:
        super().__init__()
        self.planes = (QDoubleSpinBox(), QDoubleSpinBox())
        self.shifts = (QComboBox(), QComboBox())
        for number, (plane, shift) in enumerate(zip(self.planes, self.shifts, strict=True), start=1):
            self._set_up(number, plane, shift)
            pair = QWidget()
            row = QHBoxLayout(pair)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(plane)
            row.addWidget(shift, 1)
            self.form.addRow(f"Line {number}", pair)

    def set_points(self, points: int) -> None:
        """Take planes of another stack."""
        for plane in self.planes:
            plane.setRange(-1.0, points - 1.0)
            plane.setValue(-1.0)

    def pick(self, spectrum: Float64, at: float) -> None:
        """Take the maximum of a spectrum (W,) nearest to the plane `at` for the line that has none yet, or the nearer of both."""
        found = nearest_maximum(spectrum, at)
        free = [plane for plane in self.planes if plane.value() < 0]
        chosen = free[0] if free else min(self.planes, key=lambda plane: abs(plane.value() - found))
        chosen.setValue(found)

    def picked(self) -> list[float]:
        """Planes of the lines that are set."""
        return [plane.value() for plane in self.planes if plane.value() >= 0]

    def axis(self, points: int) -> Float64:
        """Through both lines."""
        if len(self.picked()) < 2:
            raise CrimsonError(f"click line {1 + len(self.picked())} in the mean spectrum, or give its plane")
        shifts = [_shift_from_text(shift.currentText(), f"line {number}") for number, shift in enumerate(self.shifts, start=1)]
        return axis_from_lines(dict(zip(self.picked(), shifts, strict=True)), points)

    def _set_up(self, number: int, plane: QDoubleSpinBox, shift: QComboBox) -> None:
        plane.setDecimals(1)
        plane.setMaximumWidth(_PLANE_PX)
        plane.setRange(-1.0, -1.0)
        plane.setSpecialValueText("click")
        plane.setAccessibleName(f"Plane of line {number}")
        plane.setToolTip("The plane at which the line is, counted from 0; a click in the mean spectrum sets it.")
        plane.valueChanged.connect(self.tell)
        shift.setEditable(True)
        shift.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        shift.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        shift.setMinimumContentsLength(_FEWEST_LETTERS)
        for text in _line_names():
            shift.addItem(text)
        view = shift.view()
        if view is not None:
            view.setMinimumWidth(_NAMES_PX)
        shift.setCurrentIndex(-1)
        shift.setEditText("")
        shift.setAccessibleName(f"Raman shift of line {number}")
        shift.setToolTip(_TIP)
        typed = shift.lineEdit()
        if typed is not None:
            typed.setPlaceholderText("cm⁻¹, or a line")
            typed.setAccessibleName(shift.accessibleName())
            typed.setToolTip(_TIP)
        shift.editTextChanged.connect(self.tell)


def _shift_from_text(text: str, of: str) -> float:
    """Raman shift in cm⁻¹ of a line that is chosen, typed, or named as a band is."""
    text = text.partition("·")[0].strip()
    if not text:
        raise CrimsonError(f"give the Raman shift of {of}")
    return band_of(text).centre_cm1


def _line_names() -> list[str]:
    """Lines to choose from, as text."""
    bands = [(band.centre_cm1, band.name) for band in NAMED_BANDS.values()]
    lines = [(shift, substance) for substance, shifts in KNOWN_LINES.items() for shift in shifts]
    return [f"{shift:g} cm⁻¹ · {name}" for shift, name in (*sorted(bands), *lines)]
