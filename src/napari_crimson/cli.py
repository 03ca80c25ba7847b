"""The command line: ``info``, ``correct``, ``train`` and ``demo``.

What the user can mend is one line on stderr; nothing heavy is imported before a command that needs it runs.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson._version import __version__
from napari_crimson.batch import Job, axis_from_option, output_paths, spectrum_from_option
from napari_crimson.errors import CrimsonError
from napari_crimson.terminal import complain, describe, duration, printable

if TYPE_CHECKING:
    from napari_crimson.training import Validation

__all__ = ["app"]

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
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
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


@app.command()
def info(
    files: Annotated[list[Path] | None, typer.Argument(help="Stacks to describe.")] = None,
    wavenumber: Wavenumber = None,
    name: Name = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the formats that can be opened.")] = False,
) -> None:
    """Say what is in a file: shape, axis, type, dark and reference. Reads no pixels."""
    from napari_crimson.io import formats as known_formats
    from napari_crimson.io import open_stack

    if not files and not formats:
        raise typer.BadParameter("give a FILE, or --formats", param_hint="FILES")
    if formats:
        for form in known_formats():
            needs = f'  (pip install "napari-crimson[{form.extra}]")' if form.extra else ""
            typer.echo(f"{form.title:<50}{' '.join(form.suffixes)}{needs}".rstrip())
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


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: network, prior, steps, seed.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights, their card and the loss curve.", file_okay=False)] = Path("runs"),
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or begin it again.")] = True,
) -> None:
    """Train a network by a recipe; the weights are then a remover by their path."""
    from napari_crimson.training import train as train_by_recipe

    def report(at: Validation) -> None:
        typer.echo(f"step {at.step:,}  {duration(at.seconds)}  error {at.error:.4g}  median r {at.pearson:.4f}  slope {at.slope:.3f}")

    try:
        weights = train_by_recipe(recipe, out, device=device, resume=resume, progress=report)
    except KeyboardInterrupt:
        complain("stopped; the same command goes on from the last line above", recipe)
        raise typer.Exit(STOPPED) from None
    typer.echo(printable(weights))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the stack, the result and the picture.", file_okay=False)] = Path("demo"),
    remover: Annotated[str, typer.Option(help="Name of a remover.")] = "cnn",
    napari: Annotated[bool, typer.Option("--napari/--no-napari", help="Show the result in napari, where there is a display.")] = True,
) -> None:
    """Simulate a tissue-like stack, remove its background and compare with the truth."""
    from napari_crimson.demo import run_demo

    run_demo(out, remover=remover, show=napari, say=lambda line: typer.echo(printable(line)))
