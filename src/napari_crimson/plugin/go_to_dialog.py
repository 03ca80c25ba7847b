"""The small window behind *Go to Raman shift*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from napari_crimson.analysis.band_names import NAMED_BANDS
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import axis_of_layer
from napari_crimson.plugin.looks import PlainLabel
from napari_crimson.plugin.shown import go_to, stacks_seen

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["GoToDialog"]

_BUTTON = QDialogButtonBox.StandardButton
_TIP = "A Raman shift such as 2850, a band of the list, or the edges of a band such as 2840-2860."


class GoToDialog(QDialog):
    """Asks for a Raman shift or a band, and brings the slider there; says what is the matter where it cannot."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Go to Raman shift")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._viewer = viewer
        self.where, self.typed = QComboBox(), QLineEdit()
        self.where.setLineEdit(self.typed)
        self.where.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.message = PlainLabel()
        self.message.setWordWrap(True)
        self.buttons = QDialogButtonBox(_BUTTON.Ok | _BUTTON.Cancel)
        self.go, self.cancel = (self.buttons.button(which) for which in (_BUTTON.Ok, _BUTTON.Cancel))
        self.go.setText("Go")
        rows = QVBoxLayout(self)
        for widget in (self.where, self.message, self.buttons):
            rows.addWidget(widget)
        for part, name, tip in (
            (self.where, "Raman shift or band", _TIP),
            (self.typed, "Raman shift or band", _TIP),
            (self.message, "Status", "The stack that is meant and its axis, or what is the matter."),
            (self.go, "Go", "Bring the slider there, and close."),
            (self.cancel, "Cancel", "Close, and leave the slider where it is."),
        ):
            part.setAccessibleName(name)
            part.setToolTip(tip)
        self.typed.setPlaceholderText("cm⁻¹, or a band")
        self._offer_bands()
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.setMinimumWidth(360)

    def accept(self) -> None:
        """Go there, and close where that could be done."""
        try:
            go_to(self._viewer, self.where.currentText())
        except CrimsonError as error:
            self.message.setText(str(error))
            return
        super().accept()

    def _offer_bands(self) -> None:
        """Offer the named bands of the stack's axis, and say how far that goes."""
        layer = next(stacks_seen(self._viewer), None)
        axis = None if layer is None else axis_of_layer(layer)
        if layer is None or axis is None:
            self.message.setText("No stack with a wavenumber axis is shown: open one, or make one visible.")
            return
        self.message.setText(f"{layer.name}: {axis.min():.1f} to {axis.max():.1f} cm⁻¹")
        for band in NAMED_BANDS.values():
            if axis.min() <= band.centre_cm1 <= axis.max():
                self.where.addItem(band.name)
                self.where.setItemData(self.where.count() - 1, f"{band}: {band.meaning}", Qt.ItemDataRole.ToolTipRole)
        self.where.setCurrentIndex(-1)
        self.where.setEditText("")
