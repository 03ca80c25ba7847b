"""``napari-crimson convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import Name, Wavenumber, app
from napari_crimson.cli.batch import axis_from_option
from napari_crimson.cli.terminal import printable, warn_if_unfinished
from napari_crimson.errors import CrimsonError

__all__ = ["convert"]


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A stack, measured or corrected.")],
    out: Annotated[Path, typer.Argument(help="Where to: .zarr, .h5 (NIST), .tif (OME-TIFF) or .mat (MATLAB).")],
    image: Annotated[str | None, typer.Option(help="Only this: cars, raman or uncertainty.")] = None,
    wavenumber: Wavenumber = None,
    name: Name = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Put it in place of what is there.")] = False,
) -> None:
    """Write a stack in another format, with its axis and whatever else that can hold."""
    from napari_crimson.io import open_stack, save_stack
    from napari_crimson.io.found import IMAGES

    stack = open_stack(file, wavenumber=axis_from_option(wavenumber), name=name)
    warn_if_unfinished(stack, file)
    images = [one for one in IMAGES if one in stack]
    if image is not None:
        if image not in images:
            raise CrimsonError(f"{file}: holds no image '{image}'; give --image {' or '.join(images)}")
        stack = stack.drop_vars([one for one in images if one != image])
    if out.exists() and out.samefile(file):
        raise CrimsonError(f"{out}: is the file that is read; give another name")
    typer.echo(printable(save_stack(stack, out, overwrite=overwrite)))
