"""Threads that stand back behind others, the window's, which somebody looks at, and leave it cores while it is used."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["as_here", "leave_cores", "stand_back", "stands_back", "window_in_use"]

_NICE = 5  # on Linux: a third of the time of a thread that does not stand back, where both want all of it
_BELOW_NORMAL = -1  # on Windows

_USED_S = 0.5  # for so long after a move of the mouse somebody waits for the window
_FREE_CORES = 2  # one for the window, one for the spectrum under the cursor
_PATIENCE_S = 10.0  # then a piece of work goes on all the same, one at a time

_here = threading.local()
_cores = threading.Condition()
_taken = 0  # cores, by threads that stand back
_used = -math.inf  # when the window was last used


def stand_back() -> None:
    """Have the calling thread, until it ends, wait where others have work; on macOS nothing is done."""
    _here.back = True
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    elif sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetThreadPriority(ctypes.c_void_p(kernel.GetCurrentThread()), _BELOW_NORMAL)


def stands_back() -> bool:
    """Whether the calling thread does."""
    return getattr(_here, "back", False)


def as_here() -> Callable[[], None]:
    """What a thread that is started from here does first, to stand back if this one does."""
    return stand_back if stands_back() else _nothing


def window_in_use() -> None:
    """Note that somebody moves something in the window now."""
    global _used
    _used = time.perf_counter()


@contextmanager
def leave_cores() -> Iterator[None]:
    """Wait, on a thread that stands back, while the window is in use and other such threads are at work on all but two cores.

    Standing back alone does not do where all cores are at work: a painting takes many threads in turn, and each of them waits a little.
    On two cores the work waits until the window is left alone, ten seconds at most for each piece of it.
    """
    global _taken
    if not stands_back():
        yield
        return
    asked = time.perf_counter()
    with _cores:
        while time.perf_counter() - _used < _USED_S:
            patient = time.perf_counter() - asked < _PATIENCE_S
            if _taken < max((os.cpu_count() or 1) - _FREE_CORES, 0 if patient else 1):
                break
            _cores.wait(0.1)
        _taken += 1
    try:
        yield
    finally:
        with _cores:
            _taken -= 1
            _cores.notify()


def _nothing() -> None:
    pass
