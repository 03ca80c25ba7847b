"""What can be chosen in the train dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_crimson import weights
from napari_crimson.adaptation import can_be_adapted
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.layers import KEY, spectrum_from_layer
from napari_crimson.plugin.looks import PlainLabel
from napari_crimson.plugin.remover_names import RemoverBox
from napari_crimson.plugin.stack_layers import is_measured

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel

__all__ = ["TrainForm"]

BAR_STEPS = 1000
OWN, LAYER, FILE = "of the stack", "a layer", "a file"
_STEPS, _FEWEST_STEPS, _MOST_STEPS = 600, 6, 100_000
_LINES = 4


class TrainForm(QWidget):
    """The rows above the plots."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.stack = LayerBox(viewer, is_measured)
        self.start = RemoverBox(_networks)
        self.kind = QComboBox()
        self.kind.addItems([OWN, LAYER, FILE])
        self.layer = LayerBox(viewer, is_measured)
        self.file = FileEdit(mode=FileDialogMode.EXISTING_FILE)
        self.where = QStackedWidget()
        self.photons, self.name = QLineEdit(), QLineEdit()
        self.steps = QSpinBox()
        self.train, self.cancel, self.save = QPushButton("Train"), QPushButton("Cancel"), QPushButton("Save")
        self.bar, self.status = QProgressBar(), PlainLabel()
        self._set_up()
        self._explain()
        self._lay_out()
        self.kind.currentIndexChanged.connect(self.where.setCurrentIndex)
        self.start.currentIndexChanged.connect(self._suggest_name)
        self.set_busy(busy=False)
        self.save.setEnabled(False)

    def reference(self, stack: xr.Dataset) -> str | Path | xr.DataArray:
        """The reference that is chosen; of a layer the mean of its pixels, lazily.

        Raises
        ------
        CrimsonError
            If there is none.
        """
        kind = self.kind.currentText()
        if kind == OWN:
            return "auto"
        if kind == LAYER:
            if self.layer.layer is None:
                raise CrimsonError("no layer is there to take the reference from; open a stack of glass or water, or choose a file")
            return spectrum_from_layer(self.layer.layer, stack)
        path = Path(str(self.file.value))
        if not path.name:
            raise CrimsonError("no file is chosen for the reference; name one with the spectrum of glass or water")
        return path

    def photon_range(self) -> tuple[float, float]:
        """The light that is typed.

        Raises
        ------
        CrimsonError
            If it is not two numbers, the lower first.
        """
        try:
            low, high = (float(part) for part in self.photons.text().split(","))
        except ValueError:
            low, high = 0.0, 0.0
        if not 0 < low <= high < float("inf"):
            raise CrimsonError(f"photons '{self.photons.text()}': give two numbers above 0, the lower first, such as 1e4, 1e6")
        return low, high

    def stack_chosen(self) -> None:
        """Choose where the reference of another stack is to be had, and suggest a name."""
        layer = self.stack.layer
        if layer is not None:
            others = [other for other in (self.layer.itemText(row) for row in range(self.layer.count())) if other != layer.name]
            own = "reference" in layer.metadata.get(KEY, {})
            self.kind.setCurrentText(OWN if own else LAYER if others else FILE)
            if others and self.layer.currentText() == layer.name:
                self.layer.setCurrentText(others[0])
        self._suggest_name()

    def set_photons(self, low: float, high: float) -> None:
        """Write what was guessed, unless something was typed."""
        if not self.photons.isModified():
            self.photons.setText(", ".join(f"{float(f'{value:.2g}'):g}" for value in (low, high)))

    def set_busy(self, *, busy: bool) -> None:
        """Let nothing be changed while it trains, except for the name."""
        for control in (self.stack, self.start, self.kind, self.where, self.photons, self.steps):
            control.setEnabled(not busy)
        self.train.setEnabled(not busy and self.stack.layer is not None)
        self.cancel.setEnabled(busy)

    def let_go(self) -> None:
        """Let go of the viewer."""
        self.stack.let_go()
        self.layer.let_go()

    def _suggest_name(self, _: Any = None) -> None:
        """Suggest a name that is free, unless one was typed."""
        layer = self.stack.layer
        if layer is None or self.name.isModified():
            return
        words = "".join(letter if letter.isalnum() else " " for letter in f"{self.start.currentText()} {layer.name}").split()
        base = "-".join(words)[:48]
        for number in range(1, 100):
            name = base if number == 1 else f"{base}-{number}"
            try:
                weights.check_new_name(name)
            except CrimsonError:
                continue
            self.name.setText(name)
            return

    def _set_up(self) -> None:
        for page in (PlainLabel("measured with it"), self.layer, self.file.native):
            self.where.addWidget(page)
        self.steps.setRange(_FEWEST_STEPS, _MOST_STEPS)
        self.steps.setValue(_STEPS)
        self.steps.setSingleStep(100)
        self.photons.setText("1e3, 2e6")
        self.bar.setRange(0, BAR_STEPS)
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.status.setMinimumHeight(_LINES * self.status.fontMetrics().lineSpacing())
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _explain(self) -> None:
        explained: list[tuple[QWidget, str, str]] = [
            (self.stack, "Stack", "A stack of this microscope: lends its axis, its light, and a pixel to look at."),
            (self.start, "Start from", "The network to go on from: a shipped one, or one of yours."),
            (
                self.kind,
                "Reference",
                "Glass or water, measured as the stack was: the shape of the excitation.",
            ),
            (self.layer, "Layer of the reference", "The mean of its pixels is taken."),
            (
                self.file.line_edit.native,
                "File of the reference",
                "Two columns, wavenumber in cm⁻¹ and counts; or a stack.",
            ),
            (self.file.choose_btn.native, "Choose the file of the reference", "Choose a file."),
            (
                self.photons,
                "Photons",
                "Electrons at the brightest point of a spectrum, least and most; guessed from the stack's noise.",
            ),
            (self.steps, "Steps", "600 take some minutes on a CPU. More, up to some thousand, go further."),
            (self.name, "Name", "What the new remover is called in every list: letters, digits, '-', '_' and spaces."),
            (self.train, "Train", "Adapt the network to spectra as this microscope would measure them. Nothing is saved yet."),
            (self.cancel, "Cancel", "Stop after this step. What was best by then can be saved, if it is better than the start."),
            (self.save, "Save", "Keep the best weights as a remover of this name. What is not saved is gone when the dock is closed."),
            (self.bar, "Progress", "How far the training is."),
            (self.status, "Status", "How the training stands, or what is the matter."),
        ]
        for widget, name, tip in explained:
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _lay_out(self) -> None:
        rows, form = QVBoxLayout(self), QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Stack", self.stack)
        form.addRow("Start from", self.start)
        form.addRow("Reference", _row(self.kind, self.where))
        form.addRow("Photons", _row(self.photons, PlainLabel("Steps"), self.steps))
        form.addRow("Name", _row(self.name, self.save))
        rows.addLayout(form)
        rows.addLayout(_row(self.train, self.cancel))
        rows.addWidget(self.bar)
        rows.addWidget(self.status)


def _networks() -> list[str]:
    """Weights that can be adapted."""
    return [name for name in weights.names() if can_be_adapted(name)]


def _row(*controls: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for control in controls:
        row.addWidget(control, 0 if isinstance(control, QLabel | QComboBox) else 1)
    return row
