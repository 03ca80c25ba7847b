"""Recipes in files: a .toml, or a result that carries the recipe it was made by.

A recipe is data. It is parsed, compared with the steps and options there are, and nothing of it is run or imported.
"""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr

from napari_crimson.errors import CrimsonError
from napari_crimson.io.inside import check_inside
from napari_crimson.io.ome_zarr import NAMESPACE
from napari_crimson.pipeline.pipeline import GIVEN, NONE, OWN, Pipeline
from napari_crimson.pipeline.steps import Step
from napari_crimson.text_file import read_text

__all__ = ["parse_pipeline", "read_pipeline"]

MOST_BYTES = 4 * 2**20  # a list of every point of a long axis, a few times over
_WORDS = ("remover", "reference", "dark", "precision", "uncertainty", "dtype", "settings", "step")


def read_pipeline(source: str | Path | xr.Dataset) -> Pipeline:
    """Read a recipe.

    Parameters
    ----------
    source : path or xarray.Dataset
        A .toml file; a result in a Zarr folder; or a result in memory. Relative paths in a file are taken from its folder.

    Raises
    ------
    CrimsonError
        If it holds no recipe, or one with a step, an option or a value that is not known: says where.
    """
    if isinstance(source, xr.Dataset):
        text = source.attrs.get("recipe")
        if not isinstance(text, str):
            raise CrimsonError("this stack carries no recipe: it is no result of this version, and was prepared by no pipeline")
        return parse_pipeline(text, "the recipe of this stack")
    path = Path(source).expanduser()
    text = _recipe_of_result(path) if path.is_dir() else _text(path)
    return parse_pipeline(text, str(path), folder=None if path.is_dir() else path.parent)


def parse_pipeline(text: str, where: str = "recipe", *, folder: Path | None = None) -> Pipeline:
    """Read the text of a recipe; `where` names it in errors, `folder` is where relative paths in it start.

    Raises
    ------
    CrimsonError
        As `read_pipeline`.
    """
    if len(text) > MOST_BYTES:
        raise CrimsonError(f"{where}: {len(text):,} characters, more than the {MOST_BYTES:,} a recipe may have")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CrimsonError(f"{where}: no readable TOML ({error})") from error
    for word in table:
        if word not in _WORDS:
            raise CrimsonError(f"{where}: unknown '{word}'; a pipeline recipe has {', '.join(_WORDS)}")
    steps = table.pop("step", [])
    if not isinstance(steps, list):
        raise CrimsonError(f"{where}: steps are tables, each under a line [[step]]")
    read = tuple(_step(step, number, where, folder) for number, step in enumerate(steps, start=1))
    if not isinstance(table.get("settings", {}), dict):
        raise CrimsonError(f"{where}: settings = {table['settings']!r}: give a table, under a line [settings]")
    try:
        return Pipeline(steps=read, **{word: _path(word, value, folder) for word, value in table.items()})
    except CrimsonError as error:
        raise CrimsonError(f"{where}: {error}") from error


def _step(table: Any, number: int, where: str, folder: Path | None) -> Step:
    options = dict(table) if isinstance(table, dict) else {}
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise CrimsonError(f'{where}, step {number}: say which, name = "crop" for example, under a line [[step]]')
    try:
        return Step(name, {option: _path(option, value, folder) for option, value in options.items()})
    except CrimsonError as error:
        raise CrimsonError(f"{where}, step {number} ({name}): {error}") from error


def _path(word: str, value: Any, folder: Path | None) -> Any:
    """Take a relative path from the folder of the recipe, and leave anything else as it is."""
    named = word in ("reference", "dark") or (word == "remover" and str(value).endswith(".safetensors"))
    if folder is None or not named or not isinstance(value, str) or value in ("", OWN, NONE, GIVEN):
        return value
    return str(folder.resolve() / Path(value).expanduser())


def _text(path: Path) -> str:
    try:
        return read_text(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise CrimsonError(f"{path}: no readable recipe ({getattr(error, 'strerror', None) or error}); give a .toml or a .zarr") from error


def _recipe_of_result(path: Path) -> str:
    text, record = None, path / "zarr.json"
    check_inside(record, path, of=path)
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        text = json.loads(_text(record))["attributes"][NAMESPACE]["recipe"] if record.is_file() else None
    if not isinstance(text, str):
        raise CrimsonError(f"{path}: carries no recipe: no result of napari-crimson, or of a version before recipes; give a .toml")
    return text
