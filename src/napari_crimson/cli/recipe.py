"""``napari-crimson recipe``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import app
from napari_crimson.cli.terminal import printable

if TYPE_CHECKING:
    from napari_crimson.pipeline import Option

__all__ = ["recipe"]


@app.command()
def recipe(
    source: Annotated[Path | None, typer.Option("--from", help="A result or a .toml: check its recipe and print it.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --from: write it to this .toml instead.", dir_okay=False)] = None,
    steps: Annotated[bool, typer.Option("--list", help="List the steps of a preparation and their options.")] = False,
) -> None:
    """Recipes for `correct --recipe`: what may be in one, and what a result was made by."""
    from napari_crimson.pipeline import STEPS, read_pipeline, remover_options
    from napari_crimson.remover import removers

    if source is None and (out or not steps):
        raise typer.BadParameter("give --list, or --from a result or a .toml", param_hint="--list / --from")
    if source is not None:
        pipeline = read_pipeline(source)
        typer.echo(printable(pipeline.write(out)) if out else pipeline.to_toml(), nl=out is not None)
    if steps:
        for kind in STEPS.values():
            typer.echo(f'[[step]]\nname = "{kind.name}"  # {kind.help}')
            _list(kind.options)
        for remover in removers():
            if options := remover_options(remover):
                typer.echo(f'[settings]  # of remover = "{remover}"')
                _list(options)


def _list(options: Iterable[Option]) -> None:
    """Print options with their defaults; those without one as comments."""
    import json

    for option in options:
        value = json.dumps(option.default)
        start = f"# {option.name}" if option.default is None else f"{option.name} = {value}"
        must = "needed; " if option.required else ""
        typer.echo(f"{start:<32}  # {must}{option.wanted}. {option.help}")
    typer.echo()
