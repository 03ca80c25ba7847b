"""Values of options as a user types and reads them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    from napari_crimson.pipeline import Option

__all__ = ["EXAMPLES", "HINTS", "label_of", "text_from_value", "value_from_text"]

EXAMPLES = {
    "number": "a number",
    "integer": "a whole number",
    "pair": "first, last",
    "numbers": "numbers, such as 600, 602, 604",
    "lines": "seen = true, such as 998 = 1001; 2846 = 2850",
}
HINTS = {  # short enough for an empty line of a form
    "number": "a number",
    "integer": "a whole number",
    "pair": "first, last",
    "numbers": "600, 602, 604",
    "lines": "998 = 1001; …",
    "spectrum": "number or file",
}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def label_of(option: Option) -> str:
    """Name of an option in words, with its unit."""
    words = option.name.removesuffix("_cm1").removesuffix("_nm").replace("_", " ")
    name = {"first": "From", "last": "To"}.get(words, words.capitalize())
    return f"{name} ({option.unit})" if option.unit and option.unit.lower() not in words else name


def text_from_value(value: Any) -> str:
    """Write a value for a line of text."""
    if isinstance(value, tuple | list):
        pairs = any(isinstance(part, tuple | list) for part in value)
        return "; ".join(f"{seen:.10g} = {true:.10g}" for seen, true in value) if pairs else ", ".join(map(text_from_value, value))
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def value_from_text(option: Option, text: str) -> Any:
    """Read a typed value; None where nothing is typed.

    Raises
    ------
    CrimsonError
        If it is not what the option wants.
    """
    text = text.strip()
    if not text:
        return None
    return option.check(_parsed(option, text))


def _parsed(option: Option, text: str) -> Any:
    """Numbers where there are some, else the text, for the option to refuse or take."""
    if option.kind in ("pair", "numbers"):
        return _numbers(text) or text
    if option.kind == "spectrum" and len(_numbers(text)) > 1:
        return _numbers(text)
    if option.kind == "lines":
        return tuple(_pair(part, option) for part in re.split(r"[;\n]", text) if part.strip())
    if text in option.choices:
        return text
    with suppress(ValueError):
        return int(text) if option.kind == "integer" else float(text)
    return text


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers between commas, semicolons or spaces; none where there is anything else."""
    parts = [part for part in re.split(r"[\s,;–]+", text) if part]
    return tuple(map(float, parts)) if all(map(_NUMBER.fullmatch, parts)) else ()


def _pair(text: str, option: Option) -> tuple[float, ...]:
    numbers = _numbers(re.sub(r"[=:→]", " ", text))
    if len(numbers) != 2:
        raise CrimsonError(f"{option.name}: '{text.strip()}' is no pair; type where a line is seen and where it belongs, 998 = 1001")
    return numbers
