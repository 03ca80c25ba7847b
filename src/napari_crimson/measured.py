"""What has been measured on this machine, once, and is kept in the user's cache: numbers by name, and nothing that runs.

Where nothing can be kept (a read-only home, a bare machine), it is measured anew in each process.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["FILE_VARIABLE", "keep", "kept"]

FILE_VARIABLE = "CRIMSON_MEASURED"
_MOST_BYTES, _MOST_NAMES = 2**20, 1000

_here: dict[str, float] = {}


def kept(name: str) -> float | None:
    """Give a number that was measured here earlier, by this process or another one; None if there is none."""
    if name not in _here:
        _here.update({key: value for key, value in _read().items() if key not in _here})
    return _here.get(name)


def keep(name: str, value: float) -> None:
    """Keep a number for this process and, if that can be, for those to come."""
    _here[name] = value
    path = _file()
    if path is None:
        return
    names = {**_read(), name: value}
    text = json.dumps(dict(list(names.items())[-_MOST_NAMES:]), indent=1)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)


def _file() -> Path | None:
    if chosen := os.environ.get(FILE_VARIABLE):
        return Path(chosen)
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:  # a bare machine that trains by a recipe
        return None
    return user_cache_path("napari-crimson", appauthor=False) / "measured.json"


def _read() -> dict[str, float]:
    """All numbers in the file; none where it cannot be read or is none of ours."""
    path = _file()
    with suppress(OSError, ValueError, RecursionError):
        if path is not None and path.stat().st_size <= _MOST_BYTES:
            found = json.loads(path.read_text(encoding="utf-8"))
            pairs = found.items() if isinstance(found, dict) else ()
            return {key: float(value) for key, value in pairs if isinstance(value, int | float)}
    return {}
