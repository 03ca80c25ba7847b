"""Readers that do what must not happen, one of each, to see that it is found."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path

import numpy as np

from fuzzing.worker import MOST_BYTES
from napari_crimson.errors import CrimsonError

__all__ = ["crashes", "good", "grows", "hangs", "raises", "runs", "says", "strays", "unpickles", "warns", "writes"]


def good(path: Path) -> bool:
    if not path.exists():
        raise CrimsonError(f"{path}: no such file")
    return True


def raises(path: Path) -> bool:
    raise ZeroDivisionError("a bug")


def warns(path: Path) -> bool:
    warnings.warn("mind this", stacklevel=1)
    return True


def says(path: Path) -> bool:
    os.write(2, b"something in the terminal")
    return True


def writes(path: Path) -> bool:
    path.with_name("new").write_text("x")
    return True


def strays(path: Path) -> bool:
    return bool(Path("/etc/hostname").read_bytes())


def runs(path: Path) -> bool:
    return os.system("true") == 0


def unpickles(path: Path) -> bool:
    return bool(pickle.loads(pickle.dumps(Path)))


def grows(path: Path) -> bool:
    try:
        return bool(np.ones(MOST_BYTES // 4).any())
    except MemoryError as error:
        raise CrimsonError("the file is not whole") from error


def hangs(path: Path) -> bool:
    while True:
        pass


def crashes(path: Path) -> bool:
    os.abort()
