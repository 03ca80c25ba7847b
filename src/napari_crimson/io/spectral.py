"""What in a file is its spectral axis, by names and units."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.io.units import is_per_cm, nm_per_unit

__all__ = ["choose_axis", "is_spectral", "is_wavelength"]

_WORDS = ("wavenumber", "raman", "shift", "wavelength", "freq")
_SHORT = {"wn", "nu"}


def is_spectral(name: str) -> bool:
    """Tell whether `name` is that of a spectral axis."""
    last = name.rpartition("/")[2].lower()
    return any(word in last for word in _WORDS) or bool(_SHORT & set(re.split(r"[^a-z]+", last)))


def is_wavelength(name: str) -> bool:
    """Tell whether `name` is that of an axis of wavelengths."""
    return "wavelength" in name.rpartition("/")[2].lower()


def choose_axis(axes: Mapping[str, tuple[NDArray[Any], Any]], *, near: Collection[str] = ()) -> dict[str, Any]:
    """Choose among arrays that may be the axis of a stack, as a keyword of `Found`.

    One that is `near` the stack goes before others, a Raman shift before wavelengths, one that only rises or only
    falls before one that turns. Where several are left that differ, none is taken.

    Parameters
    ----------
    axes : mapping of str to (ndarray, unit)
        By name; of the spectral ones those that fit.
    near : collection of str
        Names of those that belong to the stack more closely.

    Returns
    -------
    dict
        ``wavenumber`` or ``wavelength_nm``, or ``doubt``, or nothing.
    """
    rank = {key: (key not in near, _is_length(key, unit), _turns(values)) for key, (values, unit) in axes.items()}
    best = [key for key in axes if rank[key] == min(rank.values())]
    if not best:
        return {}
    values, unit = axes[best[0]]
    flat = np.asarray(values, dtype=np.float64).ravel()
    if any(not np.array_equal(flat, np.ravel(axes[key][0])) for key in best[1:]):
        listed = ", ".join(f"'{key}' ({np.ravel(axes[key][0])[0]:g} to {np.ravel(axes[key][0])[-1]:g})" for key in best)
        return {"doubt": f"several arrays may be its spectral axis, {listed}"}
    return {"wavelength_nm": flat * (nm_per_unit(unit) or 1.0)} if _is_length(best[0], unit) else {"wavenumber": flat}


def _is_length(key: str, unit: Any) -> bool:
    return not is_per_cm(unit) and (nm_per_unit(unit) is not None or is_wavelength(key))


def _turns(values: NDArray[Any]) -> bool:
    step = np.diff(np.asarray(values, dtype=np.float64).ravel())
    return not ((step > 0).all() or (step < 0).all())
