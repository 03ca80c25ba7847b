"""The command line: ``info``, ``correct``, ``train`` and ``demo``.

What the user can mend is one line on stderr; nothing heavy is imported before a command that needs it runs.
"""

from __future__ import annotations

import traceback
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_crimson._version import __version__
from napari_crimson.errors import CrimsonError
from napari_crimson.terminal import complain, describe, duration, printable, progress_bar

if TYPE_CHECKING:
    from napari_crimson.remover import Remover

__all__ = ["app", "axis_from_option", "output_paths", "spectrum_from_option"]

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
            typer.echo(str(form))
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16.")] = "auto",
    uncertainty: Annotated[bool, typer.Option("--uncertainty/--no-uncertainty", help="Also write the standard deviation.")] = False,
    reference: Annotated[
        str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")
    ] = "auto",
    dark: Annotated[str, typer.Option(help="auto (the file's own), none, or a stack or two-column text file.", metavar="FILE")] = "auto",
    wavenumber: Wavenumber = None,
    name: Name = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or begin it again.")] = True,
) -> None:
    """Remove the background from stacks, each into OUT/<file>.zarr; the same command goes on where a stopped one ended."""
    from napari_crimson.remover import load_remover

    job = Job(
        remover=load_remover(remover, device=device, precision=precision),
        reference=spectrum_from_option(reference),
        dark=spectrum_from_option(dark),
        wavenumber=axis_from_option(wavenumber),
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


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is the same for every stack of one call."""

    remover: Remover
    reference: Any
    dark: Any
    wavenumber: Any
    name: str | None
    uncertainty: bool
    resume: bool

    def run(self, file: Path, target: Path, label: str) -> str:
        """Correct `file` into `target` behind a progress bar; return what there is to say of it."""
        from napari_crimson.io import open_stack
        from napari_crimson.remove import plan_removal

        stack = open_stack(file, wavenumber=self.wavenumber, name=self.name)
        removal = plan_removal(
            stack,
            self.remover,
            reference=self.reference,
            dark=self.dark,
            output=target,
            uncertainty=self.uncertainty,
            resume=self.resume,
        )
        step = None
        with progress_bar() as bar, closing(removal.run()) as steps:  # closing ends the loop and keeps what is written
            task = bar.add_task(label, total=None, rate="", left="")
            for step in steps:
                rate, left = f"{step.spectra_per_s:,.0f} spectra/s", f"{duration(step.seconds_left)} left"
                bar.update(task, completed=step.pixels_done, total=step.pixels, rate=rate, left=left)
        if step is None:
            return "was complete already"
        bad = f", {step.bad_pixels:,} without a spectrum (NaN)" if step.bad_pixels else ""
        return f"{step.pixels:,} spectra{bad}, {step.spectra_per_s:,.0f} spectra/s"


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: network, prior, steps, seed.")],
) -> None:
    """Train a network by a recipe into weights and their card."""
    from napari_crimson.training import train as train_by_recipe

    typer.echo(printable(train_by_recipe(recipe)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the stack, the result and the picture.", file_okay=False)] = Path("demo"),
    remover: Annotated[str, typer.Option(help="Name of a remover.")] = "cnn",
    napari: Annotated[bool, typer.Option("--napari/--no-napari", help="Show the result in napari, where there is a display.")] = True,
) -> None:
    """Simulate a tissue-like stack, remove its background and compare with the truth."""
    from napari_crimson.demo import run_demo

    run_demo(out, remover=remover, show=napari, say=typer.echo)


def output_paths(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Name a .zarr in `folder` for each file: by its stem; where stems meet, by its whole name; then with its parent folders.

    Names are compared without case, as Windows and macOS do; a file given twice counts once.

    Raises
    ------
    CrimsonError
        If two files cannot be told apart, or a result would take the place of its own input.
    """
    absolute = {file.resolve(): file for file in files}
    parts = {path: (path.stem, path.name, *reversed(path.parts[1:-1])) for path in absolute}
    depth = dict.fromkeys(absolute, 1)
    while True:
        names = {path: "_".join(reversed(parts[path][depth[path] > 1 : depth[path]])) for path in absolute}
        count = Counter(name.casefold() for name in names.values())
        shared = [path for path in absolute if count[names[path].casefold()] > 1]
        if not shared:
            break
        if all(depth[path] == len(parts[path]) for path in shared):
            raise CrimsonError(
                f"{', '.join(map(str, shared))}: their results would have one name; correct them in separate calls, each with its --out"
            )
        for path in shared:
            depth[path] = min(depth[path] + 1, len(parts[path]))
    targets = {file: folder / f"{names[path]}.zarr" for path, file in absolute.items()}
    for path, file in absolute.items():
        if targets[file].resolve() in (path, *path.parents):
            raise CrimsonError(f"{file}: its result {targets[file]} would take its place; give another --out")
    return targets


def axis_from_option(option: str | None) -> tuple[float, float] | str | None:
    """Read ``START,STOP`` as numbers; leave the path of an axis file as it is."""
    start, comma, stop = (option or "").partition(",")
    try:
        return (float(start), float(stop)) if comma else option
    except ValueError:
        return option


def spectrum_from_option(option: str) -> Any:
    """Return ``"auto"``, None for ``none``, or the spectrum (W,) in a file with its own axis as a DataArray.

    A text file has two columns, wavenumber in cm⁻¹ and counts; of a stack the mean over its pixels is taken.
    """
    if option in ("auto", "none"):
        return option if option == "auto" else None
    path = Path(option)
    if path.suffix.lower() not in (".txt", ".csv", ".dat"):
        from napari_crimson.io import open_stack

        cars = open_stack(path)["cars"]
        return cars.mean(cars.dims[:-1], dtype="float64").compute()

    import numpy as np
    import xarray as xr

    try:
        table = np.loadtxt(path, delimiter="," if path.suffix.lower() == ".csv" else None, ndmin=2)
    except (OSError, ValueError) as error:
        raise CrimsonError(f"{path}: cannot be read as two columns of numbers ({error}); give wavenumber in cm⁻¹ and counts") from error
    if table.shape[1] != 2:
        raise CrimsonError(f"{path}: {table.shape[1]} columns of numbers, expected two, wavenumber in cm⁻¹ and counts")
    table = table[np.argsort(table[:, 0])]
    return xr.DataArray(table[:, 1], {"wavenumber": table[:, 0]}, "wavenumber")
