"""The program itself, and the options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_crimson._version import __version__

__all__ = ["DAMAGED", "STOPPED", "Device", "Name", "Wavenumber", "app"]

DAMAGED = 3  # done, but for parts of the input that could not be read
STOPPED = 130  # what a shell reports of a command that Ctrl-C ended

app = typer.Typer(
    help="Remove the non-resonant background from hyperspectral CARS stacks with a trained CNN or RNN.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Wavenumber = Annotated[
    str | None, typer.Option(help="Spectral axis of a file without one: START,STOP in cm⁻¹, or a text, CSV or JSON file.", metavar="AXIS")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps; cuda+cpu goes on on the CPU if the GPU is lost.")]
Name = Annotated[str | None, typer.Option(help="Which image to take from a file that holds several.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Remove the non-resonant background from hyperspectral CARS stacks with a trained CNN or RNN."""
