"""The card of a set of weights: sealed with a checksum of what it says, read, and checked before anything is made by it."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError
from napari_crimson.text_file import read_text
from napari_crimson.toml import toml_from_dict

__all__ = ["read", "sealed"]

_MOST_BYTES = 2**22  # a measured excitation of many points is the longest there is
_MOST_CHARACTERS = 100
_SEAL = "card_sha256"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS and value.isprintable()


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(part) in (int, float) and math.isfinite(part) for part in value)
    return numbers and value[0] <= value[1]


_WORD = (_is_word, f"a text of up to {_MOST_CHARACTERS} characters")
_RANGE = (_is_range, "two numbers, the lower first")
_DIGITS = (lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None, "64 hexadecimal digits")
_TABLE = (lambda value: isinstance(value, dict), "a table")
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {  # what is asked of a card, or of the tables in it
    "name": _WORD,
    "network": _WORD,
    "convention": _WORD,
    "sha256": _DIGITS,
    _SEAL: _DIGITS,
    "arguments": _TABLE,
    "recipe": _TABLE,
    "prior": _TABLE,
    "recipe.step_cm1": _RANGE,
    "recipe.range_cm1": _RANGE,
    "prior.name": _WORD,
}


def read(path: Path) -> dict[str, Any]:
    """Read a card.

    Raises
    ------
    CrimsonError
        If it cannot be read, lacks what all cards have, says something of another kind than it must be, or is not as it was written.
    """
    try:
        card = tomllib.loads(read_text(path, _MOST_BYTES))
        found = _checksum(card)
    except (OSError, ValueError, RecursionError) as error:
        raise CrimsonError(
            f"{path}: no readable card beside the weights ({error}); weights are used only with the card that made them"
        ) from error
    missing = {"network", "convention", "sha256", _SEAL} - card.keys()
    if missing:
        raise CrimsonError(f"{path}: the card lacks {', '.join(sorted(missing))}; get it again from its place, or train with resume=False")
    for key, (fits, wanted) in _KINDS.items():
        table, _, word = key.rpartition(".")
        holder = card.get(table, {}) if table else card
        if word in holder and not fits(holder[word]):
            shown = repr(holder[word])[:80]
            raise CrimsonError(f"{path}: the card says {key} = {shown}, expected {wanted}; get it again from its place")
    if found != card[_SEAL]:
        raise CrimsonError(f"{path}: not as it was written: sha256 {found}, but it says {card[_SEAL]}; get it again from its place")
    return card


def sealed(card: Mapping[str, Any]) -> str:
    """A card as TOML, with a checksum of what it says: layers, ranges and convention decide on an answer as weights do."""
    return toml_from_dict({**card, _SEAL: _checksum(tomllib.loads(toml_from_dict(card)))})


def _checksum(card: Mapping[str, Any]) -> str:
    """The sha256 of values, not of bytes: line ends and the order of lines say nothing."""
    said = {key: value for key, value in card.items() if key != _SEAL}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
