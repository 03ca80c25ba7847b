"""A napari window to take pictures of, and how they are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

__all__ = ["FOLDER", "click", "keep", "open_dock", "photograph", "place_of", "settle", "wait_until", "window"]

FOLDER = Path(__file__).parents[1] / "images"
CH_STRETCH_CM1 = 2850.0
COLOURS, GREYS = 128, 128  # of a picture's palette: all that is grey, and what else there is; a third of the bytes
PATIENCE_S = 300.0


@contextmanager
def window(theme: str = "dark", *, sample: str | None = "tissue", height: int = 800) -> Iterator[Any]:
    """A viewer of 1280 pixels' width on a sample, at the stretch of CH₂."""
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, height)
    if sample:
        viewer.open_sample("napari-crimson", sample)
        viewer.layers.selection.active = viewer.layers[0]
        viewer.dims.set_point(0, CH_STRETCH_CM1)
        viewer.canvas.overlays.scale_bar.visible = True
    yield viewer
    viewer.close()
    settle(0.1)


def open_dock(viewer: Any, title: str) -> Any:
    """Open a dock widget of ours, and let it find its size."""
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", title)[1]
    settle()
    viewer.reset_view()
    return dock


def wait_until(reached: Callable[[], bool]) -> None:
    """Let the window live until something is reached.

    Raises
    ------
    TimeoutError
        If it is not, in `PATIENCE_S`: a picture of it would show something else.
    """
    end = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"not reached within {PATIENCE_S:.0f} s")
        QApplication.processEvents()
        time.sleep(0.005)


def settle(seconds: float = 0.5) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


def click(widget: QWidget) -> None:
    """Press a button."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def place_of(viewer: Any, layer: Any, y: float, x: float) -> QPoint:
    """Where on the canvas a pixel of a layer is."""
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    world = layer.data_to_world((0,) * (layer.ndim - 2) + (y, x))[-2:]
    down, right = (
        size / 2 + (at - middle) * camera.zoom
        for size, at, middle in zip((canvas.height(), canvas.width()), world, camera.center[-2:], strict=True)
    )
    return QPoint(round(right), round(down))


def photograph(viewer: Any, name: str) -> None:
    """Keep a picture of the window."""
    viewer.status = "Ready"
    settle()
    keep(Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)), name)


def keep(picture: Image.Image | QWidget, name: str) -> None:
    """Write ``NAME.png`` into `FOLDER` with a palette of its own."""
    if isinstance(picture, QWidget):
        grabbed = picture.grab().toImage().convertToFormat(picture.grab().toImage().Format.Format_RGB888)
        rows = bytes(grabbed.constBits())
        size = (grabbed.width(), grabbed.height())
        picture = Image.frombytes("RGB", size, rows, "raw", "RGB", grabbed.bytesPerLine())
    FOLDER.mkdir(parents=True, exist_ok=True)
    colour = picture.convert("RGB")
    palette = Image.new("P", (1, 1))
    found = colour.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).getpalette()[: 3 * COLOURS]
    palette.putpalette([*found, *(2 * grey for grey in range(GREYS) for _ in "rgb")])
    colour.quantize(palette=palette, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)
