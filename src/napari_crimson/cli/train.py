"""``napari-crimson train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import STOPPED, Device, app
from napari_crimson.cli.batch import spectrum_from_option
from napari_crimson.cli.terminal import complain, duration, printable
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    from napari_crimson.recipe import Recipe
    from napari_crimson.training import Validation

__all__ = ["train"]


@app.command()
def train(
    recipe: Annotated[Path | None, typer.Argument(help="A TOML file: network, prior, steps, seed.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Instead of a recipe: adapt these weights to your microscope.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="With --from: your excitation, a stack or two-column text of glass or water.", metavar="FILE")
    ] = None,
    dark: Annotated[
        str | None, typer.Option(help="With --from: counts without light, to be taken off the reference.", metavar="FILE")
    ] = None,
    axis: Annotated[
        str | None,
        typer.Option(help="With --from: the axis of your stacks in cm⁻¹; the reference's if left out.", metavar="START:STOP:STEP"),
    ] = None,
    photons: Annotated[
        str | None, typer.Option(help="With --from: electrons at the brightest point of a spectrum.", metavar="LOW,HIGH")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="With --from: steps of training; 600 if left out.", min=6)] = None,
    name: Annotated[str | None, typer.Option(help="With --from: name of the new weights.")] = None,
    save: Annotated[str | None, typer.Option(help="Also keep the weights as a remover of your own, by this name.", metavar="NAME")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the weights, their card and the loss curve.", file_okay=False)] = Path("runs"),
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or begin it again.")] = True,
) -> None:
    """Train a network by a recipe, or adapt one to a microscope; the weights are then a remover by their path, or by a name of yours."""
    from napari_crimson import weights
    from napari_crimson.remover import keep_remover
    from napari_crimson.training import train as train_by_recipe

    if save is not None:
        weights.check_new_name(save)  # ahead of the work
    if (recipe is None) == (start is None):
        raise typer.BadParameter("give a RECIPE, or --from with --reference", param_hint="RECIPE")
    plan: Recipe | Path | None = recipe
    if start is not None:
        ends, light = numbers(axis, ":", 3, "--axis"), numbers(photons, ",", 2, "--photons")
        plan = _adaptation(start, reference, dark or "none", ends, light, name, steps or 600)
    elif any(option is not None for option in (reference, dark, axis, photons, steps, name)):
        raise typer.BadParameter("a recipe says all of it; --reference, --dark, --axis, --photons, --steps and --name are of --from")

    def report(at: Validation) -> None:
        typer.echo(f"step {at.step:,}  {duration(at.seconds)}  error {at.error:.4g}  median r {at.pearson:.4f}  slope {at.slope:.3f}")

    try:
        path = train_by_recipe(plan, out, device=device, resume=resume, progress=report)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        again = "the same command" if resume else "the same command without --no-resume"
        complain(f"stopped; {again} goes on from the last line above, or begins again if there is none", recipe or start)
        raise typer.Exit(STOPPED) from None
    typer.echo(printable(path))
    if save is not None:
        keep_remover(path, save)
        typer.echo(f"kept as '{save}': --remover '{save}'")


def _adaptation(
    start: str,
    reference: str | None,
    dark: str,
    axis: tuple[float, ...] | None,
    photons: tuple[float, ...] | None,
    name: str | None,
    steps: int,
) -> Recipe:
    """The recipe that adapts `start` to the microscope of a reference file."""
    from napari_crimson.adaptation import adaptation_recipe

    if reference is None:
        raise CrimsonError("--from needs --reference FILE: the spectrum of glass or water, two columns, wavenumber in cm⁻¹ and counts")
    spectrum = spectrum_from_option(reference)
    without = spectrum_from_option(dark)
    if without is not None:
        spectrum = spectrum - without.interp(wavenumber=spectrum["wavenumber"])
    return adaptation_recipe(start, spectrum, axis=axis, photons=photons, name=name, steps=steps)  # type: ignore[arg-type]


def numbers(option: str | None, mark: str, count: int, label: str) -> tuple[float, ...] | None:
    """Read `count` numbers with `mark` between; None stays None."""
    if option is None:
        return None
    try:
        values = tuple(float(part) for part in option.split(mark))
    except ValueError:
        values = ()
    if len(values) != count:
        raise CrimsonError(f"{label} {option}: give {count} numbers with '{mark}' between them")
    return values
