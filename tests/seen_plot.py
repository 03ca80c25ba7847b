"""A plot as it is seen on the screen, and the mouse on it."""

from __future__ import annotations

from typing import Any

import numpy as np

AXIS = np.linspace(500.0, 3500.0, 301)
PEAK = 1 / (1 + ((AXIS - 2000) / 100) ** 2)


def pixels(widget: Any) -> np.ndarray:
    """Colours (y, x, 3) on the screen, without the frame of axes and legend."""
    from qtpy.QtGui import QImage

    image = widget.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def shows(widget: Any, colour: str) -> int:
    """How many pixels are nearly of a colour ``#rrggbb``."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(pixels(widget) - wanted).max(axis=-1) < 40).sum())


def on_screen(widget: Any, x: float, y: float) -> Any:
    """Where a point of the plot lies in its view."""
    from qtpy.QtCore import QPointF

    return widget.view.mapFromScene(widget.view.getPlotItem().vb.mapViewToScene(QPointF(x, y)))


def drag(qtbot: Any, widget: Any, start: float, end: float) -> None:
    """Draw the mouse from one wavenumber to another, half way up."""
    from qtpy.QtCore import Qt

    height = sum(widget.view.getPlotItem().vb.viewRange()[1]) / 2
    at, to = (on_screen(widget, x, height) for x in (start, end))
    port = widget.view.viewport()
    qtbot.mouseMove(port, at)
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=at)
    for share in (0.25, 0.5, 0.75, 1.0):
        qtbot.mouseMove(port, at + (to - at) * share)
        qtbot.wait(30)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=to)


def seen_range(widget: Any, axis: int) -> tuple[float, float]:
    low, high = widget.view.getPlotItem().viewRange()[axis]
    return low, high


def names_above(widget: Any) -> dict[str, Any]:
    """Where the names of lines are in the view, checked to lie beside one another, above the axes and within the view."""
    widget.view.scene().prepareForPaint()
    places, box = widget._legend.places(), widget.view.getPlotItem().vb.sceneBoundingRect()
    assert list(places) == list(widget.lines)
    for name, place in places.items():
        assert place.bottom() <= box.top()
        assert place.left() >= 0
        assert place.right() <= widget.view.width()
        assert not any(place.intersects(other) for another, other in places.items() if another != name)
    return places
