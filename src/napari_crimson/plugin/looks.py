"""How the forms look: what magicgui leaves to Qt."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

__all__ = ["align_labels", "fit_text"]

_THEME = 1.25  # napari's font is larger than the one a widget has before it is docked


def align_labels(form: Container[Any]) -> None:
    """Give all labels of a form the width of the widest."""
    labels = [row.native.parentWidget().layout().itemAt(0).widget() for row in form]
    width = max(label.fontMetrics().horizontalAdvance(label.text()) for label in labels)
    for label in labels:
        label.setMinimumWidth(round(_THEME * width))


def fit_text(label: Label, *, lines: int = 1) -> None:
    """Let the text of a label begin at the left and fill its row, with room for some lines."""
    text = label.native
    text.setWordWrap(lines > 1)
    text.setAlignment(Qt.AlignmentFlag.AlignLeft | (Qt.AlignmentFlag.AlignVCenter if lines == 1 else Qt.AlignmentFlag.AlignTop))
    text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    text.setMinimumHeight(round(_THEME * lines * text.fontMetrics().lineSpacing()))
