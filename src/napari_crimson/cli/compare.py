"""``napari-crimson compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import Device, Name, Wavenumber, app
from napari_crimson.cli.batch import axis_from_option, spectrum_from_option
from napari_crimson.cli.terminal import printable
from napari_crimson.errors import CrimsonError

__all__ = ["compare"]


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="Stack to look at.")],
    removers: Annotated[str, typer.Option(help="Names or paths, with commas between.")] = "cnn,rnn,kk",
    pixel: Annotated[list[str] | None, typer.Option(help="A pixel from 0, [T,][Z,]Y,X; may be given again.", metavar="Y,X")] = None,
    region: Annotated[str | None, typer.Option(help="Pixels whose mean and deviation to show.", metavar="Y0:Y1,X0:X1")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the spectra to this CSV.", dir_okay=False)] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the spectra into this .png, .svg or .pdf.", dir_okay=False)] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    reference: Annotated[
        str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")
    ] = "auto",
    dark: Annotated[str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")] = "auto",
    wavenumber: Wavenumber = None,
    name: Name = None,
) -> None:
    """Show what several removers make of the same pixels: how far they agree, their speed, their spectra."""
    from napari_crimson.cli.comparison import agreement_lines, check_figure, draw, write_csv
    from napari_crimson.compare import average
    from napari_crimson.compare import compare as compare_removers
    from napari_crimson.io import open_stack

    if figure is not None:
        check_figure(figure)
    axis = axis_from_option(wavenumber)
    result = compare_removers(
        open_stack(file, wavenumber=axis, name=name),
        [remover.strip() for remover in removers.split(",") if remover.strip()],
        pixels=[_pixel(text) for text in pixel] if pixel else None,
        region=None if region is None else _region(region),
        reference=spectrum_from_option(reference, axis),
        dark=spectrum_from_option(dark, axis),
        device=device,
        precision=precision,
        speed=True,
    )
    typer.echo(printable(f"{file}: {result.attrs['chosen']}"))
    for line in agreement_lines(result):
        typer.echo(printable(line))
    averaged = None if region is None else average(result)
    if out is not None:
        write_csv(result, averaged, out)
        typer.echo(printable(f"{out}: the spectra, one column each"))
    if figure is not None:
        drawn = draw(result, averaged, figure)
        typer.echo(printable(f"{figure}: {drawn}"))


def _pixel(text: str) -> tuple[int, ...]:
    """Read ``Y,X``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise CrimsonError(f"--pixel {text}: give whole numbers Y,X, counted from 0, such as --pixel 12,40") from None


def _region(text: str) -> tuple[slice, ...]:
    """Read ``Y0:Y1,X0:X1``; an edge left out is that of the image, a number alone is that row, column or plane."""
    slices = []
    try:
        for part in text.split(","):
            start, colon, stop = part.partition(":")
            first = int(start) if start.strip() else None
            last = (int(stop) if stop.strip() else None) if colon else int(start) + 1
            if min(first or 0, last or 0) < 0:
                raise ValueError
            slices.append(slice(first, last))
    except ValueError:
        raise CrimsonError(f"--region {text}: give rows and columns Y0:Y1,X0:X1, counted from 0, such as --region 10:20,30:60") from None
    return tuple(slices)
