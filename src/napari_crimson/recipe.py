"""`Recipe`: everything that determines a training run but the machine, read from TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError
from napari_crimson.text_file import read_text

__all__ = ["Recipe", "read_recipe"]


_MOST_POINTS = 2**27  # of one batch, or of what is validated: 0.5 GiB for each number a point costs
_MOST_BYTES = 2**22
_MOST = 1e9
_MOST_AXIS = 100_000  # steps of an axis
_LARGEST_SEED = 2**62
_NAME = re.compile(r"\w[\w .+-]{0,98}")  # of a file in the folder of results, and of no other


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)) and 0 < value[0] <= value[1] <= _MOST


_UP_TO = f"above 0 and up to {_MOST:g}, the lower first"
_PAIR = (_is_pair, f"two numbers {_UP_TO}")
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {  # by annotation: what fits, and how to say it
    "str": (lambda value: isinstance(value, str) and value != "", "a text"),
    "str | None": (lambda value: value is None or (isinstance(value, str) and value != ""), "a text"),
    "int": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "float": (lambda value: type(value) in (int, float) and 0 <= value < math.inf, "a number not below 0"),
    "dict[str, Any]": (lambda value: isinstance(value, dict), "a table"),
    "tuple[int, int]": (lambda value: _is_pair(value) and all(type(part) is int for part in value), f"two numbers {_UP_TO}, both whole"),
    "tuple[float, float]": _PAIR,
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a training run but the machine.

    Raises
    ------
    CrimsonError
        If a value is not of its kind.
    """

    name: str
    network: str
    prior: str = "wide"
    arguments: dict[str, Any] = field(default_factory=dict)  # of the network
    bounds: dict[str, Any] = field(default_factory=dict)  # of the prior
    start: str | None = None  # weights to begin from, by name or path; else a fresh network
    learn: str = "all"  # or "answers", or "deviation" with the answers left as they are
    seed: int = 1
    steps: int = 24_000
    batch_points: int = 64_000  # spectra times wavenumbers of one step
    optimizer: str = "adamw"  # or "muon"
    learning_rate: float = 1.5e-3
    warm_up: int = 300
    decay: float = 0.4  # share of the steps, at the end, over which the learning rate falls to zero
    compress: float = 0.0  # share of a spectrum left unexplained beyond which its error counts by its logarithm; 0: errors as they are
    weight_decay: float = 1e-3
    averaging: float = 0.998  # of the weights that are validated and kept
    points: tuple[int, int] = (192, 1600)
    step_cm1: tuple[float, float] = (0.8, 8.0)
    range_cm1: tuple[float, float] = (200.0, 4000.0)
    validation_spectra: int = 768
    validate_every: int = 500

    def __post_init__(self) -> None:
        for f in fields(self):
            value, (fits, wanted) = getattr(self, f.name), _KINDS[str(f.type)]
            if not fits(value):
                raise CrimsonError(f"{f.name} = {repr(value)[:80]}, expected {wanted}")
        if not _NAME.fullmatch(self.name):
            raise CrimsonError(f"name = {self.name[:80]!r} is none of a file; take letters, digits, '-', '_', '.' and spaces")
        for key, good, wanted in (
            ("decay", self.decay <= 1, "a share of the steps, of 0 to 1"),
            ("averaging", self.averaging < 1, "a number below 1"),
            ("learn", self.learn != "deviation" or self.start is not None, "with start = … the weights whose deviation is to be learnt"),
        ):
            if not good:
                raise CrimsonError(f"{key} = {getattr(self, key)!r}, expected {wanted}")
        if self.seed > _LARGEST_SEED:
            raise CrimsonError(f"seed = {self.seed}, expected one of up to {_LARGEST_SEED}")
        width = self.range_cm1[1] - self.range_cm1[0]
        if width < self.step_cm1[1] or width / self.step_cm1[0] > _MOST_AXIS:
            raise CrimsonError(
                f"range_cm1 = {list(self.range_cm1)} in steps of step_cm1 = {list(self.step_cm1)}: give a range of one step and more, "
                f"and of {_MOST_AXIS:,} at most"
            )
        points = max(self.batch_points, self.validation_spectra * self.points[1])
        if points > _MOST_POINTS:
            raise CrimsonError(f"{points:,} points at once, from batch_points or validation_spectra times points; at most {_MOST_POINTS:,}")


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from TOML.

    Raises
    ------
    CrimsonError
        If the file cannot be read, or holds a key that no recipe has or a value that does not fit.
    """
    try:
        table = tomllib.loads(read_text(Path(path), _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise CrimsonError(f"{path}: no readable recipe ({error})") from error
    known = {f.name for f in fields(Recipe)}
    if unknown := table.keys() - known:
        raise CrimsonError(f"{path}: unknown {', '.join(sorted(unknown))}; a recipe has {', '.join(sorted(known))}")
    if "network" not in table:
        raise CrimsonError(f"{path}: a recipe must say network = 'cnn' or 'rnn'")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    try:
        return Recipe(**{"name": Path(path).stem, **values})
    except CrimsonError as error:
        raise CrimsonError(f"{path}: {error}") from error
