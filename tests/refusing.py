"""How bad input is met: one error, that is one line long, or a result, and nothing changed on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from napari_crimson import CrimsonError

__all__ = ["command_refused", "contents", "opened_or_refused", "refused", "unchanged"]

LONGEST = 2500  # characters that a message may have, with a path or two


def contents(folder: Path) -> dict[str, Any]:
    """All there is in a folder, byte by byte."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@contextmanager
def unchanged(*folders: Path) -> Iterator[None]:
    """Expect folders that are as they were, down to the times of their files."""
    before = [contents(folder) for folder in folders]
    yield
    for folder, was in zip(folders, before, strict=True):
        now = contents(folder)
        assert sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path)) == []


@contextmanager
def refused(folder: Path, match: str) -> Iterator[pytest.ExceptionInfo[CrimsonError]]:
    """Expect one error of one line that says `match`, and a folder that is as it was."""
    with unchanged(folder):
        with pytest.raises(CrimsonError, match=match) as caught:
            yield caught
        check_message(caught.value)


@contextmanager
def opened_or_refused(folder: Path) -> Iterator[None]:
    """Expect a result, or one error of one line that names the folder's file, and a folder that is as it was."""
    told = []
    with unchanged(folder):
        try:
            yield
        except CrimsonError as error:
            told.append(error)
    for error in told:
        check_message(error)
        assert str(folder) in str(error)


def command_refused(capsys: pytest.CaptureFixture[str], folders: Sequence[Path], match: str, *words: object) -> None:
    """Expect a command to end with exit code 1 and one line that says `match`, and folders that are as they were."""
    from napari_crimson.__main__ import main

    with unchanged(*folders), pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(match, line)


def check_message(error: CrimsonError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < LONGEST
