"""What can be chosen in the compare dock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from napari_crimson.plugin.compare.work import ALL
from napari_crimson.plugin.layer_box import LayerBox
from napari_crimson.plugin.looks import PlainLabel
from napari_crimson.plugin.pointing.marks import is_marks
from napari_crimson.plugin.remover_names import RemoverNames
from napari_crimson.plugin.stack_layers import is_corrected, is_measured
from napari_crimson.remover import removers

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["DIFFERENCE", "UNEXPLAINED", "CompareControls"]

DIFFERENCE, UNEXPLAINED = "difference", "unexplained"
_CHECKED = ("cnn", "rnn", "kk")
_SPACING_PX = 3
_ROWS = 3  # of the list of removers, without scrolling


class CompareControls(QWidget):
    """The rows above the plots.

    Attributes
    ----------
    changed : Signal
        Anything but the stack has been chosen otherwise.
    below_changed : Signal
        The lower plot is to show something else of what is known already.
    """

    changed = Signal()
    below_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.stack = LayerBox(viewer, is_measured)
        self.truth = LayerBox(viewer, is_corrected, none="first remover")
        self.marks = LayerBox(viewer, is_marks, none="clicked pixel")
        self.mark = QComboBox()
        self.below = QComboBox()
        self.below.addItems([DIFFERENCE, UNEXPLAINED])
        self.removers = QListWidget()
        self.status = PlainLabel()
        self._set_up_removers()
        self.names = RemoverNames(self)
        self.names.changed.connect(self._offer_removers)
        self._offer_removers()
        self._lay_out()
        self.offer_marks(())
        self.removers.itemChanged.connect(self._changed)
        self.truth.chosen.connect(self._changed)
        self.mark.currentIndexChanged.connect(self._changed)
        self.below.currentIndexChanged.connect(self._below_changed)

    @property
    def checked(self) -> list[str]:
        """Removers that are checked, in the order of the list."""
        items = [self.removers.item(row) for row in range(self.removers.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def offer_marks(self, names: Sequence[str]) -> None:
        """Offer the marks of the layer that is chosen, keeping the choice where it is still there."""
        before = self.mark.currentText()
        blocker = QSignalBlocker(self.mark)
        self.mark.clear()
        self.mark.addItems([ALL, *(names if len(names) > 1 else ())])
        self.mark.setCurrentText(before)
        self.mark.setVisible(self.mark.count() > 1)
        blocker.unblock()

    def say(self, text: str) -> None:
        """Tell how it stands."""
        self.status.setText(text)
        self.status.setToolTip(text)

    def _changed(self, _: Any = None) -> None:
        self.changed.emit()

    def _below_changed(self, _: int) -> None:
        self.below_changed.emit()

    def _offer_removers(self) -> None:
        """Offer the removers there are; those that are checked stay, also where their files have gone."""
        checked = self.checked if self.removers.count() else list(_CHECKED)
        blocker = QSignalBlocker(self.removers)
        self.removers.clear()
        for name in dict.fromkeys([*sorted(removers(), key=lambda name: (*_CHECKED, name).index(name)), *checked]):
            item = QListWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in checked else Qt.CheckState.Unchecked)
            self.removers.addItem(item)
        row = self.removers.sizeHintForRow(0) + 2 * _SPACING_PX
        self.removers.setFixedHeight(_ROWS * row + 2 * self.removers.frameWidth())
        blocker.unblock()

    def _set_up_removers(self) -> None:
        self.removers.setFlow(QListWidget.Flow.LeftToRight)
        self.removers.setWrapping(True)
        self.removers.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.removers.setSpacing(_SPACING_PX)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        beside = {self.truth: self.below, self.marks: self.mark}
        for control, label, tip in (
            (self.stack, "Stack", "The measured CARS intensities."),
            (self.removers, "Removers", "Those that are checked are compared, on the same spectra."),
            (
                self.truth,
                "Compare with",
                "Residuals are taken against the first remover, or a truth or result of this stack.",
            ),
            (
                self.below,
                "Lower plot",
                "The difference; or what is left of the measured intensity, in deviations of its noise. That takes a reference.",
            ),
            (self.marks, "Where", "A click in the image picks a pixel; or a Points, Shapes or Labels layer marks pixels and regions."),
            (self.mark, "Mark", "Which point, shape or label of that layer; of several pixels the mean and its deviation are drawn."),
        ):
            control.setToolTip(tip)
            control.setAccessibleName(label)
            if control in beside:
                form.addRow(label, _row(control, beside[control]))
            elif control not in beside.values():
                form.addRow(label, control)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status.setAccessibleName("Status")
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        form.addRow(self.status)


def _row(wide: QWidget, narrow: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(wide, 2)
    row.addWidget(narrow, 1)
    return row
