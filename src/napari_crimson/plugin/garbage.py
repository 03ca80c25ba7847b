"""Python's garbage, collected on the main thread while threads of ours are at work.

Forms lie in reference cycles, and Python collects those in whichever thread makes the next object. PySide then deletes the
widgets of a form one by one, on the main thread, when the form itself has already deleted them: a crash.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_crimson.plugin.collector import Collector

__all__ = ["hold_garbage", "start_thread"]


def hold_garbage() -> Callable[[], None]:
    """Have no thread but the main one collect garbage, until what is given back is called; both in any thread.

    Without a window nothing is done, nor has to be.
    """
    if "qtpy.QtWidgets" not in sys.modules:
        return lambda: None
    return _collector().hold()


def start_thread(work: Callable[[], object], name: str) -> threading.Thread:
    """Start a daemon thread in which no garbage is collected."""
    release = hold_garbage()

    def run() -> None:
        try:
            work()
        finally:
            release()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


@cache
def _collector() -> Collector:
    from napari_crimson.plugin.collector import Collector

    return Collector()
