"""The file that an interrupted run goes on from: written in one piece, read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from napari_crimson.errors import CrimsonError

__all__ = ["read", "reading", "write"]


def write(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write the state of a run, with what tells its recipe from others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"recipe": identity, **state}, partial := path.with_suffix(".partial"))
    partial.replace(path)


def read(path: Path, identity: str, device: torch.device) -> dict[str, Any]:
    """Read the state of a run of this very recipe; inside of `reading`. No code of a file is run.

    Raises
    ------
    CrimsonError
        If it is that of another recipe.
    """
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if state["recipe"] != identity:
        raise CrimsonError(f"{path} belongs to another recipe; delete it, or train into another folder")
    return state


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in one line where a file turns out to be no checkpoint, or one of another version."""
    try:
        yield
    except CrimsonError:
        raise
    except Exception as error:  # torch says it in many ways
        raise CrimsonError(f"{path}: no readable checkpoint of this version; delete it, or begin again with resume=False") from error
