"""Take the pictures of the plugin that the documentation shows: ``python docs/screenshots.py [FOLDER]`` (xvfb-run without a display).

Opens the simulated tissue in a real window, starts a removal with the mouse, and saves the window half way and at the end,
in both themes; then the Prepare dock, the window for the components of an SVD, and the dock that compares removers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("images")
CH_STRETCH_CM1 = 2850.0
PATIENCE_S = 300.0


def wait_until(reached: Callable[[], bool]) -> None:
    """Let the window live until something is reached."""
    end = time.monotonic() + PATIENCE_S
    while not reached() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


def take(theme: str) -> None:
    """Run a removal in a window of this theme; save ``plugin_running_THEME.png`` and ``plugin_THEME.png``."""
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue")
    viewer.dims.set_point(0, CH_STRETCH_CM1)
    viewer.canvas.overlays.scale_bar.visible = True
    _, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")
    wait_until(lambda: "→" in widget.device.current_choice)
    pause(0.5)
    QTest.mouseClick(widget.buttons.run_button.native, Qt.MouseButton.LeftButton)
    wait_until(lambda: widget.bar.value > widget.bar.max // 3 or not widget.running)
    viewer.screenshot(FOLDER / f"plugin_running_{theme}.png", canvas_only=False, flash=False)
    wait_until(lambda: not widget.running)
    pause(0.5)
    viewer.screenshot(FOLDER / f"plugin_{theme}.png", canvas_only=False, flash=False)
    viewer.close()


def take_prepare(theme: str) -> None:
    """Prepare the tissue by four steps and look at its components; save ``prepare_THEME.png`` and ``svd_THEME.png``."""
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue")
    viewer.dims.set_point(0, CH_STRETCH_CM1)
    _, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Prepare")
    for step in ("remove_spikes", "subtract_dark", "crop", "denoise_svd"):
        widget.editor.add(step)
    widget.editor.list.setCurrentRow(2)
    for option, value in (("first_cm1", "600"), ("last_cm1", "3400")):
        widget.editor.form[option].value = value
    widget.editor.list.setCurrentRow(3)
    QTest.mouseClick(widget.form.prepare, Qt.MouseButton.LeftButton)
    wait_until(lambda: not widget.running)
    pause(0.5)
    viewer.screenshot(FOLDER / f"prepare_{theme}.png", canvas_only=False, flash=False)
    QTest.mouseClick(widget.form.choose, Qt.MouseButton.LeftButton)
    dialog = widget.components
    wait_until(lambda: not dialog.job.running)
    dialog.component.setValue(3)
    pause(0.5)
    dialog.grab().save(str(FOLDER / f"svd_{theme}.png"))
    viewer.close()


def take_compare(theme: str) -> None:
    """Compare removers on the middle pixel with the mouse, the truth beside them; save ``compare_THEME.png``."""
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue")
    viewer.dims.set_point(0, CH_STRETCH_CM1)
    _, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Compare removers")
    widget.controls.truth.layer = viewer.layers[1]
    pause(0.5)
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    wait_until(lambda: widget.compared is not None and widget.compared.result is not None and not widget.compared.waiting)
    pause(0.5)
    viewer.screenshot(FOLDER / f"compare_{theme}.png", canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("dark", "light"):
        take(name)
        take_prepare(name)
        take_compare(name)
