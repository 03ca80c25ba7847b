"""One process to an output: a lock file beside it."""

from __future__ import annotations

import json
import os
import socket
import weakref
from contextlib import suppress
from pathlib import Path
from threading import get_ident

import psutil

from napari_crimson.errors import CrimsonError

__all__ = ["Lock", "check_free"]


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
            held = _holder(self.file)
            if held is None:
                continue  # released just now
            if not _is_dead(held):
                raise _taken(path, self.file, held)
            self._break(held)
        self._tidy()
        self._release = weakref.finalize(self, _delete, self.file, os.getpid())

    def release(self) -> None:
        """Give the output free; a second call does nothing."""
        self._release()

    def _take(self) -> bool:
        mine = self._beside(get_ident())
        try:
            me = {"pid": os.getpid(), "host": socket.gethostname(), "started": _birth(psutil.Process())}
            mine.write_text(json.dumps(me), encoding="utf-8")
            return _give_name(mine, self.file)
        finally:
            mine.unlink(missing_ok=True)

    def _break(self, held: str) -> None:
        """Move a dead lock aside; if another process was quicker and holds a new one, put that back."""
        aside = self._beside("dead")
        with suppress(FileNotFoundError):
            self.file.rename(aside)
            if aside.read_text(encoding="utf-8") != held:
                aside.rename(self.file)
            else:
                aside.unlink()

    def _beside(self, what: object) -> Path:
        """A file of this process, beside the lock."""
        return self.file.with_name(f"{self.file.name}.{socket.gethostname()}.{os.getpid()}.{what}")

    def _tidy(self) -> None:
        """Delete what processes of this machine have left that were killed as they took the lock."""
        ours = f"{self.file.name}.{socket.gethostname()}."
        with suppress(OSError):
            for left in [file for file in self.file.parent.iterdir() if file.name.startswith(ours)]:
                number = left.name.removeprefix(ours).partition(".")[0]
                if number.isdecimal() and not psutil.pid_exists(int(number)):
                    left.unlink()


def check_free(path: Path) -> None:
    """Raise `CrimsonError` if another process holds the lock; takes none."""
    file = path.with_name(path.name + ".lock")
    held = _holder(file)
    if held is not None and not _is_dead(held) and f'"pid": {os.getpid()},' not in held:
        raise _taken(path, file, held)


def _taken(path: Path, file: Path, held: str) -> CrimsonError:
    return CrimsonError(
        f"{path} is being written by another job ({held or 'unknown'}); wait for it, choose another output, "
        f"or, if nothing writes there any more, delete {file}"
    )


def _holder(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _is_dead(held: str) -> bool:
    """Tell whether the holder ran on this machine and does no more; a number used again is another process."""
    try:
        holder = json.loads(held)
        if holder["host"] != socket.gethostname():
            return False
        process = psutil.Process(int(holder["pid"]))
        return _birth(process) != str(holder["started"]) or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (ValueError, TypeError, KeyError, psutil.Error):
        return False


def _birth(process: psutil.Process) -> str:
    """When a process began, on a clock that nobody sets: Linux reckons the time of day from the one it has now."""
    with suppress(OSError, ValueError, IndexError):
        ticks = Path(f"/proc/{process.pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()} {ticks}"
    return f"{process.create_time():.0f}"


def _give_name(file: Path, name: Path) -> bool:
    """Give a file that is whole a second name, if that is free; where a disk knows no second names, make it anew."""
    try:
        os.link(file, name)
    except FileExistsError:
        return False
    except OSError:
        try:
            with name.open("x", encoding="utf-8") as made:
                made.write(file.read_text(encoding="utf-8"))
        except FileExistsError:
            return False
        except BaseException:  # a full disk: an empty lock would be nobody's, and stay for ever
            name.unlink()
            raise
    return True


def _delete(file: Path, holder: int) -> None:
    if os.getpid() == holder:  # not at the end of a forked child
        with suppress(OSError):
            file.unlink()
