"""How bad input is refused: one error, that one line long, and nothing changed on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from napari_crimson import CrimsonError

__all__ = ["contents", "refused", "unchanged"]


def contents(folder: Path) -> dict[str, Any]:
    """All there is in a folder, byte by byte."""
    return {str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")}


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Expect a folder that is as it was, down to the times of its files."""
    before = contents(folder)
    yield
    assert contents(folder) == before


@contextmanager
def refused(folder: Path, match: str) -> Iterator[None]:
    """Expect one error of one line that says `match`, and a folder that is as it was."""
    with unchanged(folder):
        with pytest.raises(CrimsonError, match=match) as caught:
            yield
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 2500
