"""`Newest`: work off the main thread, of which only the newest of its kind is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_crimson.plugin.garbage import start_thread

__all__ = ["Newest", "Work"]

Work = Callable[[], Iterator[Any]]  # each step gives an answer, or None where there is nothing to show yet

_LINGER_S = 2.0  # a moving cursor soon asks again, and a thread takes long to start where all cores are busy

_ending: list[tuple[Newest, threading.Thread]] = []  # a QObject must not die in another thread than its own


class Newest(QObject):
    """Does the newest work under each key, one step at a time, in a thread that is there while there is work, and a little longer.

    Work asked for under a key replaces what was asked before and has not begun, or is between two steps; the step in work
    still answers, so that a cursor that never rests sees spectra all the same. Urgent work goes ahead of the rest between any two of its
    steps, so that a long one keeps nobody waiting. Answers and errors arrive on the main thread.

    Parameters
    ----------
    answer : callable
        ``answer(key, result)`` on the main thread; the result is an exception where the work raised it.
    """

    _arrived = Signal(object, object, object)

    def __init__(self, answer: Callable[[Hashable, Any], None]) -> None:
        super().__init__()
        self._answer: Callable[[Hashable, Any], None] | None = answer
        self._lock = threading.Condition()
        self._work: dict[Hashable, tuple[bool, Iterator[Any]]] = {}
        self._tokens: dict[Hashable, object] = {}  # another for a key that has been dropped meanwhile
        self._thread: threading.Thread | None = None
        self._started: threading.Thread | None = None
        self._closed = False
        self._answered = threading.Event()
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether anything is still to be done."""
        with self._lock:
            return bool(self._work)

    def ask(self, key: Hashable, work: Work, *, urgent: bool = False) -> None:
        """Ask for work; returns at once."""
        with self._lock:
            if self._closed:
                return
            self._answered.clear()
            self._tokens.setdefault(key, object())
            self._work[key] = (urgent, work())
            self._lock.notify_all()
            if self._thread is None:
                self._thread = self._started = start_thread(self._run, "crimson-spectra")

    def wait(self, seconds: float) -> None:
        """Stand still until the next answer has been sent, or for so long; it arrives once the main thread is back in its loop."""
        self._answered.wait(seconds)

    def drop(self, key: Hashable) -> None:
        """Want no more answers under a key."""
        with self._lock:
            self._work.pop(key, None)
            self._tokens.pop(key, None)

    def close(self) -> None:
        """End; returns at once, while the thread may still finish the step it is in, to no effect."""
        with self._lock:
            self._closed, self._answer = True, None
            self._work.clear()
            self._tokens.clear()
            self._lock.notify_all()
        _ending[:] = [(one, thread) for one, thread in _ending if thread.is_alive()]
        if self._started is not None and self._started.is_alive():
            _ending.append((self, self._started))

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closed or self._work, _LINGER_S)
                if self._closed or not self._work:
                    self._thread = None
                    return
                key = next((key for key, (urgent, _) in self._work.items() if urgent), None)
                key = next(iter(self._work)) if key is None else key
                (_, steps), token = self._work[key], self._tokens[key]
            done, answer = _step(steps)
            with self._lock:
                if done and key in self._work and self._work[key][1] is steps:  # and not something newer
                    del self._work[key]
                if answer is not None and self._tokens.get(key) is token:
                    try:
                        self._arrived.emit(key, token, answer)
                    except RuntimeError:  # Qt itself has gone, as when the program ends
                        self._work.clear()
            self._answered.set()

    def _take(self, key: Hashable, token: object, answer: Any) -> None:
        """Hand over an answer, unless its key was dropped while it was on its way."""
        if self._answer is not None and self._tokens.get(key) is token:
            self._answer(key, answer)


def _step(steps: Iterator[Any]) -> tuple[bool, Any]:
    """Take a step: whether it was the last, and the answer, which is the exception where one was raised."""
    try:
        return False, next(steps)
    except StopIteration:
        return True, None
    except Exception as error:
        return True, error
