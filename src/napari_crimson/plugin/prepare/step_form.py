"""The form of one step of a recipe, built from the table of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget

from napari_crimson.plugin.looks import align_labels
from napari_crimson.plugin.prepare.option_text import EXAMPLES, HINTS, label_of, text_from_value, value_from_text

if TYPE_CHECKING:
    from napari_crimson.pipeline import Option, StepKind

__all__ = ["StepForm"]

_MOST = 1_000_000  # of a spin box


class StepForm(Container):  # type: ignore[type-arg]
    """A row for each option of a step.

    Parameters
    ----------
    kind : StepKind
    values : mapping
        Options that are set; the others show their default.
    """

    def __init__(self, kind: StepKind, values: Mapping[str, Any]) -> None:
        self.kind = kind
        super().__init__(widgets=[_row(option, values.get(option.name, option.default)) for option in kind.options])
        self.margins = (0, 0, 0, 0)
        for option in kind.options:
            row: Any = self[option.name]
            row.native.setAccessibleName(label_of(option))
            if isinstance(row, LineEdit):
                row.native.setPlaceholderText(HINTS[option.kind] if option.required else f"{HINTS[option.kind]}, or empty")
        if kind.options:
            align_labels(self)

    def values_set(self) -> dict[str, Any]:
        """What is set, and differs from the default.

        Raises
        ------
        CrimsonError
            If something is missing, or not what it must be.
        """
        found = {option.name: self._value(option) for option in self.kind.options}
        set_by_user = {option.name: found[option.name] for option in self.kind.options if found[option.name] not in (None, option.default)}
        return self.kind.check(set_by_user)

    def set_option(self, name: str, value: Any) -> None:
        """Show another value of an option."""
        option = next(option for option in self.kind.options if option.name == name)
        row: Any = self[name]
        row.value = _shown(option, value)

    def _value(self, option: Option) -> Any:
        row: Any = self[option.name]
        if isinstance(row, LineEdit):
            return value_from_text(option, row.value)
        return row.value


def _row(option: Option, value: Any) -> ValueWidget[Any]:
    """A widget that fits the option."""
    shown = _shown(option, value)
    wanted = EXAMPLES[option.kind] if option.kind in ("pair", "numbers", "lines") else option.wanted
    common: dict[str, Any] = {
        "name": option.name,
        "label": label_of(option),
        "tooltip": f"{option.help}\n{wanted[0].upper()}{wanted[1:]}.".strip(),
    }
    match option.kind:
        case "switch":
            return CheckBox(value=shown, text="", **common)
        case "choice":
            return ComboBox(value=shown, choices=option.choices, **common)
        case "integer" if _has_arrows(option):
            return SpinBox(value=shown, min=int(option.low or 0), max=int(option.high or _MOST), **common)
    return LineEdit(value=shown, **common)


def _shown(option: Option, value: Any) -> Any:
    """A value as its widget takes it."""
    if option.kind == "switch":
        return bool(value)
    if option.kind == "choice":
        return value
    return value if _has_arrows(option) else text_from_value(value)


def _has_arrows(option: Option) -> bool:
    """Whether it is a whole number always: no word in its place, and not to be left out."""
    return option.kind == "integer" and option.default is not None and not option.choices
