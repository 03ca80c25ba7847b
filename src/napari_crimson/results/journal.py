"""The list of finished blocks beside a result on disk, and what keeps it from being ahead of the disk.

A file of lines: the fingerprint of the job, then ``<block> <bad pixels>`` for each finished block, with the reason as a JSON
text behind it where the block could not be read. A line is written once the block itself is on the disk (`to_disk`), and is
seen there itself before the next. A line that a crash has torn counts for nothing.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Done", "Journal", "aside", "replace_file", "to_disk"]

_AT_ONCE = 16
_UNKNOWN = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # of a share that cannot flush, folders above all
_LINE = re.compile(r'(\d+) (\d+)(?: ("[^\n]*"))?\n')


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished block: how many of its pixels have no result, and why it could not be read, if it could not."""

    bad_pixels: int
    damage: str = ""


def aside(path: Path) -> tuple[Path, Path]:
    """What may stand beside a result for a moment: it before it is whole, and an earlier one that is being deleted."""
    return path.with_name(f".{path.name}.unfinished"), path.with_name(f".{path.name}.replaced")


class Journal:
    """The list in the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end: int | None = None  # behind its last whole line

    def begin(self, fingerprint: str, blocks: dict[int, Done] | None = None) -> None:
        """Begin a list in place of any earlier one, with the blocks that are finished already."""
        lines = (_line(block, done) for block, done in (blocks or {}).items())
        replace_file(self.path, "".join([f"{fingerprint}\n", *lines]))
        self._end = None

    def read(self, fingerprint: str) -> dict[int, Done] | None:
        """The finished blocks; None where the list is missing, or of another job."""
        try:
            text = self.path.read_text(encoding="latin-1")  # a character a byte
        except FileNotFoundError:
            return None
        if not text.startswith(f"{fingerprint}\n"):
            return None
        at = len(fingerprint) + 1
        blocks = {}
        while line := _LINE.match(text, at):
            blocks[int(line[1])] = Done(bad_pixels=int(line[2]), damage=json.loads(line[3]) if line[3] else "")
            at = line.end()
        self._end = at
        return blocks

    def mend(self) -> None:
        """Cut off the torn end, if the list has one, behind what has been read."""
        if self._end is not None and self.path.stat().st_size > self._end:
            os.truncate(self.path, self._end)

    def add(self, block: int, done: Done) -> None:
        """Note a block that is on the disk; a second call goes over what a failed one has written."""
        line = _line(block, done).encode("ascii")
        with self.path.open("r+b") as file:
            self._end = file.seek(0 if self._end is None else self._end, os.SEEK_END if self._end is None else os.SEEK_SET)
            file.truncate()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._end += len(line)

    def remove(self) -> None:
        """Drop the list."""
        self.path.unlink(missing_ok=True)


def to_disk(files: Iterable[Path], within: Path) -> None:
    """See files, as far as they exist, and the folders they lie in up to `within`, to the disk: they survive a power failure."""
    entries: set[Path] = {within}
    for path in files:
        entry = next(entry for entry in (path, *path.parents) if entry.exists())
        while entry not in entries and entry.is_relative_to(within):  # files in one folder share the way up
            entries.add(entry)
            entry = entry.parent
    if sys.platform == "win32":  # which lets no folder be opened, and keeps its entries in order by itself
        entries = {entry for entry in entries if entry.is_file()}
    with ThreadPoolExecutor(_AT_ONCE, "crimson-flush") as pool:  # a file system does with many in one go
        list(pool.map(_flush, entries))


def replace_file(path: Path, text: str) -> None:
    """Give a file a new text: after a crash it has the old one or the new one, whole."""
    fresh = path.with_name(f"{path.name}.partial")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    _flush(fresh)
    fresh.replace(path)
    to_disk((), path.parent)


def _line(block: int, done: Done) -> str:
    return f"{block} {done.bad_pixels}{' ' + json.dumps(done.damage) if done.damage else ''}\n"


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(handle)
