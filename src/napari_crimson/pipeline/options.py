"""One option of a step or a remover: what it may be, and the check that a value is that.

Types and defaults are taken from signatures and settings classes, help from their docstrings, units from the names:
a form, a list on the command line and the check of a recipe all read them here.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_crimson.errors import CrimsonError

__all__ = ["Kind", "Option", "build_settings", "options_of_function", "options_of_settings"]

Kind = Literal["number", "integer", "switch", "choice", "pair", "numbers", "lines", "spectrum"]
Bounds = Mapping[str, tuple[float | None, float | None]]

MOST_VALUES = 100_000  # of a list: more points than any spectrometer has
_UNITS = {"cm1": "cm⁻¹", "nm": "nm", "noise": "counts", "counts": "counts", "dark": "counts"}  # by the end of a name
_KINDS: dict[Any, Kind] = {float: "number", int: "integer", bool: "switch"}
_WANTED = {
    "number": "a number",
    "integer": "a whole number",
    "switch": "true or false",
    "pair": "two numbers, [first, last]",
    "numbers": "a list of numbers",
    "lines": "pairs of numbers, [[seen, true], …]",
    "spectrum": "a number, a list of numbers, or the path of a file with a spectrum",
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option.

    Attributes
    ----------
    name : str
    kind : str
        ``number``, ``integer``, ``switch`` (a bool), ``choice`` (one of `choices`), ``pair`` (two numbers), ``numbers``
        (a list), ``lines`` (pairs: seen, true), ``spectrum`` (counts, as a number or a list, or the path of a file).
    default : object
        None where leaving it out is a choice of its own, or where it is `required`.
    required : bool
    choices : tuple of str
        Words that are allowed: all there is for a ``choice``, beside numbers for an ``integer``.
    low, high : float, optional
        Bounds of a number, ends included.
    unit, help : str
        For people.
    """

    name: str
    kind: Kind
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    help: str = ""

    @property
    def wanted(self) -> str:
        """What is allowed, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        words = "".join(f"'{word}' or " for word in self.choices)
        span = "" if self.low is None else f" from {self.low:g} up" if self.high is None else f" from {self.low:g} to {self.high:g}"
        return words + _WANTED[self.kind] + span + (f", in {self.unit}" if self.unit else "")

    def check(self, value: Any) -> Any:
        """Give `value` back, lists as tuples.

        Raises
        ------
        CrimsonError
            If it is not what is wanted.
        """
        if isinstance(value, list | tuple) and len(value) <= MOST_VALUES:
            value = tuple(tuple(part) if isinstance(part, list) else part for part in value)
        if not self._fits(value):
            shown = repr(value)
            raise CrimsonError(f"{self.name} = {shown if len(shown) < 80 else shown[:79] + '…'}: give {self.wanted}")
        return value

    def _fits(self, value: Any) -> bool:
        if self.choices and isinstance(value, str):
            return value in self.choices
        match self.kind:
            case "number" | "integer":
                low, high = -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high
                return _is_number(value) and low <= value <= high and (self.kind == "number" or isinstance(value, int))
            case "switch":
                return isinstance(value, bool)
            case "choice":
                return False
            case "pair":
                return _are_numbers(value) and len(value) == 2
            case "numbers":
                return _are_numbers(value)
            case "lines":
                listed = isinstance(value, tuple) and 0 < len(value) <= MOST_VALUES
                return listed and all(_are_numbers(pair) and len(pair) == 2 for pair in value)
            case "spectrum":
                path = isinstance(value, str) and value != "" and value.isprintable()
                return path or _is_number(value) or _are_numbers(value)


def options_of_function(
    function: Callable[..., Any], kinds: Mapping[str, Kind], bounds: Bounds, helps: Mapping[str, str]
) -> tuple[Option, ...]:
    """Options of a function: its parameters behind the first; `kinds` and `helps` tell what it does not say itself."""
    hints, said = get_type_hints(function), {**helps, **_helps(function)}
    found = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        found.append(_option(parameter.name, hints[parameter.name], default, required, kinds, bounds, said))
    return tuple(found)


def options_of_settings(settings: type, bounds: Bounds | None = None) -> tuple[Option, ...]:
    """Options of a settings class, those of settings within it among them."""
    return tuple(
        _option(field.name, hint, _default(field), False, {}, bounds or {}, helps) for field, hint, helps in _flat_fields(settings)
    )


def build_settings(settings: type, values: Mapping[str, Any]) -> Any:
    """Settings of such options; what is left out keeps its default.

    Raises
    ------
    CrimsonError
        As the class does.
    """
    hints = get_type_hints(settings)
    arguments: dict[str, Any] = {}
    for field in fields(settings):
        if is_dataclass(hints[field.name]):
            arguments[field.name] = build_settings(hints[field.name], values)
        elif field.name in values:
            arguments[field.name] = values[field.name]
    return settings(**arguments)


def _flat_fields(settings: type) -> Iterator[tuple[Field[Any], Any, dict[str, str]]]:
    hints, helps = get_type_hints(settings), _helps(settings)
    for field in fields(settings):
        if is_dataclass(hints[field.name]):
            yield from _flat_fields(hints[field.name])
        else:
            yield field, hints[field.name], helps


def _option(
    name: str, hint: Any, default: Any, required: bool, kinds: Mapping[str, Kind], bounds: Bounds, helps: Mapping[str, str]
) -> Option:
    parts = get_args(hint) if get_origin(hint) is not Literal else (hint,)
    types = [part for part in parts if part is not type(None)] or [hint]
    words = tuple(word for part in types if get_origin(part) is Literal for word in get_args(part))
    plain = [_KINDS[part] for part in types if part in _KINDS]
    low, high = bounds.get(name, (None, None))
    return Option(
        name=name,
        kind=kinds[name] if name in kinds else plain[0] if plain else "choice",
        default=default,
        required=required,
        choices=words,
        low=low,
        high=high,
        unit=_UNITS.get(name.rpartition("_")[2], ""),
        help=helps.get(name, ""),
    )


def _default(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else None


def _helps(documented: Any) -> dict[str, str]:
    """One line for each parameter or attribute of a numpydoc docstring."""
    helps: dict[str, str] = {}
    names: list[str] = []
    bases = reversed(documented.__mro__) if isinstance(documented, type) else (documented,)
    docs = [inspect.getdoc(base) or "" for base in bases]
    for line in "\n".join(docs).splitlines():
        head = re.match(r"(\w+(?:, \w+)*) : ", line)
        if head:
            names = head[1].split(", ")
            helps.update(dict.fromkeys(names, ""))
        elif line.startswith("    ") and names:
            for name in names:
                helps[name] = f"{helps[name]} {line.strip()}".strip()
        elif line.strip():
            names = []
    return helps


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and 0 < len(value) <= MOST_VALUES and all(map(_is_number, value))
