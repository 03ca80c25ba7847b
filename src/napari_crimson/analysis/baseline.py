"""Baselines that a removal left beneath the lines, by the methods of pybaselines (https://pybaselines.readthedocs.io)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.analysis.corrected import spectra_of, variable_of
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import changed, map_spectra

__all__ = ["baseline_methods", "baseline_options", "options_from_text", "subtract_baseline"]

Values = NDArray[np.float32]

_NOT_ALONE = ("collab_pls",)  # fits many spectra together, which blocks of pixels cannot
_LEAST_POINTS = 10


@lru_cache(maxsize=1)
def baseline_methods() -> tuple[str, ...]:
    """Names of the methods, as pybaselines has them."""
    from pybaselines import Baseline

    public = (name for name, _ in inspect.getmembers(Baseline, inspect.isfunction) if not name.startswith("_"))
    return tuple(name for name in public if name not in _NOT_ALONE and "data" in inspect.signature(getattr(Baseline, name)).parameters)


def baseline_options(method: str) -> dict[str, Any]:
    """Options of a method with their defaults.

    Raises
    ------
    CrimsonError
        If there is no such method; the closest ones are told.
    """
    from pybaselines import Baseline

    if method not in baseline_methods():
        close = get_close_matches(method, baseline_methods(), n=3)
        meant = f"did you mean {' or '.join(close)}?" if close else f"pybaselines has {', '.join(baseline_methods())}"
        raise CrimsonError(f"no baseline method '{method}'; {meant}")
    known = inspect.signature(getattr(Baseline, method)).parameters.values()
    return {one.name: one.default for one in known if one.name not in ("self", "data") and one.kind is not one.VAR_KEYWORD}


def options_from_text(text: str) -> dict[str, Any]:
    """Read options as they are typed: ``lam=1e6, p=0.01``.

    Raises
    ------
    CrimsonError
        If a part has no name.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in re.split(r",(?![^(\[]*[)\]])", text))):  # no comma within brackets
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier():
            raise CrimsonError(f"'{part}' is no option; write name=value with commas between, such as lam=1e6, p=0.01")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def subtract_baseline(result: xr.Dataset, method: str = "arpls", **options: Any) -> xr.Dataset:
    """Subtract from each spectrum a baseline of its own.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    method : str
        A name of `baseline_methods`, such as ``"arpls"``, ``"asls"``, ``"snip"`` or ``"modpoly"``.
    **options
        Of the method, as in pybaselines, such as ``lam=1e6``; smoothness is counted in points of the axis there.

    Returns
    -------
    xarray.Dataset
        Lazy, float32. NaN stay NaN, and the fit knows nothing of them; a spectrum that cannot be fitted, with fewer than ten finite points
        or one the method fails on, is NaN.

    Raises
    ------
    CrimsonError
        If there is no such method or option, or the method refuses the value of one.
    """
    known = baseline_options(method)
    for name in options:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            meant = f", did you mean {close[0]}?" if close else ""
            raise CrimsonError(f"{method} has no option '{name}'{meant}; its options: {', '.join(known)}")
    name = variable_of(result)
    lazy, axis = spectra_of(result)
    _try_out(axis, method, options)
    values = map_spectra(partial(_subtract, axis=axis, method=method, options=options), lazy)
    said = ", ".join([method, *(f"{option}={value!r}" for option, value in options.items())])
    return changed(result, f"baseline subtracted: {said}", **{name: (result[name].dims, values, result[name].attrs)})


def _try_out(axis: NDArray[np.float64], method: str, options: Mapping[str, Any]) -> None:
    """Fit one made-up spectrum, so that what the method refuses is told ahead of any work."""
    from pybaselines import Baseline

    x = np.linspace(-1, 1, axis.size)
    spectrum = 1 + x + np.exp(-(((x - 0.1) / 0.05) ** 2)) + 0.01 * np.sin(1e4 * x**2)
    try:
        getattr(Baseline(axis, check_finite=False), method)(spectrum, **options)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, np.linalg.LinAlgError) as error:
        raise CrimsonError(f"{method}: {error}; change its options, or take another method") from error


def _subtract(block: NDArray[Any], *, axis: NDArray[np.float64], method: str, options: Mapping[str, Any]) -> Values:
    """Subtract the baselines of a block (..., W)."""
    from pybaselines import Baseline

    spectra = block.reshape(-1, block.shape[-1])
    found = np.full(spectra.shape, np.nan, dtype=np.float32)
    fitters: dict[bytes, Any] = {}  # one for each set of bands: it keeps what depends on the axis alone
    for spectrum, out in zip(spectra, found, strict=True):
        finite = np.isfinite(spectrum)
        if np.count_nonzero(finite) < _LEAST_POINTS:
            continue
        key = finite.tobytes()
        if key not in fitters:
            fitters[key] = Baseline(axis[finite], check_finite=False)
        values = spectrum[finite].astype(np.float64)
        try:
            with np.errstate(all="ignore"):  # told by what is not finite
                out[finite] = values - getattr(fitters[key], method)(values, **options)[0]
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            continue
    return found.reshape(block.shape)
