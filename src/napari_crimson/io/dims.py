"""From named dimensions of a file to the order of a stack: ([t,] [z,] y, x, spectra)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_crimson.errors import CrimsonError
from napari_crimson.io.spectral import is_spectral
from napari_crimson.io.units import um_per_unit

__all__ = ["stack_order", "step_um"]


def stack_order(dims: Sequence[str], shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """Say which stored dimension goes where, for `FileArray.turned`.

    The spectral dimension is the one named so, else channel, z, t or any other but y and x that has
    more than one point. Other dimensions of one point are left out; beside t without z, None stands for z.

    Raises
    ------
    CrimsonError
        If more dimensions are left than a stack has.
    """
    names = [dim.lower() for dim in dims]
    y, x = (names.index("y"), names.index("x")) if {"y", "x"} <= set(names) else (len(names) - 2, len(names) - 1)
    others = [i for i in range(len(names)) if i not in (y, x) and shape[i] > 1]
    likely = sorted(others, key=lambda i: (not is_spectral(names[i]), names[i] not in ("c", "channel"), names[i] != "z", names[i] == "t"))
    if not likely:
        return (y, x)
    band = likely[0]
    leading: list[int | None] = [i for i in sorted(others, key=lambda i: names[i] != "t") if i != band]
    if len(leading) > 2:
        raise CrimsonError(f"dims {tuple(dims)} of shape {shape}: more than t, z, y, x and the spectrum; split the file")
    if len(leading) == 1 and names[leading[0] or 0] == "t":
        leading.append(None)
    return (*leading, y, x, band)


def step_um(values: Mapping[str, Any]) -> dict[str, float]:
    """Turn ``{dim: (step, unit)}`` into µm by dimension; what has no known unit or no positive step is left out."""
    steps = {}
    for dim, (step, unit) in values.items():
        factor = um_per_unit(unit)
        if factor and isinstance(step, int | float) and 0 < step < float("inf"):
            steps[dim] = float(step) * factor
    return steps
