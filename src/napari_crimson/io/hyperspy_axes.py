"""HyperSpy's axes, which lie beside an array ``data`` as groups ``axis-0``, ``axis-1``, …, in HDF5 (``.hspy``) and Zarr (``.zspy``).

An axis has a name and a unit, and its values or where they begin and how far apart they are; the one that is not
for navigation is the spectral one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.io.dims import step_um
from napari_crimson.io.found import Found
from napari_crimson.io.lazy import FileArray
from napari_crimson.io.spectral import choose_axis, is_spectral
from napari_crimson.io.units import is_per_cm, nm_per_unit

__all__ = ["Axis", "found_hyperspy"]

Axis = tuple[Mapping[str, Any], NDArray[Any] | None]


def found_hyperspy(array: FileArray, axes: Sequence[Axis]) -> Found | None:
    """Take an array with its axes, each attributes and values if it has any, as a stack; None if not one axis is spectral."""
    spectral = [i for i, (notes, _) in enumerate(axes) if not notes.get("navigate")]
    if len(axes) != array.ndim or len(spectral) != 1:
        return None
    band = spectral[0]
    pixels = [i for i in range(array.ndim) if i != band]
    notes, values = axes[band]
    name, unit = _text(notes.get("name")), _text(notes.get("units"))
    values = _even(notes, array.shape[band]) if values is None else values
    is_axis = is_per_cm(unit) or nm_per_unit(unit) is not None or is_spectral(name)
    places = {dim: axes[i][0] for dim, i in zip("xyz", pixels[::-1], strict=False)}
    steps = {dim: (abs(float(place.get("scale", 0))), _text(place.get("units"))) for dim, place in places.items()}
    return Found(
        arrays={"cars": array.turned((*pixels, band))},
        step_um=step_um(steps),
        spectra_last=True,
        **(choose_axis({name: (values, unit)}) if is_axis else {}),
    )


def _even(notes: Mapping[str, Any], points: int) -> NDArray[np.float64]:
    return np.asarray(float(notes.get("offset", 0)) + float(notes.get("scale", 1)) * np.arange(points))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
