"""Take the pictures of the plugin that the documentation shows: ``python docs/screenshots.py [FOLDER]`` (xvfb-run without a display).

Opens the simulated tissue in a real window, starts a removal with the mouse, and saves the window half way and at the end,
in both themes; then the Prepare dock, the window for the components of an SVD, the dock that compares removers, and the dock that analyses.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_crimson import remove_background, simulate_stack
from napari_crimson.plugin.analyse.pages import UnmixPage
from napari_crimson.plugin.layers import layer_data
from napari_crimson.prepare import denoise_svd

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


def take_analyse(theme: str) -> None:
    """Unmix a corrected tissue with the mouse; save ``analyse_THEME.png``."""
    stack = simulate_stack((128, 128), seed=1).drop_vars("raman").assign_attrs(source="tissue")
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    data, attributes, _ = layer_data(remove_background(denoise_svd(stack), "kk"), "raman", name="tissue · kk")
    viewer.add_image(data, **attributes)
    _, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")
    widget.form.open_page(UnmixPage)
    pause(0.5)
    QTest.mouseClick(widget.form.run, Qt.MouseButton.LeftButton)
    wait_until(lambda: not widget.running and widget.form.run.isEnabled())
    pause(0.5)
    viewer.screenshot(FOLDER / f"analyse_{theme}.png", canvas_only=False, flash=False)
    viewer.close()


def take_spectrum(theme: str) -> None:
    """Pin two pixels with the mouse, mark a region, and rest the cursor on a droplet; save ``spectrum_THEME.png``."""
    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue")
    image = viewer.layers[0]
    _, dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")
    dock.controls.went_to.emit("CH2")
    pause(0.5)
    viewer.reset_view()
    box = [[92.0, 12.0], [92.0, 34.0], [112.0, 34.0], [112.0, 12.0]]
    placed = {"scale": image.scale[1:], "units": image.units[1:], "axis_labels": image.axis_labels[1:]}
    viewer.add_shapes([box], shape_type="ellipse", edge_color="#b478ff", face_color="transparent", edge_width=0.8, name="region", **placed)
    viewer.layers.selection.active = image
    dock.controls.regions.setCurrentText("region")
    pause(0.5)
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    for y, x, keys in ((40, 40, True), (60, 100, True), (72, 76, False)):
        down, right = (
            size / 2 + (world - middle) * camera.zoom
            for size, world, middle in zip(
                (canvas.height(), canvas.width()), image.data_to_world((0, y, x))[-2:], camera.center[-2:], strict=True
            )
        )
        at = QPoint(round(right), round(down))
        QTest.mouseMove(canvas, at)
        pause(0.2)
        if keys:
            QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, at)
    wait_until(lambda: dock.looked is not None and not dock.looked.loading and not dock.newest.busy)
    pause(0.5)
    viewer.screenshot(FOLDER / f"spectrum_{theme}.png", canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("dark", "light"):
        take(name)
        take_prepare(name)
        take_compare(name)
        take_spectrum(name)
        take_analyse(name)
