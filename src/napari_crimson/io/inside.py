"""Whether what a stack refers to, beside it or within its folder, lies in the folder it came in.

A file from anywhere may name another one, or be a link to it: what lies outside of its folder the user did not choose.
"""

from __future__ import annotations

from pathlib import Path

from napari_crimson.errors import CrimsonError

__all__ = ["check_inside", "is_inside"]


def is_inside(path: Path, folder: Path) -> bool:
    """Tell whether `path` ends in `folder` once all links are followed; `folder` itself may be one."""
    return path.resolve().is_relative_to(folder.resolve())


def check_inside(path: Path, folder: Path, *, of: Path) -> None:
    """Refuse a `path` that the stack `of` refers to and that leads out of `folder`, or to what is no file.

    Raises
    ------
    CrimsonError
        With what it is and where it leads.
    """
    if not is_inside(path, folder):
        raise CrimsonError(f"{of}: takes values from {path}, which leads to {path.resolve()}, outside the folder; copy the file into it")
    if path.exists() and not path.is_file():  # a pipe or a device could keep its reader waiting for ever
        raise CrimsonError(f"{of}: takes values from {path}, which is no regular file; take it away")
