"""Where a result comes from: the record, the recipe and the line of history it carries, and the job's fingerprint.

The recipe is a text, TOML: the steps that led to the intensities, told by the stack itself, and the removal.
`pipeline` reads and runs it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from napari_crimson import weights
from napari_crimson._version import __version__
from napari_crimson.carried import changed_settings, steps_of
from napari_crimson.correction import Correction, RemoverLike, Settings
from napari_crimson.remover import Remover, removers
from napari_crimson.stack import MARKS
from napari_crimson.toml import toml_from_dict

__all__ = ["GIVEN", "fingerprint", "history_line", "record"]

GIVEN = "given"  # in a recipe: a function or an array that a script gave, which no file can repeat


def record(stack: xr.Dataset, correction: Correction, remover: Remover, settings: Settings, *, asked: RemoverLike) -> dict[str, Any]:
    """Tell what made a result: plain values that fit in JSON; `asked` is the remover as it was asked for."""
    used: dict[str, str] = {}
    for name, value in (("dark", settings.dark), ("reference", settings.reference)):
        own = "stack" if name in stack else "none"
        used[name] = "none" if value is None else own if isinstance(value, str) else "given"
    lit = correction.wavenumber[correction.lit]
    unlit = 0 if correction.reference is None else int((correction.reference[correction.lit] <= 0).sum())
    holes = {"reference_dark_bands": unlit} if unlit else {}
    cut = {} if lit.size == correction.wavenumber.size else {"lit_cm1": [float(lit[0]), float(lit[-1])]}
    doubts = {"doubts": told} if (told := correction.doubts) else {}
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    marks = {mark: stack["cars"].attrs[mark] for mark in MARKS if mark in stack["cars"].attrs}
    removal = settings.recipe or _removal(remover, settings, asked)
    recipe = toml_from_dict({**removal, **({"step": steps} if (steps := steps_of(stack)) else {})})
    return {**remover.provenance, **used, **holes, **cut, **doubts, **marks, "recipe": recipe, "version": __version__, "date": when}


def _removal(remover: Remover, settings: Settings, asked: RemoverLike) -> dict[str, Any]:
    """The removal of a plain call as a table of a recipe."""
    spectra = {
        name: GIVEN if value is not None and not isinstance(value, str) else value or "none"
        for name, value in (("reference", settings.reference), ("dark", settings.dark))
    }
    chosen = changed_settings(getattr(remover, "settings", None))
    return {
        "remover": _remover_name(remover, asked),
        **spectra,
        "precision": settings.precision,
        "uncertainty": settings.uncertainty,
        **({} if settings.dtype == "float32" else {"dtype": settings.dtype}),
        **({"settings": chosen} if chosen else {}),
    }


def _remover_name(remover: Remover, asked: RemoverLike) -> str:
    """Name or path by which a remover can be had again, or `GIVEN`."""
    if isinstance(asked, str | Path):
        return str(Path(asked).resolve()) if Path(asked).suffix else str(asked)
    known = remover.name in removers()
    if known and remover.name in weights.names():  # weights of one's own may bear the name of shipped ones
        known = remover.provenance.get("sha256") == weights.read_card(remover.name)["sha256"]
    return remover.name if known else GIVEN


def history_line(note: dict[str, Any]) -> str:
    """Say the same in one line of a stack's history."""
    lit = f", bands with light: {note['lit_cm1'][0]:.0f} to {note['lit_cm1'][1]:.0f} cm⁻¹" if "lit_cm1" in note else ""
    holes = f" (zero or negative at {note['reference_dark_bands']} bands)" if "reference_dark_bands" in note else ""
    doubts = f" ({note['doubts']})" if "doubts" in note else ""
    return (
        f"{note['date']} background removed by {note['remover']} ({note['convention']}){doubts}, "
        f"dark: {note['dark']}, reference: {note['reference']}{holes}{lit}, napari-crimson {note['version']}"
    )


def fingerprint(cars: da.Array, correction: Correction, note: dict[str, Any], tile: tuple[int, int]) -> str:
    """Tell one job from another by its settings, its axis and its spectra; whether the data are the same, `origin` tells."""
    # may be taken up tomorrow, on another machine, where "auto" is another precision and a disk has another letter; a grid is known
    # after work only
    passing = ("date", "device", "precision", "grid", "history", "source", "doubts")
    plan: dict[str, Any] = {key: value for key, value in note.items() if key not in passing}
    plan |= {"names": correction.names, "dtype": str(cars.dtype), "chunks": cars.chunks, "tile": tile}
    plan |= {} if correction.dtype == "float32" else {"result": correction.dtype}
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode())
    for values in (correction.wavenumber, correction.dark, correction.reference):
        digest.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
