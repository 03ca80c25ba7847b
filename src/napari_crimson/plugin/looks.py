"""How the forms look: what magicgui leaves to Qt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from magicgui.widgets import Container, Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QProgressBar, QSizePolicy, QWidget

__all__ = ["PlainLabel", "align_labels", "explain_rows", "fit_text", "move_bar", "tab_through"]

_THEME = 1.25  # napari's font is larger than the one a widget has before it is docked


class PlainLabel(QLabel):
    """A label that shows text as it is: Qt takes a file's name in angle brackets for HTML."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)


def align_labels(form: Container[Any]) -> None:
    """Give all labels of a form the width of the widest."""
    labels = [row.native.parentWidget().layout().itemAt(0).widget() for row in form]
    width = max(label.fontMetrics().horizontalAdvance(label.text()) for label in labels)
    for label in labels:
        label.setMinimumWidth(round(_THEME * width))


def explain_rows(form: Container[Any]) -> None:
    """Give each control of a form the name of its row for screen readers, and its tooltip; the tab key goes through the rows in order."""
    for row in form:
        if isinstance(row, Container) and not row.label.strip():  # buttons beside one another
            explain_rows(row)
            continue
        for control in _controls(row):
            text = control.text() if isinstance(control, QAbstractButton) else ""
            control.setAccessibleName(control.accessibleName() or text or row.label)
            control.setToolTip(control.toolTip() or row.tooltip or "")
    tab_through(None, form)


def tab_through(before: QWidget | None, form: Container[Any]) -> None:
    """Let the tab key go from a widget through the rows of a form, from top to bottom."""
    for control in (control for row in form for control in _controls(row)):
        if before is not None:
            QWidget.setTabOrder(before, control)
        before = control


def _controls(row: Any) -> Iterator[QWidget]:
    """What can be set, pressed or read off in a row."""
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QProgressBar)
    if isinstance(row.native, kinds):
        yield row.native
    elif isinstance(row, Container):
        for inner in row:
            yield from _controls(inner)
    else:
        yield from (child for child in row.native.findChildren(QWidget) if isinstance(child, kinds))


def fit_text(label: Label, *, lines: int = 1) -> None:
    """Let the text of a label begin at the left and fill its row, with room for some lines."""
    text = label.native
    text.setTextFormat(Qt.TextFormat.PlainText)
    text.setWordWrap(lines > 1)
    text.setAlignment(Qt.AlignmentFlag.AlignLeft | (Qt.AlignmentFlag.AlignVCenter if lines == 1 else Qt.AlignmentFlag.AlignTop))
    text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    text.setMinimumHeight(round(_THEME * lines * text.fontMetrics().lineSpacing()))


def move_bar(bar: QProgressBar, value: int) -> None:
    """Set a bar, to be seen with the next painting: by itself it has the whole window painted at once."""
    bar.setUpdatesEnabled(False)
    bar.setValue(value)
    bar.setUpdatesEnabled(True)
