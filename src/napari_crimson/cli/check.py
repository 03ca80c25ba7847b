"""``napari-crimson check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import Name, Wavenumber, app
from napari_crimson.cli.batch import axis_from_option
from napari_crimson.cli.terminal import printable, progress_bar, warn_if_unfinished
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check"]


@app.command()
def check(
    result: Annotated[Path, typer.Argument(help="What correct wrote.", metavar="RESULT.zarr")],
    file: Annotated[Path | None, typer.Argument(help="The measured stack; by default the one that the result names.")] = None,
    out: Annotated[Path | None, typer.Option(help="Image to write.  [default: RESULT.distrust.tif]", dir_okay=False)] = None,
    resolution: Annotated[float, typer.Option(help="Width of the narrowest line in cm⁻¹.")] = 10.0,
    wavenumber: Wavenumber = None,
    name: Name = None,
) -> None:
    """Tell where a result does not give the measured spectrum back, as an image: above 1, look before you trust."""
    import numpy as np

    from napari_crimson.resynthesis import CheckSettings, run_check

    target = out or result.with_name(f"{result.stem}.distrust.tif")
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise CrimsonError(f"{target}: the image is written as OME-TIFF; give a name that ends in .tif")
    both = _both(result, file, axis_from_option(wavenumber), name)
    with progress_bar() as bar:
        task = bar.add_task(printable(result.name), total=1.0, rate="", left="")
        found = run_check(both, CheckSettings(resolution_cm1=resolution), progress=lambda part: bar.update(task, completed=part))
    distrust = found["distrust"]
    _write(distrust, target)
    judged = distrust.values[np.isfinite(distrust.values)]
    odd = int((judged > 1).sum())
    typer.echo(
        printable(
            f"{result}: {odd:,} of {judged.size:,} pixels suspicious ({100 * odd / max(1, judged.size):.1f} %), "
            f"{distrust.size - judged.size:,} without an answer; usual reduced χ² {found.attrs['usual_chi2']:.2f} → {target}"
        )
    )


def _both(result: Path, file: Path | None, axis: object, name: str | None) -> xr.Dataset:
    """The answer of a result beside the intensities that its remover saw."""
    from napari_crimson.io import open_stack
    from napari_crimson.pipeline import read_pipeline

    corrected = open_stack(result)
    warn_if_unfinished(corrected, result)
    if "raman" not in corrected:
        raise CrimsonError(f"{result}: holds {', '.join(map(str, corrected.data_vars))} but no answer; give what correct wrote")
    if file is None and "cars" in corrected:
        return corrected
    source = file or Path(_source_of(result))
    if not source.name or not source.exists():
        raise CrimsonError(f"{result}: its measured stack '{source}' is not there; give it: napari-crimson check {result} FILE")
    stack = open_stack(source, wavenumber=axis, name=name)  # type: ignore[arg-type]
    if "recipe" in corrected.attrs:
        stack = read_pipeline(result).prepare(stack)
    same = stack["cars"].shape == corrected["raman"].shape and bool(
        abs(stack["wavenumber"].values - corrected["wavenumber"].values).max() < 1e-6 * abs(corrected["wavenumber"].values).max()
    )
    if not same:
        raise CrimsonError(
            f"{source}: shape {stack['cars'].shape}, {result}: {corrected['raman'].shape}, or another axis; give the one that was corrected"
        )
    attrs = {**corrected.attrs, **corrected["raman"].attrs}
    return stack.assign(raman=(stack["cars"].dims, corrected["raman"].data, attrs))


def _source_of(result: Path) -> str:
    """Path of the stack that a result says it is of; opened as a stack it would name itself."""
    import zarr

    from napari_crimson.io.ome_zarr import NAMESPACE

    record = zarr.open_group(result, mode="r").attrs.get(NAMESPACE) if result.is_dir() else None
    return str(record.get("source", "")) if isinstance(record, dict) else ""


def _write(image: xr.DataArray, path: Path) -> None:
    """Write an image ([t,] [z,] y, x) as OME-TIFF with its pixel steps."""
    import tifffile

    metadata: dict[str, object] = {"axes": "".join(map(str, image.dims)).upper(), "Name": "distrust"}
    for dim in ("z", "y", "x"):
        if dim in image.coords and image.sizes[dim] > 1:
            metadata |= {f"PhysicalSize{dim.upper()}": float(image[dim][1] - image[dim][0]), f"PhysicalSize{dim.upper()}Unit": "µm"}
    try:
        tifffile.imwrite(path, image.values, ome=True, photometric="minisblack", metadata=metadata)
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error
