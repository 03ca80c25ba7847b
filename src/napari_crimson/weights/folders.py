"""Where weights lie: those that are shipped, and the user's own, each under a name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from napari_crimson.errors import CrimsonError

__all__ = [
    "BASELINE",
    "FOLDER_VARIABLE",
    "SHIPPED",
    "check_new_name",
    "is_weights",
    "locate",
    "names",
    "own_folder",
    "own_names",
    "shipped_names",
]

SHIPPED = Path(__file__).parent
BASELINE = SHIPPED / "baseline" / "dense.safetensors"  # to measure against, and no remover to choose
FOLDER_VARIABLE = "CRIMSON_WEIGHTS"

_NAME = re.compile(r"\w(?:[\w -]{0,62}\w)?")  # no dots, commas, slashes: a name is no path, and lists of names have commas
_TAKEN = ("kk", "mem", "auto", "none", "given")  # mean something else where a remover is named
_DEVICES = ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))  # of Windows


def shipped_names() -> list[str]:
    """Names of the shipped weights, ``cnn`` first."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def own_folder() -> Path:
    """Folder of the user's own weights, which need not exist yet: that of the platform, or what ``CRIMSON_WEIGHTS`` says."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_data_path  # not on a bare machine that trains by a recipe

    return user_data_path("napari-crimson", appauthor=False) / "weights"


def own_names() -> list[str]:
    """Names of the user's own weights: those that lie in their folder with a card."""
    try:
        cards = own_folder().glob("*.toml")
        return sorted(card.stem for card in cards if card.with_suffix(".safetensors").is_file())
    except (ModuleNotFoundError, OSError):
        return []


def names() -> list[str]:
    """Names of all weights there are, the shipped ones first."""
    shipped = shipped_names()
    return [*shipped, *(name for name in own_names() if name not in shipped)]


def is_weights(name_or_path: str | Path) -> bool:
    """Whether a name or path means weights: a name there is, or any ``.safetensors``."""
    return str(name_or_path) in names() or Path(name_or_path).suffix == ".safetensors"


def locate(name_or_path: str | Path) -> Path:
    """Path of weights by name, or as it is given.

    Raises
    ------
    CrimsonError
        If there are none.
    """
    name = str(name_or_path)
    if name in shipped_names():
        return SHIPPED / f"{name}.safetensors"
    if name in own_names():
        return own_folder() / f"{name}.safetensors"
    path = Path(name_or_path)
    if not path.is_file():
        raise CrimsonError(f"no weights '{path}'; there are {', '.join(names()) or 'none'}, or give the path of a .safetensors file")
    return path


def check_new_name(name: str) -> None:
    """Check that weights can be kept under a name.

    Raises
    ------
    CrimsonError
        If it is no name, or taken.
    """
    if not _NAME.fullmatch(name):
        raise CrimsonError(
            f"{name!r} is no name for a remover; take up to 64 letters, digits, '-', '_' and spaces between, such as glass-2026"
        )
    folded = name.casefold()  # as the file systems of Windows and macOS see it
    if folded in _TAKEN or folded in _DEVICES:
        raise CrimsonError(f"'{name}' means something else; take another name")
    if folded in map(str.casefold, shipped_names()):
        raise CrimsonError(f"'{name}' is a shipped remover; take another name")
    if folded in map(str.casefold, own_names()):
        raise CrimsonError(f"there is a remover '{name}' already; take another name, or remove its files from {own_folder()} first")
