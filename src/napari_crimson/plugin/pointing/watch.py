"""Connections to napari's events that are all let go of at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Watch"]


class Watch:
    """What has been connected since it was last cleared."""

    def __init__(self) -> None:
        self._connected: list[tuple[Any, Callable[..., None]]] = []

    def connect(self, event: Any, callback: Callable[..., None]) -> None:
        """Call back with an event."""
        event.connect(callback)
        self._connected.append((event, callback))

    def clear(self) -> None:
        """Call back no more."""
        while self._connected:
            event, callback = self._connected.pop()
            event.disconnect(callback)
