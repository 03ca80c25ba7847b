"""What the command line shows: lines that a terminal can be trusted with, progress, the description of a stack.

Names and attributes come from files from anywhere, so whatever is printed of them goes through `printable`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES
from napari_crimson.printable import bytes_in_words, printable

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_names", "complain", "describe", "duration", "printable", "progress_bar", "warn", "warn_if_unfinished"]

_OPTIONS = {  # behind a bracket it is code, and stays
    r"(?<![\w(])resume=False\b": "--no-resume",
    r"(?<![\w(])resume='damaged'": "--redo-damaged",
    r"(?<![\w(])(reference|dark)=None\b": r"--\1 none",
    r"(?<![\w(])(wavenumber|name)= *": r"--\1 ",
    r"(?<![\w(])output= *": "--out ",
    r"(?<![\w(])axis=(?= )": "--axis",
    r"(?<![\w(])overwrite=True\b": "--overwrite",
    r"such as ds\[\['(\w+)'\]\]": r"such as --image \1",
}


def complain(error: object, about: object = None) -> None:
    """Write one line on stderr, in the words of the command line where the message names a keyword."""
    text = str(error)
    for keyword, option in _OPTIONS.items():
        text = re.sub(keyword, option, text)
    typer.secho("error: ", fg=typer.colors.RED, nl=False, err=True)
    typer.echo(printable(text if about is None or str(about) in text else f"{about}: {text}"), err=True)


def check_names(networks: Sequence[str]) -> None:
    """Refuse networks that would be told, and written, by one name."""
    called = Counter(Path(network).stem if network.endswith(".safetensors") else network for network in networks)
    if twice := [name for name, count in called.items() if count > 1]:
        raise CrimsonError(f"several are called {', '.join(twice)}; give each once, or rename their files")


def warn(text: str, file: object) -> None:
    """Write one line about a file on stderr."""
    typer.secho("warning: ", fg=typer.colors.YELLOW, nl=False, err=True)
    typer.echo(printable(f"{file}: {text}"), err=True)


def warn_if_unfinished(stack: xr.Dataset, file: object) -> None:
    """Say on stderr that a stack is a result that was stopped."""
    if stack.attrs.get("status") == "partial":
        warn("is an unfinished result, NaN where its run did not come to; run the same again to finish it", file)


def describe(stack: xr.Dataset) -> list[tuple[str, str]]:
    """What `info` prints of a stack, field by field; looks at no pixel."""
    axis = stack["wavenumber"].values
    image = stack[next(name for name in IMAGES if name in stack)]
    steps = {dim: float(stack[dim][1] - stack[dim][0]) for dim in image.dims[:-1] if dim in stack.coords and stack.sizes[dim] > 1}
    step = f", step {abs(axis[-1] - axis[0]) / (axis.size - 1):.4g}" if axis.size > 1 else ""
    lines = [
        ("holds", ", ".join(map(str, stack.data_vars))),
        ("shape", " × ".join(f"{size} {dim}" for dim, size in image.sizes.items())),
        ("wavenumber", f"{axis[0]:.6g} to {axis[-1]:.6g} cm⁻¹{step}"),
        ("type", f"{image.dtype}, {bytes_in_words(image.nbytes)}"),
        ("pixel step", ", ".join(f"{dim} {value:.4g} µm" for dim, value in steps.items()) or "not told"),
        ("dark", "yes" if "dark" in stack else "none"),
        ("reference", "yes" if "reference" in stack else "none"),
        ("source", str(stack.attrs.get("source", ""))),
    ]
    if "status" in stack.attrs:
        lost = len(stack.attrs.get("damaged", ()))
        lines.append(("status", f"{stack.attrs['status']}{f'; blocks that could not be read and are NaN: {lost}' if lost else ''}"))
    return lines + [("history", line) for line in stack.attrs.get("history", [])]


def progress_bar() -> Progress:
    """Make a bar on stderr, shown while a terminal watches and gone when its stack is done; fields `rate` and `left`."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = round(seconds) if seconds < 1e8 else 0
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"
