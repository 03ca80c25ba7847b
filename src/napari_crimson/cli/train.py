"""``napari-crimson train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import STOPPED, Device, app
from napari_crimson.cli.terminal import complain, duration, printable

if TYPE_CHECKING:
    from napari_crimson.training import Validation

__all__ = ["train"]


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
