"""Attributes of the NIST layout: gathered from the groups above, numbers in whatever form they come."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["notes_of", "number", "text", "vector"]


def notes_of(image: h5py.Dataset) -> dict[str, Any]:
    """Attributes of a dataset and, where it lacks one, of the groups it lies in."""
    notes: dict[str, Any] = {}
    item: h5py.Dataset | h5py.Group = image
    while True:
        notes = {**item.attrs, **notes}
        if item.name == "/":
            return notes
        item = item.parent


def vector(value: Any) -> NDArray[np.float64] | None:
    """Take an attribute as finite numbers (N,): scalars, arrays and text come in all files; None where it is none."""
    try:
        values = np.asarray(value.decode() if isinstance(value, bytes) else value, dtype=np.float64).ravel()
    except (TypeError, ValueError, UnicodeDecodeError):
        return None
    return values if np.isfinite(values).all() else None


def number(value: Any) -> float | None:
    """Take an attribute as one finite number; None where it is none."""
    values = vector(value)
    return float(values[0]) if values is not None and values.size == 1 else None


def text(value: Any) -> str:
    """Take an attribute as text: bytes, a string, or several of either, in one line."""
    parts = value if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) else [value]
    return "; ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts)
