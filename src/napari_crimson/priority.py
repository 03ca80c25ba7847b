"""Threads that stand back behind others: the window's, which somebody looks at."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

__all__ = ["as_here", "stand_back"]

_NICE = 5  # on Linux: a third of the time of a thread that does not stand back, where both want all of it
_BELOW_NORMAL = -1  # on Windows

_here = threading.local()


def stand_back() -> None:
    """Have the calling thread, until it ends, wait where others have work; on macOS nothing is done."""
    _here.back = True
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    elif sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetThreadPriority(ctypes.c_void_p(kernel.GetCurrentThread()), _BELOW_NORMAL)


def as_here() -> Callable[[], None]:
    """What a thread that is started from here does first, to stand back if this one does."""
    return stand_back if getattr(_here, "back", False) else _nothing


def _nothing() -> None:
    pass
