"""The whole job: a stack and settings in, the corrected stack out.

`plan_removal` checks everything and opens the place for the results, so that errors come before any
work; the `Removal` it gives does the work block by block; `remove_background` is both in one call, or a
lazy graph. What is done to a spectrum is in `correction`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from napari_crimson.blocks import check_memory, plan_blocks
from napari_crimson.carried import steps_of
from napari_crimson.correction import Correction, Data, RemoverLike, Settings, SpectrumLike, plan_correction
from napari_crimson.errors import CrimsonError
from napari_crimson.io.ome_zarr import fit_tile
from napari_crimson.lazy import correct_lazily
from napari_crimson.memory import check_result
from napari_crimson.provenance import fingerprint, history_line, record
from napari_crimson.removal import Removal
from napari_crimson.remover import load_remover
from napari_crimson.results.dry import DrySink
from napari_crimson.results.origin import files_behind, origin_of
from napari_crimson.results.sinks import MemorySink, Resume, ZarrSink
from napari_crimson.stack import PIXEL_DIMS
from napari_crimson.stream import Progress, Sink

__all__ = ["Removal", "plan_removal", "remove_background"]

_log = logging.getLogger(__name__)


DryRun = bool | Literal["unprepared"]


def plan_removal(
    data: Data,
    remover: RemoverLike = "cnn",
    *,
    wavenumber: ArrayLike | None = None,
    reference: SpectrumLike = "auto",
    dark: SpectrumLike = "auto",
    device: str = "auto",
    precision: str = "auto",
    output: str | Path | None = None,
    uncertainty: bool = False,
    dtype: str = "float32",
    resume: Resume = True,
    recipe: Mapping[str, Any] | None = None,
    earlier: Sequence[MemorySink] | None = None,
    dry_run: DryRun = False,
) -> Removal:
    """Check a job and make it ready to run; see `remove_background` for parameters and errors.

    `recipe` is the removal as a pipeline asked for it, which the result carries instead of what this call can tell. `earlier`
    are sinks of runs that were stopped: that of the same job goes on; given, be it empty, the sink of this one can be taken up
    likewise. With `dry_run` nothing is made or changed: the sink is a `DrySink`, and the removal is for `estimate`; ``"unprepared"``
    says that the stack has only the shape it will have, so that an earlier output is known by its recipe.
    """
    settings = Settings(
        reference=reference, dark=dark, device=device, precision=precision, uncertainty=uncertainty, dtype=dtype, recipe=recipe
    )
    loaded = load_remover(remover, device=device, precision=precision)
    stack, correction = plan_correction(data, loaded, settings, wavenumber=wavenumber)
    cars = stack["cars"]
    note = record(stack, correction, loaded, settings, asked=remover)
    history = [*stack.attrs["history"], history_line(note)]
    attrs = {"source": stack.attrs["source"], "history": history, **note}
    tile = None if output is None else fit_tile((cars.sizes["y"], cars.sizes["x"]), (max(cars.data.chunks[-3]), max(cars.data.chunks[-2])))
    regions = plan_blocks(cars.shape, cars.data.chunks, align=None if tile is None else (*(1,) * (cars.ndim - 3), *tile))
    check_work = partial(check_memory, regions, cars.data.chunks, cars.dtype.itemsize, _value_bytes(correction))
    sink: Sink
    if output is None or tile is None:
        sink = _memory_sink(stack, correction, attrs, earlier, dry_run)
        check_work()  # behind it: a result that is too large has a better cure
    else:
        check_work()  # ahead of anything that is written
        sink = _zarr_sink(output, tile, stack, correction, attrs, resume, dry_run)
    carried = note.pop("recipe")
    results = {name: (cars.dims, sink.lazy(name), note) for name in correction.names}
    return Removal(
        dataset=stack.assign(results).assign_attrs(history=history, recipe=carried),
        remover=loaded,
        sink=sink,
        regions=regions,
        correction=correction,
        _files=partial(files_behind, stack.attrs["source"], apart_from=getattr(sink, "path", None)),
    )


def remove_background(
    data: Data,
    remover: RemoverLike = "cnn",
    *,
    wavenumber: ArrayLike | None = None,
    reference: SpectrumLike = "auto",
    dark: SpectrumLike = "auto",
    device: str = "auto",
    precision: str = "auto",
    output: str | Path | None = None,
    lazy: bool = False,
    uncertainty: bool = False,
    dtype: str = "float32",
    resume: Resume = True,
    progress: Callable[[Progress], object] | None = None,
) -> xr.Dataset:
    """Remove the non-resonant background of a stack.

    Parameters
    ----------
    data : xarray.Dataset, DataArray or ndarray, shape ([T,] [Z,] Y, X, W)
        A stack of `open_stack`, or an array with `wavenumber`.
    remover : str, path, Remover or callable
        As in `load_remover`.
    wavenumber : array_like, shape (W,), optional
        Raman shift in cm⁻¹ of a plain array.
    reference, dark : "auto", None, array_like (W,) or DataArray
        Spectrum of a purely non-resonant sample, and counts without light. ``"auto"`` takes the
        stack's own if it has them; a DataArray on another axis is interpolated, if it covers the
        stack. Dark is subtracted from the stack and from the reference.
    device, precision : str
        As in `load_remover`.
    output : path, optional
        Write OME-Zarr to this path ending in .zarr, or into this folder as ``<source>.zarr``; else the
        result stays in memory.
    lazy : bool
        Compute nothing now: the results are dask arrays that correct what is asked of them, in any
        process they are sent to.
    uncertainty : bool
        Also give the standard deviation.
    dtype : str
        Of the results: ``"float32"``, or ``"float16"`` for half the size and three digits.
    resume : bool or "damaged"
        Go on with a partial output of the same job, if the data are what they were. False replaces an
        earlier output. ``"damaged"`` goes on after the input has been repaired: takes it as it is now,
        and does those blocks again that could not be read.
    progress : callable, optional
        Called with a `Progress` after each block.

    Returns
    -------
    xarray.Dataset
        The stack with variable ``raman``, and ``uncertainty`` if asked for, of `dtype` in the dims
        of ``cars``; NaN in a pixel that is saturated, empty or not finite, and in that pixel alone; NaN
        also in bands without light at either end. A line in attrs ``history``, and ``recipe``, what
        `pipeline.read_pipeline` repeats; remover, settings and version in the attrs of ``raman``.

    Raises
    ------
    CrimsonError
        Before any work: unknown remover, device not there, an axis or spectrum that does not fit, no
        uncertainty to give, a result larger than memory, an output that is taken, locked or not
        writable, an input that has changed since the output was begun. During it: a full disk, an
        input or output that does not answer for five minutes; finished blocks are kept. A block whose
        bytes are damaged raises nothing: its pixels are NaN, the history and attrs ``damaged`` of the
        output name it.
    """
    if lazy:
        if output is not None or progress is not None:
            raise CrimsonError("lazy=True computes nothing yet: leave output= and progress= out, and save the result with save_stack")
        settings = Settings(reference=reference, dark=dark, device=device, precision=precision, uncertainty=uncertainty, dtype=dtype)
        return correct_lazily(data, remover, settings, wavenumber=wavenumber)
    job = plan_removal(
        data,
        remover,
        wavenumber=wavenumber,
        reference=reference,
        dark=dark,
        device=device,
        precision=precision,
        output=output,
        uncertainty=uncertainty,
        dtype=dtype,
        resume=resume,
    )
    with closing(job.run()) as steps:
        for step in steps:
            if progress is not None:
                progress(step)
    if job.damaged:
        _log.warning("%d of %d blocks could not be read and are NaN; the history names them", len(job.damaged), len(job.regions))
    return job.dataset


def _memory_sink(
    stack: xr.Dataset, correction: Correction, attrs: dict[str, Any], earlier: Sequence[MemorySink] | None, dry_run: DryRun
) -> MemorySink | DrySink:
    """Take up a sink of the same job, or make one if there is memory for it."""
    cars = stack["cars"]
    job = None
    if earlier is not None:
        origin = origin_of(stack.attrs["source"], cars.data, rounded=bool(steps_of(stack)))
        job = {"fingerprint": fingerprint(cars.data, correction, attrs, (0, 0)), "origin": origin}
    same = [sink for sink in earlier or () if job is not None and sink.job == job]
    if not same:
        check_result(cars.size * _value_bytes(correction))
    if dry_run:
        return DrySink(cars.shape, correction.names, dtype=correction.dtype, earlier=same[0] if same else None)
    return same[0] if same else MemorySink(cars.shape, correction.names, dtype=correction.dtype, job=job)


def _zarr_sink(
    output: str | Path,
    tile: tuple[int, int],
    stack: xr.Dataset,
    correction: Correction,
    attrs: dict[str, Any],
    resume: Resume,
    dry_run: DryRun,
) -> ZarrSink | DrySink:
    """Open the place on disk, its chunks cut where those of the input are cut."""
    cars = stack["cars"]
    path = _output_path(output, stack)
    mark = fingerprint(cars.data, correction, attrs, tile)
    origin = origin_of(stack.attrs["source"], cars.data, apart_from=path, rounded=bool(steps_of(stack)))
    if dry_run:
        dry = DrySink(cars.shape, correction.names, dtype=correction.dtype, path=path, align=(*(1,) * (cars.ndim - 3), *tile))
        dry.look({**attrs, "fingerprint": mark, "origin": {**origin, "pixels": ()}}, resume, by_recipe=dry_run == "unprepared")
        return dry
    return ZarrSink(
        path,
        tuple(str(dim) for dim in cars.dims),
        cars.shape,
        cars["wavenumber"].values,
        correction.names,
        dtype=correction.dtype,
        fingerprint=mark,
        tile=tile,
        steps={dim: float(np.diff(stack[dim].values[:2])[0]) for dim in PIXEL_DIMS if dim in stack.coords and stack.sizes[dim] > 1},
        attrs=attrs,
        origin=origin,
        resume=resume,
    )


def _value_bytes(correction: Correction) -> int:
    """What the results take for each value of the stack."""
    return np.dtype(correction.dtype).itemsize * len(correction.names)


def _output_path(output: str | Path, stack: xr.Dataset) -> Path:
    """Settle where the group goes, and keep it apart from the source."""
    path = Path(output).expanduser()
    source = Path(stack.attrs["source"] or "stack")
    if path.suffix != ".zarr":
        path = path / f"{source.stem}.zarr"
    if path.resolve() == source.resolve() or path.resolve() in source.resolve().parents:
        raise CrimsonError(f"{path} is the stack itself; choose another output")
    return path
