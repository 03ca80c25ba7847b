"""TOML out of plain values; what reads it is in the standard library."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["toml_from_dict"]


def toml_from_dict(table: Mapping[str, Any], *, prefix: str = "") -> str:
    """Plain values, lists, nested tables and lists of tables as TOML; a value of None is left out.

    A JSON scalar is valid TOML, but for the delete character and numbers that are not finite.
    """
    lines = [f"{key} = {_value(value)}" for key, value in table.items() if not (_tables(value) or value is None)]
    for key, value in table.items():
        for part in _tables(value):
            head = f"[{prefix}{key}]" if isinstance(value, Mapping) else f"[[{prefix}{key}]]"
            lines += ["", head, toml_from_dict(part, prefix=f"{prefix}{key}.").rstrip("\n")]
    return "\n".join(lines).lstrip("\n") + "\n"


def _tables(value: Any) -> list[Mapping[str, Any]]:
    """The tables that `value` is: one, several in a list, or none."""
    if isinstance(value, Mapping):
        return [value]
    several = isinstance(value, list | tuple) and value and all(isinstance(part, Mapping) for part in value)
    return list(value) if several else []


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))  # nan, inf, -inf
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
