"""The recipe that a stack carries: a TOML text in attrs ``recipe``, with the steps that led to its intensities.

Each step of the preparation puts itself there, whoever calls it, so that a result tells all that was done.
`pipeline` reads and runs such a text.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numpy as np
import xarray as xr

from napari_crimson.toml import toml_from_dict

__all__ = ["changed_settings", "recorded", "steps_of", "with_steps"]

P = ParamSpec("P")


def steps_of(stack: xr.Dataset) -> list[dict[str, Any]]:
    """Steps that led to the intensities of a stack, as tables; none where it does not tell."""
    try:
        steps = tomllib.loads(str(stack.attrs.get("recipe", ""))).get("step", [])
    except (ValueError, RecursionError):  # of a file from anywhere
        return []
    sound = isinstance(steps, list) and all(isinstance(step, dict) and _is_flat(step) for step in steps)
    return steps if sound else []


def with_steps(stack: xr.Dataset, steps: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Copy of a stack that carries these steps, and no removal."""
    return stack.assign_attrs(recipe=toml_from_dict({"step": list(steps)}))


def recorded(function: Callable[Concatenate[xr.Dataset, P], xr.Dataset]) -> Callable[Concatenate[xr.Dataset, P], xr.Dataset]:
    """Let a step of the preparation put itself, with what it was given, behind the steps of the stack."""
    signature = inspect.signature(function)

    @wraps(function)
    def step(ds: xr.Dataset, /, *args: P.args, **kwargs: P.kwargs) -> xr.Dataset:
        done = function(ds, *args, **kwargs)
        given = list(signature.bind(ds, *args, **kwargs).arguments.items())[1:]
        options: dict[str, Any] = {}
        for name, value in given:
            options |= changed_settings(value) if is_dataclass(value) else {name: _plain(value)}
        return with_steps(done, [*steps_of(ds), {"name": function.__name__, **options}])

    return step


def changed_settings(settings: Any) -> dict[str, Any]:
    """Values of a settings object that are not the default ones, those of settings within it among them."""
    found: dict[str, Any] = {}
    for field in fields(settings) if is_dataclass(settings) else ():
        value = getattr(settings, field.name)
        if is_dataclass(value):
            found |= changed_settings(value)
        elif value != field.default:
            found[field.name] = _plain(value)
    return found


def _is_flat(step: Mapping[str, Any]) -> bool:
    """Tell whether a table holds nothing but numbers, words, and lists and pairs of these, as those of steps do."""
    parts = [part for value in step.values() for part in (value if isinstance(value, list) else [value])]
    singles = [single for part in parts for single in (part if isinstance(part, list) else [part])]
    return all(key.isidentifier() for key in step) and all(isinstance(single, str | bool | int | float) for single in singles)


def _plain(value: Any) -> Any:
    """A value as TOML takes it; a mapping as pairs."""
    if value is None or isinstance(value, str | bool | int):
        return value
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    return np.asarray(pairs, dtype=np.float64).tolist()
