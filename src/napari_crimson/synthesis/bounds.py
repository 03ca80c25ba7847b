"""What the bounds of a prior may be: of the kind of the default, finite, and no wider than any spectrum needs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from napari_crimson.errors import CrimsonError

__all__ = ["check_bound"]

_MOST_LINES, _MOST_CM1, _MOST, _MOST_POINTS = 500, 1000.0, 1e12, 100_000


def check_bound(name: str, value: Any, default: Any) -> None:
    """Refuse the value of a bound that is not of the kind of its `default`.

    Raises
    ------
    CrimsonError
        With what is wanted.
    """
    most = 1.0 if name.endswith("_share") else _MOST_CM1 if name.endswith("_cm1") else _MOST_LINES if name == "lines" else _MOST
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif default == ():
        fits, wanted = (
            _is_curve(value),
            f"2 to {_MOST_POINTS} pairs, (cm⁻¹, counts), cm⁻¹ rising and counts not below 0 and not all 0, none beyond {_MOST:g}",
        )
    elif isinstance(default, tuple):
        kind, word = (int, "whole numbers") if isinstance(default[0], int) else (float, "numbers")
        fits = isinstance(value, tuple) and len(value) == 2 and all(_is_number(v, kind) for v in value) and 0 < value[0] <= value[1] <= most
        wanted = f"two {word} above 0 and up to {most:g}, the lower first"
    else:
        whole = isinstance(default, int)
        fits = _is_number(value, int if whole else float) and 0 <= value <= (_MOST_CM1 if whole else most)
        wanted = f"a {'whole ' if whole else ''}number from 0 to {_MOST_CM1 if whole else most:g}"
    if not fits:
        shown = repr(value)
        raise CrimsonError(f"bound {name} = {shown if len(shown) < 80 else shown[:79] + '…'}, expected {wanted}")


def _is_curve(value: Any) -> bool:
    if not (isinstance(value, tuple) and (not value or 2 <= len(value) <= _MOST_POINTS)):
        return False
    if not all(isinstance(pair, tuple) and len(pair) == 2 and all(_is_number(part, float) for part in pair) for pair in value):
        return False
    rises = all(one[0] < other[0] for one, other in pairwise(value))
    return rises and (not value or (min(pair[1] for pair in value) >= 0 and max(pair[1] for pair in value) > 0))


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool) and abs(value) <= _MOST
