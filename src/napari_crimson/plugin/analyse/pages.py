"""The pages of the Analyse dock: what may be chosen for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from napari_crimson.analysis import NAMED_BANDS, UNMIXING, band_of, baseline_methods
from napari_crimson.analysis.baseline import baseline_options, options_from_text
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.analyse.tasks import BandTask, BaselineTask, CompositeTask, NormaliseTask, RatioTask, Task, UnmixTask

if TYPE_CHECKING:
    from napari_crimson.analysis.unmix import Method

__all__ = ["PAGES", "Page"]

_BAND_HELP = "A band of the list; or type a Raman shift such as 1004, or edges such as 2840-2860."
_LINEAR_HELP = "Subtract a line through both sides of the band: what is not a peak there."
_UNMIXING = {"mcr": "MCR-ALS", "nmf": "NMF", "nfindr": "N-FINDR", "kmeans": "k-means"}
_UNMIXING_HELP = (
    "MCR-ALS: spectra and abundances that are not negative; negative noise counts as it is.\n"
    "NMF: the same, with negative values taken for zero.\n"
    "N-FINDR: the purest pixels; good where there are pure ones.\n"
    "k-means: groups of like pixels, each pixel in one."
)


class Page(QWidget):
    """Rows of one task; `task` gives it as it is set, or raises CrimsonError."""

    title = ""

    def __init__(self) -> None:
        super().__init__()
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def add(self, label: str, widget: Any, tip: str) -> None:
        """Add a row; a check box has its label in itself."""
        typed = widget.lineEdit() if isinstance(widget, QComboBox) else None
        for part in (widget, typed):
            if part is not None:
                part.setToolTip(tip)
                part.setAccessibleName(label or widget.text())
        self.rows.addRow(label, widget)

    def task(self) -> Task:
        """What is set."""
        raise NotImplementedError


class BandPage(Page):
    """One band."""

    title = "Image of a band"

    def __init__(self) -> None:
        super().__init__()
        self.band, self.width_cm1, self.area, self.linear = _bands(), QSpinBox(), QCheckBox("Area, not mean"), QCheckBox("Above a line")
        self.width_cm1.setRange(0, 2000)
        self.width_cm1.setSuffix(" cm⁻¹")
        self.width_cm1.setSpecialValueText("as the band has it")
        self.add("Band", self.band, _BAND_HELP)
        self.add("Width", self.width_cm1, "The whole width of the band.")
        self.add("", self.linear, _LINEAR_HELP)
        self.add("", self.area, "Sum over the band times cm⁻¹, instead of the mean over it.")

    def task(self) -> BandTask:
        """See `Page`."""
        return BandTask(
            band=_known(self.band),
            width_cm1=self.width_cm1.value() or None,
            value="area" if self.area.isChecked() else "mean",
            baseline="linear" if self.linear.isChecked() else None,
        )


class RatioPage(Page):
    """Two bands."""

    title = "Ratio of two bands"

    def __init__(self) -> None:
        super().__init__()
        self.above, self.below, self.linear, self.least = _bands("CH2"), _bands("CH3"), QCheckBox("Above a line"), QLineEdit()
        self.least.setPlaceholderText("three times its noise")
        self.add("Band", self.above, _BAND_HELP)
        self.add("divided by", self.below, _BAND_HELP)
        self.add("", self.linear, _LINEAR_HELP)
        self.add("Least", self.least, "There is no ratio where the lower band is not above this value. Empty: three times its noise.")

    def task(self) -> RatioTask:
        """See `Page`."""
        text = self.least.text().strip()
        try:
            least = float(text.replace(",", ".")) if text else None
        except ValueError:
            raise CrimsonError(f"'{text}' is no number; give the smallest value to divide by, or leave it empty") from None
        return RatioTask(
            above=_known(self.above), below=_known(self.below), baseline="linear" if self.linear.isChecked() else None, least=least
        )


class CompositePage(Page):
    """Some bands."""

    title = "False colours"

    def __init__(self) -> None:
        super().__init__()
        self.bands, self.linear, self.picture = QLineEdit("CH2, CH3"), QCheckBox("Above a line"), QCheckBox("One picture")
        self.bands.setPlaceholderText("CH2, CH3, 1004")
        self.add("Bands", self.bands, f"Bands with commas between: {', '.join(NAMED_BANDS)}, or Raman shifts.")
        self.add("", self.linear, _LINEAR_HELP)
        self.add("", self.picture, "One colour picture instead of a layer for each band, whose contrast can be set.")

    def task(self) -> CompositeTask:
        """See `Page`."""
        names = tuple(filter(None, (part.strip() for part in self.bands.text().split(","))))
        if not names:
            raise CrimsonError("no band to show: give some with commas between, such as CH2, CH3, 1004")
        for name in names:
            band_of(name)
        return CompositeTask(bands=names, baseline="linear" if self.linear.isChecked() else None, picture=self.picture.isChecked())


class NormalisePage(Page):
    """What each spectrum is divided by."""

    title = "Normalised stack"

    def __init__(self) -> None:
        super().__init__()
        self.by = _bands("area", first=("area", "max", "vector"))
        self.add("Divide by", self.by, "Area, highest value or vector length of each spectrum; or the mean over a band.")

    def task(self) -> NormaliseTask:
        """See `Page`."""
        by = self.by.currentText().strip()
        return NormaliseTask(by=by if by in ("area", "max", "vector") else _known(self.by))


class BaselinePage(Page):
    """A method of pybaselines."""

    title = "Baseline subtracted"

    def __init__(self) -> None:
        super().__init__()
        self.method, self.options = QComboBox(), QLineEdit()
        self.method.addItems(baseline_methods())
        self.add("Method", self.method, "A method of pybaselines; see its documentation for what each does.")
        self.add("Options", self.options, "")
        self.method.currentTextChanged.connect(self._tell_options)
        self.method.setCurrentText("arpls")

    def task(self) -> BaselineTask:
        """See `Page`."""
        return BaselineTask(method=self.method.currentText(), options=options_from_text(self.options.text()))

    def _tell_options(self, method: str) -> None:
        known = baseline_options(method)
        self.options.setPlaceholderText(", ".join(f"{name}={value}" for name, value in list(known.items())[:2]))
        self.options.setToolTip("name=value, with commas between.\n" + "\n".join(f"{name} = {value}" for name, value in known.items()))


class UnmixPage(Page):
    """Components."""

    title = "Components (unmixing)"

    def __init__(self) -> None:
        super().__init__()
        self.method, self.components, self.sum_to_one = QComboBox(), QSpinBox(), QCheckBox("Shares sum to 1")
        self.most_pixels, self.seed = QSpinBox(), QSpinBox()
        for name in UNMIXING:
            self.method.addItem(_UNMIXING[name], name)
        self.components.setRange(2, 20)
        self.components.setValue(4)
        self.most_pixels.setRange(100, 1_000_000)
        self.most_pixels.setSingleStep(1000)
        self.most_pixels.setValue(10_000)
        self.seed.setRange(0, 1_000_000)
        self.add("Method", self.method, _UNMIXING_HELP)
        self.add("Components", self.components, "How many. Let a background without lines count as one.")
        self.add("Sample", self.most_pixels, "Pixels, drawn at random, that the spectra are found from; the abundances are of all.")
        self.add("Seed", self.seed, "Of the draw: the same seed gives the same answer.")
        self.add("", self.sum_to_one, "Hold the abundances of a pixel to a sum of 1. Not for k-means.")
        self.method.currentIndexChanged.connect(lambda _: self.sum_to_one.setEnabled(self.method.currentData() != "kmeans"))

    def task(self) -> UnmixTask:
        """See `Page`."""
        method: Method = self.method.currentData()
        return UnmixTask(
            method=method,
            components=self.components.value(),
            sum_to_one=self.sum_to_one.isChecked() and method != "kmeans",
            most_pixels=self.most_pixels.value(),
            seed=self.seed.value(),
        )


PAGES: tuple[type[Page], ...] = (BandPage, RatioPage, CompositePage, BaselinePage, NormalisePage, UnmixPage)


def _bands(chosen: str = "CH2", *, first: tuple[str, ...] = ()) -> QComboBox:
    """A box of bands by name that takes others as well."""
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.addItems([*first, *NAMED_BANDS])
    box.setCurrentText(chosen)
    return box


def _known(box: QComboBox) -> str:
    """The band in a box, looked at."""
    text = box.currentText().strip()
    band_of(text)
    return text
