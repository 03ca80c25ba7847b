"""``napari-crimson info``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import Name, Wavenumber, app
from napari_crimson.cli.batch import axis_from_option
from napari_crimson.cli.terminal import complain, describe, printable
from napari_crimson.errors import CrimsonError

__all__ = ["info"]


@app.command()
def info(
    files: Annotated[list[Path] | None, typer.Argument(help="Stacks to describe.")] = None,
    wavenumber: Wavenumber = None,
    name: Name = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the formats that can be opened, and how: on demand, or whole.")] = False,
) -> None:
    """Say what is in a file: shape, axis, type, dark and reference. Reads no pixels."""
    from napari_crimson.io import formats as known_formats
    from napari_crimson.io import open_stack

    if not files and not formats:
        raise typer.BadParameter("give a FILE, or --formats", param_hint="FILES")
    if formats:
        for form in known_formats():
            needs = f'  (pip install "napari-crimson[{form.extra}]")' if form.extra else ""
            how = "on demand" if form.lazy else "whole"
            typer.echo(f"{form.title:<56}{how:<11}{' '.join(form.suffixes) or 'a folder'}{needs}")
    failed = 0
    for file in files or []:
        try:
            stack = open_stack(file, wavenumber=axis_from_option(wavenumber), name=name)
        except CrimsonError as error:
            complain(error, file)
            failed += 1
            continue
        typer.echo(printable(file))
        for field, value in describe(stack):
            typer.echo(f"  {field:<12}{printable(value)}")
    raise typer.Exit(1 if failed else 0)
