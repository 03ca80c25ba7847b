"""How many threads are at work together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class AtOnce:
    """Counts threads within `work`; `most` is how many they were at once."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    @contextmanager
    def work(self, seconds: float = 0.05) -> Iterator[None]:
        """Be at work for so long, and for what is done within."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(seconds)
        yield
        with self._lock:
            self._now -= 1
