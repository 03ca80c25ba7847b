"""``napari-crimson demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import app
from napari_crimson.cli.terminal import printable

__all__ = ["demo"]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the stack, the result and the picture.", file_okay=False)] = Path("demo"),
    remover: Annotated[str, typer.Option(help="Name of a remover.")] = "cnn",
    napari: Annotated[bool, typer.Option("--napari/--no-napari", help="Show the result in napari, where there is a display.")] = True,
) -> None:
    """Simulate a tissue-like stack, remove its background and compare with the truth."""
    from napari_crimson.demo import run_demo

    run_demo(out, remover=remover, show=napari, say=lambda line: typer.echo(printable(line)))
