"""The wavenumber axis as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

from napari.layers import Image

from napari_crimson.errors import CrimsonError
from napari_crimson.io.axis import given_axis
from napari_crimson.plugin.layers import give_axis
from napari_crimson.plugin.stack_layers import needs_axis

__all__ = ["BUTTON", "BUTTON_HELP", "EXAMPLE", "HELP", "number_from_text", "numbers_from_text", "take_typed_axis", "wavenumber_from_text"]

EXAMPLE = "first, last in cm⁻¹, or a file"
HELP = (
    "Raman shift of the first and the last plane in cm⁻¹, such as 2800, 3100,\n"
    "or the path of a text, CSV or JSON file with one value for each plane."
)
BUTTON = "Known lines, beams, file …"
BUTTON_HELP = "Other ways to the wavenumbers, with the mean spectrum to look at; opens a window."

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"


def wavenumber_from_text(text: str) -> tuple[float, float] | Path | None:
    """Take typed text as (first, last) in cm⁻¹, as the path of a file, or as nothing.

    Raises
    ------
    CrimsonError
        If it is neither two numbers nor a file that exists.
    """
    text = text.strip().strip("\"'")
    if not text:
        return None
    if (path := Path(text).expanduser()).is_file():
        return path
    ends = re.fullmatch(rf"({_NUMBER})(?:\s*(?:[,;–]|to)\s*|\s+)({_NUMBER})", text)
    if ends is None:
        raise CrimsonError(f"'{text}' is neither two wavenumbers nor a file; type {EXAMPLE}, such as 2800, 3100")
    return float(ends[1]), float(ends[2])


def numbers_from_text(text: str, of: str) -> list[float]:
    """Numbers with commas, semicolons or blanks between them; `of` says what they are of, for messages.

    Raises
    ------
    CrimsonError
        If there is none, or something else.
    """
    parts = re.split(r"[\s,;]+", text.strip().strip(",;"))
    if parts == [""]:
        raise CrimsonError(f"give {of}")
    wrong = next((part for part in parts if not re.fullmatch(_NUMBER, part)), None)
    if wrong is not None:
        raise CrimsonError(f"{of}: '{wrong[:40]}' is no number; give numbers with a dot for the decimal point")
    return [float(part) for part in parts]


def number_from_text(text: str, of: str) -> float:
    """The one number of a text; `of` says what it is of, for messages.

    Raises
    ------
    CrimsonError
        If there is none, or more.
    """
    found = numbers_from_text(text, of)
    if len(found) != 1:
        raise CrimsonError(f"{of}: '{text.strip()[:40]}' is {len(found)} numbers; give one, with a dot for the decimal point")
    return found[0]


def take_typed_axis(layer: Image, text: str) -> None:
    """Give a layer the axis that was typed, if anything was and it has none of its own.

    Raises
    ------
    CrimsonError
        If what was typed is no axis for it.
    """
    typed = wavenumber_from_text(text) if needs_axis(layer) else None
    if typed is not None:
        give_axis(layer, given_axis(typed, layer.data.shape[0]))
