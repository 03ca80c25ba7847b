"""The ordered list of steps of a recipe, with the form of the one selected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline import STEPS, Step
from napari_crimson.plugin.looks import PlainLabel, tab_through
from napari_crimson.plugin.prepare.step_form import StepForm

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StepsEditor"]

_ROWS_SHOWN = 6
_EMPTY = "Add the steps that go ahead of the removal, in the order of work."


class StepsEditor(QWidget):
    """Steps to add, remove, move and switch off.

    Attributes
    ----------
    changed : Signal()
        A step or an option is another.
    selected : Signal(str)
        Another step is selected; its name, or "" for none.
    """

    changed = Signal()
    selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._forms: list[StepForm] = []
        self.list = QListWidget()
        self.stack = QStackedWidget()
        self.hint = PlainLabel(_EMPTY)
        self.add_button = QPushButton()
        self.buttons = {
            name: self._button(text, name, tip, does)
            for text, name, tip, does in (
                ("−", "Remove step", "Take the selected step out of the list.", self._remove),
                ("↑", "Move step up", "Do the selected step earlier.", lambda: self._move(-1)),
                ("↓", "Move step down", "Do the selected step later.", lambda: self._move(1)),
            )
        }
        self._set_up()
        self._lay_out()
        self._select()

    # --- what is set ---------------------------------------------------------------------------------

    def steps(self, *, before: int | None = None) -> tuple[Step, ...]:
        """The steps that are switched on, all or those ahead of row `before`.

        Raises
        ------
        CrimsonError
            If an option of one is missing or not what it must be; names the step.
        """
        found = []
        for row, form in enumerate(self._forms[:before]):
            if self.list.item(row).checkState() == Qt.CheckState.Checked:
                try:
                    found.append(Step(form.kind.name, form.values_set()))
                except CrimsonError as error:
                    raise CrimsonError(f"step {row + 1}, {form.kind.title}: {error}") from error
        return tuple(found)

    @property
    def count(self) -> int:
        """Number of steps that are switched on."""
        return sum(self.list.item(row).checkState() == Qt.CheckState.Checked for row in range(self.list.count()))

    def set_steps(self, steps: Iterable[Step]) -> None:
        """Show other steps."""
        while self._forms:
            self._take(0)
        for step in steps:
            self._insert(StepForm(STEPS[step.name], step.options))
        self.list.setCurrentRow(0)
        self._select()
        self.changed.emit()

    def add(self, name: str) -> None:
        """Add a step behind the selected one, and select it."""
        self._insert(StepForm(STEPS[name], {}), self.list.currentRow() + 1)
        self.changed.emit()

    @property
    def form(self) -> StepForm | None:
        """Form of the selected step."""
        row = self.row
        return self._forms[row] if 0 <= row < len(self._forms) else None

    @property
    def row(self) -> int:
        """Row of the selected step, −1 for none."""
        return self.list.currentRow()

    # --- inside --------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        self.list.setAccessibleName("Steps of the preparation")
        self.list.setToolTip("Done from top to bottom. A step without a tick is left out, of what is done and of what is saved.")
        self.list.setFixedHeight(round(1.6 * _ROWS_SHOWN * self.list.fontMetrics().lineSpacing()))
        self.hint.setWordWrap(True)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for kind in STEPS.values():
            action = menu.addAction(kind.title)
            action.setToolTip(_in_words(kind.help))
            action.triggered.connect(lambda _=False, name=kind.name: self.add(name))
        self.add_button.setText("Add")
        self.add_button.setMenu(menu)
        self.add_button.setToolTip("Add a step behind the selected one.")
        self.add_button.setAccessibleName("Add a step")
        self.list.currentRowChanged.connect(self._select)
        self.list.itemChanged.connect(lambda _: self.changed.emit())

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button, 1)
        for button in self.buttons.values():
            buttons.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.list)
        rows.addLayout(buttons)
        rows.addWidget(self.hint)
        rows.addWidget(self.stack)

    def _button(self, text: str, name: str, tip: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.clicked.connect(lambda: does())
        return button

    def _insert(self, form: StepForm, row: int | None = None, *, on: bool = True) -> None:
        row = len(self._forms) if row is None else row
        self._forms.insert(row, form)
        self.stack.insertWidget(row, form.native)
        tab_through(self.buttons["Move step down"], form)
        item = QListWidgetItem(form.kind.title)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        item.setToolTip(_in_words(form.kind.help))
        self.list.insertItem(row, item)
        form.changed.connect(self._edited)
        self.list.setCurrentRow(row)
        self._select()

    def _take(self, row: int) -> tuple[StepForm, bool]:
        form = self._forms.pop(row)
        form.changed.disconnect(self._edited)
        on = self.list.takeItem(row).checkState() == Qt.CheckState.Checked
        self.stack.removeWidget(form.native)
        return form, on

    def _remove(self) -> None:
        if self.form is not None:
            self._take(self.row)[0].close()
            self._select()
            self.changed.emit()

    def _move(self, by: int) -> None:
        to = self.row + by
        if self.form is not None and 0 <= to < len(self._forms):
            form, on = self._take(self.row)
            self._insert(form, to, on=on)
            self.changed.emit()

    def _edited(self) -> None:
        self._tell()
        self.changed.emit()

    def _select(self, _: int = 0) -> None:
        """Show the form of the selected step."""
        form, row = self.form, self.row
        self.stack.setVisible(form is not None and bool(form.kind.options))
        if form is not None:
            self.stack.setCurrentWidget(form.native)
            self.stack.setFixedHeight(form.native.sizeHint().height() + 2 * self.stack.frameWidth())
        self.buttons["Remove step"].setEnabled(form is not None)
        self.buttons["Move step up"].setEnabled(row > 0)
        self.buttons["Move step down"].setEnabled(0 <= row < len(self._forms) - 1)
        self._tell()
        self.selected.emit(form.kind.name if form else "")

    def _tell(self) -> None:
        """Say what the step does, or what is wrong with its options."""
        if self.form is None:
            self.hint.setText(_EMPTY)
            return
        try:
            self.form.values_set()
            self.hint.setText(_in_words(self.form.kind.help))
        except CrimsonError as error:
            self.hint.setText(f"⚠ {error}")


def _in_words(text: str) -> str:
    """Help with the titles of steps in place of their names."""
    return re.sub(r"`(\w+)`", lambda found: f"“{STEPS[found[1]].title}”" if found[1] in STEPS else found[1], text)
