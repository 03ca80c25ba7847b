"""Work in a thread that stands back behind the window, so that this answers while the work takes all cores."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from queue import SimpleQueue
from typing import Any

from napari_crimson.priority import stand_back

__all__ = ["patiently"]

_GRACE_S = 0.5  # that work has to end which nobody wants any more


def patiently(steps: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Take the steps of some work in a thread of its own, which stands back; threads of napari's workers are others' as well.

    What the work raises is raised here. Closing ends the work after the step it is in, and waits half a second for that.
    """
    news: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    unwanted = threading.Event()

    def run() -> None:
        stand_back()
        try:
            with closing(steps):
                for step in steps:
                    news.put((True, step))
                    if unwanted.is_set():
                        break
        except BaseException as error:
            news.put((False, error))
        else:
            news.put((False, None))

    thread = threading.Thread(target=run, name="crimson-work", daemon=True)
    thread.start()
    try:
        while True:
            goes_on, told = news.get()
            if goes_on:
                yield told
            elif told is None:
                return
            else:
                raise told
    finally:
        unwanted.set()
        thread.join(_GRACE_S)
