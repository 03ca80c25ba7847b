"""The window to choose the components of an SVD from, with real clicks."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import xarray as xr

from napari_crimson import prepare
from napari_crimson.pipeline import Step
from napari_crimson.plugin.prepare.svd_dialog import SVDDialog
from test_plugin_prepare import PATIENCE_MS, add, click, dock, show, show_slow, tissue, type_into

pytestmark = pytest.mark.gui

__all__ = ["click", "tissue"]  # fixtures


def chooser(qtbot: Any, click: Any, widget: Any) -> SVDDialog:
    click(widget.form.choose)
    dialog = widget.findChildren(SVDDialog)[-1]
    qtbot.waitUntil(lambda: not dialog.job.running and not dialog.cancel.isEnabled(), timeout=PATIENCE_MS)
    return dialog


def test_number_is_chosen_from_the_values(viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset) -> None:
    show(viewer, tissue)
    widget = dock(viewer)
    add(widget, "Dark")
    assert not widget.form.choose.isVisible()
    add(widget, "Denoise by SVD")
    dialog = chooser(qtbot, click, widget)
    truth = prepare.decompose(prepare.subtract_dark(tissue))
    assert dialog.keep.value() == truth.components
    assert str(truth.components) in dialog.automatic.text()
    assert dialog.values.log_y
    np.testing.assert_allclose(dialog.values.lines["kept"].y, truth.singular_values[: truth.components])
    dialog.keep.selectAll()
    qtbot.keyClicks(dialog.keep, "7")
    assert dialog.values.lines["kept"].y.size == 7
    click(dialog.use)
    assert not dialog.isVisible()
    assert widget.steps()[-1] == Step("denoise_svd", {"components": 7})
    dialog = chooser(qtbot, click, widget)
    assert dialog.keep.value() == 7
    dialog.values.marker_dragged.emit(3.6)
    assert dialog.keep.value() == 3
    click(dialog.close_button)
    assert widget.steps()[-1] == Step("denoise_svd", {"components": 7})


def test_map_and_vector_of_a_component_are_shown(viewer: Any, qtbot: Any, click: Any) -> None:
    axis = np.linspace(2800.0, 3000.0, 60)
    weight = np.zeros((9, 12))
    weight[2:5, 3:8] = 1.0  # a droplet
    line = np.exp(-(((axis - 2850) / 10) ** 2))
    noise = np.random.default_rng(0).normal(0, 1, (9, 12, 60))
    show(viewer, prepare_stack(1000 + 400 * weight[..., None] * line + noise, axis))
    widget = dock(viewer)
    add(widget, "Denoise by SVD")
    type_into(qtbot, widget, "components", "2")
    dialog = chooser(qtbot, click, widget)
    dialog.component.setValue(2)
    assert "Component 2" in dialog.caption.text()
    vector = dialog.vector.lines["component 2"]
    assert abs(vector.x[np.abs(vector.y).argmax()] - 2850) < 5
    assert list(dialog.vector.lines) == ["component 2"]
    qtbot.wait(50)
    grey = grey_of(dialog.map, weight.shape)
    assert abs(grey[weight == 1].mean() - grey[weight == 0].mean()) > 100
    click(dialog.close_button)


def test_decomposition_is_cancelled_and_errors_are_told(viewer: Any, qtbot: Any, click: Any, messages: list[str]) -> None:
    gate = threading.Event()
    show_slow(viewer, gate)
    widget = dock(viewer)
    add(widget, "Denoise by SVD")
    click(widget.form.choose)
    dialog = widget.findChildren(SVDDialog)[-1]
    assert not dialog.use.isEnabled()
    click(dialog.cancel)
    gate.set()
    qtbot.waitUntil(lambda: not dialog.job.running and "Cancelled" in dialog.status.text(), timeout=PATIENCE_MS)
    assert not dialog.use.isEnabled()
    click(dialog.close_button)
    add(widget, "Restore the counts")
    click(widget.editor.buttons["Move step up"])
    widget.editor.list.setCurrentRow(1)
    dialog = chooser(qtbot, click, widget)
    qtbot.waitUntil(lambda: any("step 1 (restore_counts)" in message for message in messages), timeout=PATIENCE_MS)
    assert not dialog.use.isEnabled()
    click(dialog.close_button)


def test_window_closed_while_it_works_ends_the_work(viewer: Any, qtbot: Any, click: Any) -> None:
    gate = threading.Event()
    show_slow(viewer, gate)
    panel, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Prepare")
    add(widget, "Denoise by SVD")
    click(widget.form.choose)
    job = widget.findChildren(SVDDialog)[-1].job
    panel.destroyOnClose()
    qtbot.wait(50)
    gate.set()
    qtbot.waitUntil(lambda: not job.running, timeout=PATIENCE_MS)


def prepare_stack(cars: np.ndarray, axis: np.ndarray) -> xr.Dataset:
    from napari_crimson.stack import make_stack

    return make_stack(cars.astype(np.float32), axis, source="droplet")


def grey_of(view: Any, shape: tuple[int, int]) -> np.ndarray:
    """Grey values in the middles of the pixels of a map, as they are on the screen."""
    image = view.grab().toImage()
    side = min(image.width() / shape[1], image.height() / shape[0])
    left, top = (image.width() - side * shape[1]) / 2, (image.height() - side * shape[0]) / 2
    return np.array(
        [
            [image.pixelColor(int(left + side * (x + 0.5)), int(top + side * (y + 0.5))).lightness() for x in range(shape[1])]
            for y in range(shape[0])
        ]
    )
