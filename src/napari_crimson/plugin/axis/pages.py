"""Ways to an axis, a page each: its ends, the two beams, a file; `lines_page` has the fourth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLineEdit, QPushButton, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.io.axis import given_axis, read_axis
from napari_crimson.plugin.typed_axis import number_from_text, numbers_from_text
from napari_crimson.prepare.scan_axis import axis_from_beams, check_scan_axis

__all__ = ["AxisPage", "BeamsPage", "EndsPage", "FilePage", "ProbePage"]

Float64 = NDArray[np.float64]

_TUNED_TIP = "First and last wavelength in nm, such as 790, 802; or one for each plane. The order is that of the planes."

_SEEN_TIP = "Wavelengths in nm: of the first and the last plane, or one for each. Empty: as the file says, where it does."


class AxisPage(QWidget):
    """One way to an axis, with a `title` and a `hint` to show above it; a page tells when what it says has `changed`."""

    title = ""
    hint = ""
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def axis(self, points: int) -> Float64:
        """Raman shift (points,) in cm⁻¹, as the page says it; CrimsonError where that is none, or not all of it is there."""
        raise NotImplementedError

    def add_line(self, label: str, name: str, tip: str, placeholder: str) -> QLineEdit:
        """Add a row to type in."""
        line = QLineEdit()
        line.setPlaceholderText(placeholder)
        line.setAccessibleName(name)
        line.setToolTip(tip)
        line.textChanged.connect(self.tell)
        self.form.addRow(label, line)
        return line

    def tell(self, _: object = None) -> None:
        """Tell that something has changed."""
        self.changed.emit()


class EndsPage(AxisPage):
    """An even axis from its ends."""

    title = "First and last plane"
    hint = "Even steps of wavenumber. A scan that goes down has the larger one first."

    def __init__(self) -> None:
        super().__init__()
        self.first = self.add_line("First (cm⁻¹)", "First", "Raman shift of plane 0 in cm⁻¹.", "2800")
        self.last = self.add_line("Last (cm⁻¹)", "Last", "Raman shift of the last plane in cm⁻¹.", "3100")

    def axis(self, points: int) -> Float64:
        """From first to last in even steps."""
        ends = [number_from_text(line.text(), name) for line, name in ((self.first, "the first plane"), (self.last, "the last plane"))]
        return check_scan_axis(given_axis(ends, points), points)


class BeamsPage(AxisPage):
    """The axis of two beams, one of them tuned."""

    title = "Pump and Stokes"
    hint = "10⁷/pump − 10⁷/Stokes, both in nm. The tuned one in even steps of wavelength, or as it was at each plane."

    def __init__(self) -> None:
        super().__init__()
        self.tuned = QComboBox()
        self.tuned.addItems(["pump", "Stokes"])
        self.tuned.setAccessibleName("Tuned beam")
        self.tuned.setToolTip("The beam that is tuned from plane to plane.")
        self.tuned.currentIndexChanged.connect(self.tell)
        self.form.addRow("Tuned", self.tuned)
        self.wavelengths = self.add_line("From, to (nm)", "Tuned wavelengths", _TUNED_TIP, "790, 802")
        self.fixed = self.add_line("Fixed (nm)", "Fixed wavelength", "Wavelength in nm of the beam that stays.", "1031.2")

    def axis(self, points: int) -> Float64:
        """Difference of the beams' energies."""
        tuned, fixed = numbers_from_text(self.wavelengths.text(), "the tuned beam"), number_from_text(self.fixed.text(), "the fixed beam")
        pump, stokes = (tuned, fixed) if self.tuned.currentIndex() == 0 else (fixed, tuned)
        return axis_from_beams(points, pump_nm=pump, stokes_nm=stokes)


class ProbePage(AxisPage):
    """The axis of a spectrograph."""

    title = "Spectrograph and probe"
    hint = "10⁷/wavelength − 10⁷/probe, both in nm, of a spectrograph that sees all planes at once."

    def __init__(self) -> None:
        super().__init__()
        self._known: Float64 | None = None
        self.wavelengths = self.add_line("From, to (nm)", "Wavelengths seen", _SEEN_TIP, "")
        self.probe = self.add_line("Probe (nm)", "Probe", "Wavelength of the probe in nm.", "771.5")
        self.set_wavelengths(None)

    def set_wavelengths(self, known_nm: Float64 | None) -> None:
        """Take the wavelengths (W,) that a file tells, to be used where none are typed."""
        self._known = known_nm
        self.wavelengths.setPlaceholderText("590, 760" if known_nm is None else f"as the file says, {known_nm[0]:g} to {known_nm[-1]:g}")

    def axis(self, points: int) -> Float64:
        """What the wavelengths are away from the probe."""
        text = self.wavelengths.text()
        known = self._known if not text.strip() else None
        seen = numbers_from_text(text, "the wavelengths seen") if known is None else known
        return axis_from_beams(points, pump_nm=seen, stokes_nm=number_from_text(self.probe.text(), "the probe's wavelength"))


class FilePage(AxisPage):
    """An axis from a file."""

    title = "File"
    hint = "Text, CSV or JSON: one value in cm⁻¹ for each plane, a column of them, or the wavelength.json of HS-MOSAIC."

    def __init__(self) -> None:
        super().__init__()
        self.path = self.add_line("File", "File", "Path of the file.", "wavenumbers.csv")
        self.browse = QPushButton("Choose …")
        self.browse.setAccessibleName("Choose a file")
        self.browse.setToolTip("Choose the file.")
        self.browse.clicked.connect(self._choose)
        self.form.addRow("", self.browse)

    def axis(self, points: int) -> Float64:
        """As the file says."""
        text = self.path.text().strip().strip("\"'")
        if not text:
            raise CrimsonError("name a file")
        try:
            return check_scan_axis(read_axis(Path(text).expanduser(), points), points)
        except CrimsonError as error:
            raise CrimsonError(str(error).partition("; give wavenumber=")[0]) from error  # which is for scripts

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Wavenumber axis", "", "Axis (*.txt *.csv *.json *.tsv *.dat);;All files (*)")
        if chosen:
            self.path.setText(chosen)
