"""One process to an output: a lock file beside it."""

from __future__ import annotations

import json
import os
import socket
import weakref
from contextlib import suppress
from pathlib import Path

import psutil

from napari_crimson.errors import CrimsonError

__all__ = ["Lock"]


class Lock:
    """Hold ``<path>.lock`` until released, collected, or the process ends.

    The file names its holder. A lock whose process is gone from this machine is taken over; of other
    machines nothing can be known, so theirs must be deleted by hand.

    Raises
    ------
    CrimsonError
        If another process, or another job of this one, holds it.
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.with_name(path.name + ".lock")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        while not self._take():
            held = self._holder()
            if held is None:
                continue  # released just now
            if not _is_dead(held):
                raise CrimsonError(
                    f"{path} is being written by another job ({held or 'unknown'}); wait for it, choose another output, "
                    f"or, if nothing writes there any more, delete {self.file}"
                )
            self._break(held)
        self._release = weakref.finalize(self, _delete, self.file, os.getpid())

    def release(self) -> None:
        """Give the output free; a second call does nothing."""
        self._release()

    def _take(self) -> bool:
        try:
            handle = os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                me = psutil.Process()
                json.dump({"pid": me.pid, "host": socket.gethostname(), "started": me.create_time()}, file)
        except BaseException:  # a full disk: an empty lock would be nobody's, and stay for ever
            self.file.unlink()
            raise
        return True

    def _holder(self) -> str | None:
        try:
            return self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _break(self, held: str) -> None:
        """Move a dead lock aside; if another process was quicker and holds a new one, put that back."""
        aside = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            self.file.rename(aside)
            if aside.read_text(encoding="utf-8") != held:
                aside.rename(self.file)
            else:
                aside.unlink()


def _is_dead(held: str) -> bool:
    """Tell whether the holder ran on this machine and does no more; a number used again is another process."""
    try:
        holder = json.loads(held)
        if holder["host"] != socket.gethostname():
            return False
        process = psutil.Process(int(holder["pid"]))
        started: float = process.create_time()
        return abs(started - float(holder["started"])) > 1.0 or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, TypeError, KeyError, psutil.Error):
        return False


def _delete(file: Path, holder: int) -> None:
    if os.getpid() == holder:  # not at the end of a forked child
        with suppress(OSError):
            file.unlink()
