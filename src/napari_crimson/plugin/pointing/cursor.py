"""The pixel under the cursor, and pixels that are clicked."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_crimson.priority import window_in_use

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.plugin.pointing.spectra_source import Pixel

__all__ = ["Cursor", "pixel_at"]

_PAUSE_MS = 40  # a mouse may report a thousand times a second
_REST_S = 0.1  # without a move; a window that is busy painting may be told late of one


class Cursor(QObject):
    """Watches the mouse over the canvas until `close`.

    Attributes
    ----------
    moved : Signal
        The cursor is elsewhere: at once where it was at rest, and every 40 ms while it moves, with the newest position.
    clicked : Signal(tuple)
        A click with Ctrl, or any click while `clicks_pin`; with the position in world coordinates.
    position : tuple of float, optional
        World coordinates where the cursor was last.
    sets_off : bool
        Whether `moved` tells of the first move after a rest.
    """

    moved = Signal()
    clicked = Signal(tuple)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.position: tuple[float, ...] | None = None
        self.clicks_pin = self.sets_off = False
        self._viewer = viewer
        self._waiting = False
        self._moved = -math.inf
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._go_on)
        viewer.mouse_move_callbacks.append(self._move)
        viewer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Let go of the viewer."""
        for callbacks, ours in ((self._viewer.mouse_move_callbacks, self._move), (self._viewer.mouse_drag_callbacks, self._drag)):
            if ours in callbacks:
                callbacks.remove(ours)
        with suppress(RuntimeError):  # where Qt has gone first
            self._pause.stop()

    def _move(self, _: Any, event: Any) -> None:
        window_in_use()
        self.position = tuple(event.position)
        self._waiting = True
        now, before = time.perf_counter(), self._moved
        self._moved = now
        if not self._pause.isActive():
            self.sets_off = now - before > _REST_S
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            self._waiting = False
            self._pause.start()
            self.moved.emit()
        self.sets_off = False

    def _drag(self, _: Any, event: Any) -> Generator[None, None, None]:
        wanted = event.button == 1 and (self.clicks_pin or "Control" in event.modifiers)
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if wanted and not moved:
            self.clicked.emit(tuple(event.position))


def pixel_at(layer: Image, position: tuple[float, ...]) -> Pixel:
    """Pixel ([t,] [z,] y, x) of a layer at a position in world coordinates, which may lie outside of it."""
    return tuple(round(float(at)) for at in layer.world_to_data(position[-layer.ndim :])[1:])
