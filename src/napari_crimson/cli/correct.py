"""``napari-crimson correct``."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import STOPPED, Device, Name, Wavenumber, app
from napari_crimson.cli.batch import Job, axis_from_option, output_paths, pipeline_from_options
from napari_crimson.cli.terminal import complain, printable
from napari_crimson.errors import CrimsonError

__all__ = ["correct"]

_SPECTRUM = "auto (the file's own), none, or a stack or two-column text file; auto if left out."


@app.command()
def correct(
    files: Annotated[list[Path], typer.Argument(help="Stacks to correct.")],
    out: Annotated[Path, typer.Option(help="Folder for the results, FILE.zarr each.", file_okay=False)],
    recipe: Annotated[
        Path | None, typer.Option(help="A .toml, or a result to repeat; what is given beside it takes the place of what it says.")
    ] = None,
    remover: Annotated[str | None, typer.Option(help="cnn, rnn, kk, mem, a name of yours, the path of a .safetensors; else cnn.")] = None,
    device: Device = "auto",
    precision: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16; auto if left out.")] = None,
    uncertainty: Annotated[
        bool | None, typer.Option("--uncertainty/--no-uncertainty", help="Also write the standard deviation; not if left out.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help=_SPECTRUM, metavar="FILE")] = None,
    dark: Annotated[str | None, typer.Option(help=_SPECTRUM, metavar="FILE")] = None,
    wavenumber: Wavenumber = None,
    name: Name = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or replace an earlier result.")] = True,
) -> None:
    """Remove the background from stacks, each into OUT/<file>.zarr; the same command goes on where a stopped one ended."""
    axis = axis_from_option(wavenumber)
    pipeline = pipeline_from_options(recipe, remover=remover, precision=precision, uncertainty=uncertainty, reference=reference, dark=dark)
    job = Job(
        pipeline=pipeline,
        remover=pipeline.load_remover(device=device),
        spectra=pipeline.read_spectra(axis),
        wavenumber=axis,
        name=name,
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
