"""The same job as a graph: nothing is computed until asked for, in whatever process asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.correction import Correction, Data, RemoverLike, Settings, load_once, plan_correction
from napari_crimson.provenance import history_line, record
from napari_crimson.remover import load_remover

__all__ = ["correct_lazily"]


def correct_lazily(data: Data, remover: RemoverLike, settings: Settings, *, wavenumber: ArrayLike | None = None) -> xr.Dataset:
    """Give a stack with its results as dask arrays, chunked as the input; see `remove.remove_background`.

    A remover known by name is not sent along with the graph but loaded where it is needed.
    """
    if isinstance(remover, str | Path):
        name = str(Path(remover).resolve()) if Path(remover).suffix else str(remover)
        recipe = (name, settings.device, settings.precision)
        loaded = load_once(*recipe)
        stack, correction = plan_correction(data, loaded, settings, wavenumber=wavenumber)
        correction = replace(correction, remover=recipe)
    else:
        loaded = load_remover(remover, device=settings.device, precision=settings.precision)
        stack, correction = plan_correction(data, loaded, settings, wavenumber=wavenumber)
    cars = stack["cars"]
    both = da.map_blocks(  # type: ignore[no-untyped-call]
        _correct_chunk,
        cars.data,
        correction,
        dtype=correction.dtype,
        new_axis=0,
        chunks=((len(correction.names),), *cars.data.chunks),
        meta=np.empty((0,) * (cars.ndim + 1), dtype=correction.dtype),
    )
    note = record(stack, correction, loaded, settings, asked=remover)
    recipe = note.pop("recipe")
    results = {name: (cars.dims, both[index], note) for index, name in enumerate(correction.names)}
    return stack.assign(results).assign_attrs(history=[*stack.attrs["history"], history_line(note)], recipe=recipe)


def _correct_chunk(chunk: NDArray[Any], correction: Correction) -> NDArray[Any]:
    """Correct a chunk (..., W); the results (names, ..., W)."""
    results = correction(chunk.reshape(-1, chunk.shape[-1]))
    return np.stack([values.reshape(chunk.shape) for values in results.values()])
