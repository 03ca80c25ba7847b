"""Stacks that arrive in folders, as a microscope writes them through a night."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from napari_crimson.errors import CrimsonError
from napari_crimson.io.formats import FORMATS, can_open, is_zarr

__all__ = ["POLL_S", "SETTLE_S", "arrivals"]

SETTLE_S = 30.0  # for which a stack must not change before it is taken for whole
POLL_S = 5.0
_LOOKED_AT_S = 600.0  # a folder, which may have many files, for so long after it has changed, and once at the end

_BESIDE_HEADER = FORMATS["envi data"].suffixes  # the header is the stack
_NAMED = {suffix for form in FORMATS.values() if not form.mark for suffix in form.suffixes}.difference(_BESIDE_HEADER)

_Stamp = tuple[int, int, int]  # files, bytes, newest time of change


@dataclass
class _Waiting:
    """A stack that was seen: how it was, since when, and whether it has been given as it is."""

    stamp: _Stamp
    since: float
    given: bool = False


def arrivals(
    folders: Sequence[Path],
    idle_s: float,
    *,
    apart_from: Path,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Path]:
    """Give each stack in some folders once it has not changed for `SETTLE_S`, and again if it, or a file that goes with it, does later.

    What is there already comes first; those that wait come in the order of their times of change. A folder that does not answer for a
    while is waited for like one in which nothing arrives.

    Parameters
    ----------
    folders : sequence of Path
        Looked into, not below.
    idle_s : float
        End when nothing has arrived or changed for so many seconds.
    apart_from : Path
        Of results, which may lie within one of them.
    now, sleep : callable
        A clock in seconds that no one sets, and how to wait.

    Raises
    ------
    CrimsonError
        At once if one of them is no folder, is a Zarr, or is that of the results.
    """
    for folder in folders:
        if not folder.is_dir():
            raise CrimsonError(f"{folder}: no such folder; --watch takes folders, in which stacks arrive")
        if is_zarr(folder):
            raise CrimsonError(f"{folder}: is a stack itself, a Zarr; --watch takes the folder in which stacks arrive")
        if folder.resolve() == apart_from.resolve():
            raise CrimsonError(f"{folder}: results would be taken for stacks that arrive; give --out another folder")
    return _arrivals(folders, idle_s, apart_from.resolve(), now, sleep)


def _arrivals(
    folders: Sequence[Path], idle_s: float, results: Path, now: Callable[[], float], sleep: Callable[[float], object]
) -> Iterator[Path]:
    waiting: dict[Path, _Waiting] = {}
    changed = now()
    at_the_end = False
    while True:
        resting = {path for path, one in waiting.items() if one.given and path.is_dir() and now() - one.since > _LOOKED_AT_S}
        seen = _stacks_in(folders, {results}, passed_over=set() if at_the_end else resting)
        for path in [path for path, one in waiting.items() if not one.given and path not in seen]:
            del waiting[path]  # moved away, or its share is
        for path, stamp in seen.items():
            known = waiting.get(path)
            if known is None or known.stamp != stamp:
                changed = now()
                waiting[path] = _Waiting(stamp, since=changed)
        settled = [path for path, one in waiting.items() if not one.given and now() - one.since >= SETTLE_S]
        for path in sorted(settled, key=lambda path: waiting[path].stamp[-1]):
            waiting[path].given = True
            yield path
            changed = now()  # work is no idleness
        if not settled:
            idle = now() - changed >= max(idle_s, SETTLE_S)
            if idle and at_the_end:
                return
            at_the_end = idle  # all is looked at once more
            if not idle:
                sleep(POLL_S)


def _stacks_in(folders: Sequence[Path], apart_from: Set[Path], *, passed_over: Set[Path]) -> dict[Path, _Stamp]:
    """What looks like a stack, by name at least: one that is damaged is to be told of, too."""
    found = {}
    for folder in folders:
        with suppress(OSError):  # a share that is away comes back
            names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.resolve() not in apart_from)
            stacks = [path for path in map(folder.joinpath, names) if _is_stack(path)]
            for path in stacks:
                if path in passed_over:
                    continue
                beside = [one for one in _beside(path.stem, names) if folder / one not in stacks]
                with suppress(OSError):  # gone meanwhile
                    found[path] = _stamp([path, *map(folder.joinpath, beside)])
    return found


def _is_stack(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in _NAMED or (suffix not in _BESIDE_HEADER and can_open(path))


def _beside(stem: str, names: Sequence[str]) -> list[str]:
    """Of sorted names those that go with a stack: its data, its axis."""
    first = bisect_left(names, stem)
    near = takewhile(lambda name: name.startswith(stem), names[first:])
    return [name for name in near if name == stem or name.startswith(f"{stem}.")]


def _stamp(paths: Sequence[Path]) -> _Stamp:
    files = [Path(folder) / name for path in paths for folder, _, names in os.walk(path) for name in names]
    stats = [file.stat() for file in (*files, *(path for path in paths if not path.is_dir()))]
    return len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)
