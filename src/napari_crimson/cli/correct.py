"""``napari-crimson correct``."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import STOPPED, Device, Name, Wavenumber, app
from napari_crimson.cli.batch import Job, axis_from_option, output_paths, spectrum_from_option
from napari_crimson.cli.terminal import complain, printable
from napari_crimson.errors import CrimsonError

__all__ = ["correct"]


@app.command()
def correct(
    files: Annotated[list[Path], typer.Argument(help="Stacks to correct.")],
    out: Annotated[Path, typer.Option(help="Folder for the results, FILE.zarr each.", file_okay=False)],
    remover: Annotated[str, typer.Option(help="Name of a remover, or the path of your own .safetensors.")] = "cnn",
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    uncertainty: Annotated[bool, typer.Option("--uncertainty/--no-uncertainty", help="Also write the standard deviation.")] = False,
    reference: Annotated[
        str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")
    ] = "auto",
    dark: Annotated[str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")] = "auto",
    wavenumber: Wavenumber = None,
    name: Name = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or replace an earlier result.")] = True,
) -> None:
    """Remove the background from stacks, each into OUT/<file>.zarr; the same command goes on where a stopped one ended."""
    from napari_crimson.remover import load_remover

    axis = axis_from_option(wavenumber)
    job = Job(
        remover=load_remover(remover, device=device, precision=precision),
        reference=spectrum_from_option(reference, axis),
        dark=spectrum_from_option(dark, axis),
        wavenumber=axis,
        name=name,
        uncertainty=uncertainty,
        resume=resume,
    )
    targets = output_paths(files, out)
    failed = 0
    for number, (file, target) in enumerate(targets.items(), start=1):
        try:
            typer.echo(
                f"{printable(file)} → {printable(target)}: {job.run(file, target, f'{number}/{len(targets)} {printable(file.name)}')}"
            )
        except CrimsonError as error:
            complain(error, file)
            failed += 1
        except KeyboardInterrupt:
            complain("stopped; the same command goes on from here", file)
            raise typer.Exit(STOPPED) from None
        except Exception:  # a bug of ours in one stack must not cost a night's batch the others
            traceback.print_exc()
            complain("failed unexpectedly (see above); please report it", file)
            failed += 1
    raise typer.Exit(1 if failed else 0)
