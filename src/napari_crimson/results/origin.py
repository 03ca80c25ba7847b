"""Whether the data behind a stack are still what they were: sizes, times of change, samples of the content, two pixels.

A run that is taken up again, tomorrow or after a crash, must not join the halves of two different stacks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from napari_crimson.errors import DamagedError
from napari_crimson.faults import read_fault
from napari_crimson.results.journal import aside

__all__ = ["changes", "files_behind", "origin_of", "same_pixels"]

_BROWSED = (".DS_Store", "Thumbs.db", "desktop.ini")  # what looking into a folder leaves there
_SAMPLE_BYTES, _SAMPLES = 2**16, 16  # a mebibyte of each file; of a folder, of as many files
_CLOCK_S = 2.0  # what file systems round times to


def origin_of(source: str, cars: da.Array, *, apart_from: Path | None = None, rounded: bool = False) -> dict[str, Any]:
    """Describe what is behind a stack, in plain values: the file or folder `source`, if there is one, and two pixels.

    `apart_from` is a folder that does not belong to it. Of a stack that was made with `rounded` results, pixels count to four
    digits: another number of threads may round an SVD otherwise. A pixel that cannot be read is ``""``.
    """
    return {"pixels": _pixels(cars, rounded=rounded), **files_behind(source, apart_from=apart_from)}


def files_behind(source: str, *, apart_from: Path | None = None) -> dict[str, Any]:
    """The part of `origin_of` that tells of files; empty where there are none.

    Raises
    ------
    UnreachableError
        If their disk or share does not answer.
    """
    if not source:
        return {}
    path = Path(source)
    try:
        files = _files(path, apart_from) if path.exists() else {}
        return _described(files) if files else {}
    except OSError as error:
        raise read_fault(path, error) from error


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of the files of an origin has changed, in words; empty if nothing."""
    found = []
    for key, word in (("files", "files"), ("size", "bytes")):
        if key in before and key in now and before[key] != now[key]:
            found.append(f"{before[key]:,} {word} then, {now[key]:,} now")
    if "modified" in before and "modified" in now and abs(before["modified"] - now["modified"]) > _CLOCK_S:
        found.append(f"last changed {_date(before['modified'])} then, {_date(now['modified'])} now")
    elif "stamps" in before and "stamps" in now and before["stamps"] != now["stamps"] and not found:
        found.append(f"some of its {now['files']:,} files last changed at another time than then, the newest at {_date(now['modified'])}")
    if before.get("sample") != now.get("sample") and "sample" in before and "sample" in now:
        found.append("its content differs")
    return "; ".join(found)


def same_pixels(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether the pixels that could be read both times are the same."""
    pairs = zip(before.get("pixels", ()), now.get("pixels", ()), strict=False)
    return all(a == b for a, b in pairs if a and b)


def _files(path: Path, apart_from: Path | None) -> dict[str, Path]:
    """All files of a file or folder, by their names within it."""
    if not path.is_dir():
        return {path.name: path}
    kept: dict[str, Path] = {}
    ours = [] if apart_from is None else [one.resolve() for one in (apart_from, *aside(apart_from))]
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not ours or (Path(folder) / name).resolve() not in ours]
        names = [name for name in names if name not in _BROWSED and not name.endswith(".lock")]
        kept |= {str((Path(folder) / name).relative_to(path)): Path(folder) / name for name in names}
    return dict(sorted(kept.items()))


def _described(files: Mapping[str, Path]) -> dict[str, Any]:
    digest, stamps = hashlib.sha256(), hashlib.sha256()
    stats = [file.stat() for file in files.values()]
    for name, stat in zip(files, stats, strict=True):
        named = f"{name} {stat.st_size}\n".encode("utf-8", "surrogateescape")
        digest.update(named)
        stamps.update(named + f"{stat.st_mtime_ns}\n".encode())
    every = -(-len(files) // _SAMPLES)
    for file, stat in list(zip(files.values(), stats, strict=True))[::every]:
        with file.open("rb") as opened:
            for part in range(_SAMPLES):
                opened.seek(max(0, stat.st_size - _SAMPLE_BYTES) * part // (_SAMPLES - 1))
                digest.update(opened.read(_SAMPLE_BYTES))
    # Most of a folder's files are in no sample, so each one's time counts to the last digit; one file is in all of them, and its
    # time may be rounded.
    return {
        "files": len(files),
        "size": sum(stat.st_size for stat in stats),
        "modified": max(stat.st_mtime for stat in stats),
        "sample": digest.hexdigest(),
        **({"stamps": stamps.hexdigest()} if len(files) > 1 else {}),
    }


def _pixels(cars: da.Array, *, rounded: bool) -> list[str]:
    """Digests of the pixel in the middle and the last one."""
    middle, last = tuple(size // 2 for size in cars.shape[:-1]), tuple(size - 1 for size in cars.shape[:-1])
    try:  # both at once: a chunk they share may be costly to make
        pixels = da.compute(cars[middle], cars[last], scheduler="synchronous")  # type: ignore[no-untyped-call]
    except DamagedError:
        pixels = tuple(_readable(cars[at]) for at in (middle, last))
    found = []
    for pixel in pixels:
        values = b"" if pixel is None else np.ascontiguousarray(pixel).tobytes()
        if rounded and pixel is not None:
            values = f"{pixel.mean():.3e} {pixel.std():.3e}".encode()
        found.append(hashlib.sha256(values).hexdigest()[:16] if pixel is not None else "")
    return found


def _readable(pixel: da.Array) -> Any:
    try:
        return pixel.compute(scheduler="synchronous")  # type: ignore[no-untyped-call]
    except DamagedError:
        return None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
