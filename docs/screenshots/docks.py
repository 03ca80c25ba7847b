"""Pictures of the dock widgets, clicked through on the simulated tissue."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from window import click, keep, open_dock, photograph, place_of, settle, wait_until, window

from napari_crimson import remove_background, simulate_stack
from napari_crimson.plugin.analyse.pages import UnmixPage
from napari_crimson.plugin.command import remove_from_layer
from napari_crimson.plugin.layers import layer_data
from napari_crimson.prepare import denoise_svd

__all__ = ["DOCKS"]


def take_open(name: str) -> None:
    """The sample, as it opens."""
    with window() as viewer:
        viewer.reset_view()
        photograph(viewer, name)


def take_spectrum(name: str) -> None:
    """Two pixels pinned with the mouse, a region, and the cursor at rest on a droplet."""
    with window() as viewer:
        image, dock = viewer.layers[0], open_dock(viewer, "Spectrum")
        dock.controls.went_to.emit("CH2")
        box = [[92.0, 12.0], [92.0, 34.0], [112.0, 34.0], [112.0, 12.0]]
        placed = {"scale": image.scale[1:], "units": image.units[1:], "axis_labels": image.axis_labels[1:]}
        viewer.add_shapes(
            [box], shape_type="ellipse", edge_color="#b478ff", face_color="transparent", edge_width=0.8, name="region", **placed
        )
        viewer.layers.selection.active = image
        dock.controls.regions.setCurrentText("region")
        settle()
        for y, x, pins in ((40, 40, True), (60, 100, True), (88, 51, False)):
            point(viewer, image, y, x, pins=pins)
        wait_until(lambda: dock.looked is not None and not dock.looked.loading and not dock.newest.busy)
        photograph(viewer, name)


def take_prepare(name: str) -> None:
    """Four steps, done."""
    with window() as viewer:
        dock = prepared(viewer)
        photograph(viewer, name)
        dock.cancel()


def take_components(name: str) -> None:
    """The window that the components of an SVD are chosen in."""
    with window() as viewer:
        dock = prepared(viewer)
        click(dock.form.choose)
        wait_until(lambda: not dock.components.job.running)
        dock.components.component.setValue(3)
        settle()
        keep(dock.components, name)


def take_removal(name: str) -> None:
    """A removal, half way."""
    with window() as viewer:
        dock = open_dock(viewer, "Remove background")
        wait_until(lambda: "→" in dock.device.current_choice)
        dock.run()
        wait_until(lambda: dock.bar.value > dock.bar.max // 3 or not dock.running)
        photograph(viewer, name)
        dock.cancel()
        wait_until(lambda: not dock.running)


def take_preview(name: str) -> None:
    """What the canvas shows, corrected ahead of a run."""
    with window() as viewer:
        dock = open_dock(viewer, "Remove background")
        viewer.scene.camera.zoom *= 2.5
        wait_until(lambda: "about" in dock.plan.value)
        dock.preview()
        wait_until(lambda: "(preview)" in viewer.layers[-1].name and "Complete" in dock.status.value)
        photograph(viewer, name)


def take_comparison(name: str) -> None:
    """A pixel through three removers, the truth beside them."""
    with window() as viewer:
        dock = open_dock(viewer, "Compare removers")
        dock.controls.truth.layer = viewer.layers[1]
        settle()
        point(viewer, viewer.layers[0], 64, 64, clicks=True)
        wait_until(lambda: dock.compared is not None and dock.compared.result is not None and not dock.compared.waiting)
        photograph(viewer, name)


def take_check(name: str) -> None:
    """Where an answer should not be trusted: two cosmic rays and a scratch of saturated pixels are in the stack."""
    stack = simulate_stack((64, 64), seed=1).drop_vars("raman").load()
    for y, x in ((15, 20), (50, 45)):
        stack["cars"][y, x, 400:404] += 15_000
    stack["cars"][35:37, 8:30] = (stack["cars"][35:37, 8:30] * 0.6 + 9_000).astype("uint16")
    with window(sample=None) as viewer:
        data, attributes, _ = layer_data(stack, "cars", name="tissue")
        measured = viewer.add_image(data, **attributes)
        remove_from_layer(viewer, measured, "cnn", device="cpu")
        dock = open_dock(viewer, "Where not to trust")
        click(dock.check)
        wait_until(lambda: not dock.running and dock.check.isEnabled())
        photograph(viewer, name)


def take_analysis(name: str) -> None:
    """The components of a corrected tissue."""
    stack = simulate_stack((128, 128), seed=1).drop_vars("raman").assign_attrs(source="tissue")
    with window(sample=None) as viewer:
        data, attributes, _ = layer_data(remove_background(denoise_svd(stack), "kk"), "raman", name="tissue · kk")
        viewer.add_image(data, **attributes)
        dock = open_dock(viewer, "Analyse")
        dock.form.open_page(UnmixPage)
        settle()
        click(dock.form.run)
        wait_until(lambda: not dock.running and dock.form.run.isEnabled())
        photograph(viewer, name)


def take_training(name: str) -> None:
    """A short training on the reference of the sample, and a droplet by the network before and after."""
    with window() as viewer:
        dock = open_dock(viewer, "Train")
        dock.form.steps.setValue(30)
        point(viewer, viewer.layers[0], 72, 76, pins=True)
        click(dock.form.train)
        wait_until(lambda: not dock.running and not dock.newest.busy)
        photograph(viewer, name)


def take_preferences(name: str) -> None:
    """The page of napari's Preferences."""
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    with window(sample=None) as viewer:
        dialog = PreferencesDialog(viewer.window._qt_window)
        titles = [dialog._list.item(row).text() for row in range(dialog._list.count())]
        dialog._list.setCurrentRow(titles.index("CRIMSON"))
        dialog.show()
        settle()
        keep(dialog, name)
        dialog.close()


def point(viewer: Any, image: Any, y: float, x: float, *, pins: bool = False, clicks: bool = False) -> None:
    """Move the mouse to a pixel; pin it, or click it."""
    canvas, at = viewer.window._qt_viewer.canvas.native, place_of(viewer, image, y, x)
    QTest.mouseMove(canvas, at)
    settle(0.3)
    if pins or clicks:
        keys = Qt.KeyboardModifier.ControlModifier if pins else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, keys, at)


def prepared(viewer: Any) -> Any:
    """The Prepare dock with four steps, the last an SVD, when they have been done."""
    dock = open_dock(viewer, "Prepare")
    for step in ("remove_spikes", "subtract_dark", "crop", "denoise_svd"):
        dock.editor.add(step)
    dock.editor.list.setCurrentRow(2)
    for option, value in (("first_cm1", "600"), ("last_cm1", "3400")):
        dock.editor.form[option].value = value
    dock.editor.list.setCurrentRow(3)
    click(dock.form.prepare)
    wait_until(lambda: not dock.running)
    return dock


DOCKS = {
    "open_dark": take_open,
    "spectrum_dark": take_spectrum,
    "prepare_dark": take_prepare,
    "svd_dark": take_components,
    "plugin_running_dark": take_removal,
    "preview_dark": take_preview,
    "compare_dark": take_comparison,
    "check_dark": take_check,
    "analyse_dark": take_analysis,
    "train_dark": take_training,
    "preferences_dark": take_preferences,
}
