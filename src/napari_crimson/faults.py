"""What can fail outside this program: which failures may pass, and how long they are waited for. Decided here and nowhere else.

A read fails in one of two ways. Either the system does not give the bytes (a share is gone, a disk does not answer): that may
pass, is tried again with growing waits, and in the end stops the run, which can be resumed. Or the bytes are there and are
wrong (a damaged chunk): that does not pass, and costs the pixels in them only.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

from napari_crimson.errors import CrimsonError, DamagedError, UnreachableError
from napari_crimson.printable import printable

__all__ = ["WAITS_S", "persist", "read_fault", "write_fault"]

T = TypeVar("T")

WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 120.0)  # five minutes: a switch restarts, a cable is put back

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)
# Windows: a file that a scanner or a viewer holds for a moment; a share whose path, name or session is gone
_WINDOWS_PASSING = (5, 32, 33, 53, 55, 59, 64, 67, 121, 1231, 1232, 1236)

_log = logging.getLogger(__name__)


def persist(action: Callable[[], T], *, stopped: Event | None = None) -> T:
    """Do something, and again after growing waits while what it needs is out of reach; the last failure is raised.

    `stopped` ends a wait at once. What stays out of reach in a file that otherwise answers is damaged.
    """
    stopped = stopped or Event()
    for wait_s in (*WAITS_S, None):
        try:
            return action()
        except UnreachableError as error:
            if wait_s is None and error.one_spot:
                raise DamagedError(str(error)) from error
            if wait_s is None or stopped.is_set():
                raise
            _log.warning("%s; trying again in %g s", printable(error), wait_s)
            if stopped.wait(wait_s):
                raise
    raise AssertionError("the last try returns or raises")


def read_fault(path: Path, error: Exception) -> CrimsonError:
    """What a failed read of `path` means."""
    if isinstance(error, MemoryError):
        return CrimsonError(f"{path}: no memory left to read it ({error}); close other programs, or cut the stack")
    if isinstance(error, FileNotFoundError) and _is_gone(path):
        return UnreachableError(f"{path} is gone: put it back, or open it where it is now; is its disk or share connected?")
    if isinstance(error, OSError) and (error.errno or isinstance(error, FileNotFoundError)):
        spot = error.errno == errno.EIO and _answers(path)
        cure = "copy it elsewhere, its disk may be failing" if spot else "is it still there, and its disk or share connected?"
        return UnreachableError(f"{path}: cannot be read now ({error}); {cure}", one_spot=spot)
    return DamagedError(f"{path}: cannot be read any more ({error}); is it whole? Copy or export it again")


def write_fault(path: Path, error: OSError, kept: str = "") -> CrimsonError:
    """What a failed write to `path` means; `kept` says what is not lost."""
    reason = error.strerror or str(error)
    if getattr(error, "winerror", None) in _WINDOWS_PASSING or error.errno not in (None, *_FULL, *_CLOSED):
        return UnreachableError(f"cannot write {path}: {reason}; is its disk or share connected?{kept}")
    cure = "make room or choose another output" if error.errno in _FULL else "choose another output, in a folder you may write to"
    return CrimsonError(f"cannot write {path}: {reason}; {cure}{kept}")


def _is_gone(path: Path) -> bool:
    """Tell whether there is nothing at a path, as far as the system says."""
    try:
        return not path.exists()
    except OSError:
        return False


def _answers(path: Path) -> bool:
    """Tell whether a file gives its first byte."""
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False
