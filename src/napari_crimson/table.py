"""Tables of numbers as text, from which any reader has the same numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["write_table"]


def write_table(
    file: TextIO, titles: Sequence[str], columns: Sequence[NDArray[Any]], *, separator: str = ",", line_end: str = "\r\n"
) -> None:
    """Write columns (W,) of numbers below their titles: as few digits as tell each number from its neighbours, nothing for NaN."""
    writer = csv.writer(file, delimiter=separator, lineterminator=line_end)
    writer.writerow(titles)
    writer.writerows(map(_text, row) for row in zip(*columns, strict=True))


def _text(value: Any) -> str:
    return "" if np.isnan(value) else repr(value.item()).removesuffix(".0")
