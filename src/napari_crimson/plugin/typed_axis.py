"""The wavenumber axis as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

from napari_crimson.errors import CrimsonError

__all__ = ["EXAMPLE", "HELP", "wavenumber_from_text"]

EXAMPLE = "first, last in cm⁻¹, or a file"
HELP = (
    "Raman shift of the first and the last plane in cm⁻¹, such as 2800, 3100,\n"
    "or the path of a text, CSV or JSON file with one value for each plane."
)

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
