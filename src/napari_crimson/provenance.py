"""Where a result comes from: the record and the line of history it carries, and the job's fingerprint."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from napari_crimson._version import __version__
from napari_crimson.correction import Correction, Settings
from napari_crimson.remover import Remover

__all__ = ["fingerprint", "history_line", "record"]


def record(stack: xr.Dataset, correction: Correction, remover: Remover, settings: Settings) -> dict[str, Any]:
    """Tell what made a result: plain values that fit in JSON."""
    used: dict[str, str] = {}
    for name, value in (("dark", settings.dark), ("reference", settings.reference)):
        own = "stack" if name in stack else "none"
        used[name] = "none" if value is None else own if isinstance(value, str) else "given"
    lit = correction.wavenumber[correction.lit]
    cut = {} if lit.size == correction.wavenumber.size else {"lit_cm1": [float(lit[0]), float(lit[-1])]}
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    return {**remover.provenance, **used, **cut, "version": __version__, "date": when}


def history_line(note: dict[str, Any]) -> str:
    """Say the same in one line of a stack's history."""
    lit = f", bands with light: {note['lit_cm1'][0]:.0f} to {note['lit_cm1'][1]:.0f} cm⁻¹" if "lit_cm1" in note else ""
    return (
        f"{note['date']} background removed by {note['remover']} ({note['convention']}), "
        f"dark: {note['dark']}, reference: {note['reference']}{lit}, napari-crimson {note['version']}"
    )


def fingerprint(cars: da.Array, correction: Correction, note: dict[str, Any], tile: tuple[int, int]) -> str:
    """Tell one job from another: its settings, its axis and spectra, and two pixels of the stack."""
    passing = ("date", "device", "grid", "history")  # may be taken up tomorrow, on another machine; a grid is known after work only
    plan: dict[str, Any] = {key: value for key, value in note.items() if key not in passing}
    plan |= {"names": correction.names, "dtype": str(cars.dtype), "chunks": cars.chunks, "tile": tile}
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode())
    middle, last = tuple(size // 2 for size in cars.shape[:-1]), tuple(size - 1 for size in cars.shape[:-1])
    pixels = [cars[at].compute(scheduler="synchronous") for at in (middle, last)]
    for values in (correction.wavenumber, correction.dark, correction.reference, *pixels):
        digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
