"""The file that an interrupted run goes on from: written in one piece, read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from napari_crimson.errors import CrimsonError

__all__ = ["read", "reading", "write"]


def write(path: Path, identity: str, device: torch.device, state: dict[str, Any]) -> None:
    """Write the state of a run, with what tells its recipe from others, and its device.

    Raises
    ------
    CrimsonError
        If there is no room for it; the one before stays.
    """
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"recipe": identity, "device": device.type, **state}, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # of a full disk torch tells in its own words
        partial.unlink(missing_ok=True)
        what = getattr(error, "strerror", None) or str(error).splitlines()[0][:100]
        raise CrimsonError(f"cannot write {path} ({what}); make room, the same call then goes on from the checkpoint before") from error


def read(path: Path, identity: str, device: torch.device) -> dict[str, Any]:
    """Read the state of a run of this very recipe; inside of `reading`. No code of a file is run.

    Raises
    ------
    CrimsonError
        If it is that of another recipe, or drew its spectra on another kind of device.
    """
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if state["recipe"] != identity:
        raise CrimsonError(f"{path} belongs to another recipe; delete it, or train into another folder")
    if state["device"] != device.type:  # whose random numbers go on nowhere else
        raise CrimsonError(
            f"{path} was written on '{state['device']}', this run is on '{device.type}'; go on there, or begin again with resume=False"
        )
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
