"""The dock widget that compares removers, in a real window with real clicks."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import xarray as xr
from napari.utils.notifications import notification_manager
from numpy.testing import assert_allclose

from napari_crimson import simulate_stack
from napari_crimson.compare import compare
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.remover import FunctionRemover

pytestmark = pytest.mark.gui

AXIS = np.linspace(600.0, 3400.0, 400)


class Gated:
    """Removers that multiply, and wait at a gate before each batch once it is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None

    def close(self) -> None:
        """Let no batch through from now on; `entered` tells of those that come."""
        while self.entered.acquire(blocking=False):
            pass
        self.gate.clear()

    def load(self, name: str, **_: Any) -> FunctionRemover:
        factor = {"cnn": 1.0, "rnn": 2.0, "kk": 3.0}.get(name, 4.0)

        def multiply(spectra: np.ndarray, *_: Any) -> np.ndarray:
            self.entered.release()
            assert self.gate.wait(20)
            if self.error:
                raise self.error
            return factor * spectra

        return FunctionRemover(multiply, name)


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gated]:
    removers = Gated()
    monkeypatch.setattr("napari_crimson.compare.load_remover", removers.load)
    yield removers
    removers.gate.set()


@pytest.fixture
def stack() -> xr.Dataset:
    return simulate_stack((10, 12), wavenumber=AXIS, seed=2)


def add(viewer: Any, stack: xr.Dataset, *, truth: bool = False) -> Any:
    layers = [
        viewer.add_image(data, **{**attributes, "name": name})
        for (data, attributes, _), name in zip(layer_data_from_stack(stack), ("tissue", "truth"), strict=False)
    ]
    if not truth:
        viewer.layers.remove("truth")
    return layers[0]


@pytest.fixture
def dock(viewer: Any, qtbot: Any) -> Iterator[Callable[[Any], Any]]:
    """Open the dock and let the window settle; closed again when the test is over."""

    def show(_: Any) -> Any:
        widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Compare removers")[1]
        qtbot.wait(200)
        return widget

    yield show
    with suppress(RuntimeError):  # where the test has closed the window
        viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: not working(), timeout=20_000)


def working() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("crimson")]


def click_pixel(viewer: Any, qtbot: Any, y: int, x: int) -> None:
    """Click the middle of a pixel of the stack."""
    from qtpy.QtCore import QPoint, Qt

    canvas = viewer.window._qt_viewer.canvas
    world = viewer.layers["tissue"].data_to_world((0, y, x))[-2:]
    place = canvas.view.scene.transform.map((world[1], world[0]))[:2]
    at = QPoint(round(place[0]), round(place[1]))
    qtbot.mouseMove(canvas.native, at)
    qtbot.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=at)


def done(widget: Any) -> bool:
    return widget.compared is not None and widget.compared.result is not None and not widget.compared.waiting and not widget.newest.busy


def click_item(qtbot: Any, widget: Any, name: str) -> None:
    """Click the box before a remover's name."""
    from qtpy.QtCore import QPoint, Qt

    (item,) = widget.controls.removers.findItems(name, Qt.MatchFlag.MatchExactly)
    box = widget.controls.removers.visualItemRect(item)
    qtbot.mouseClick(widget.controls.removers.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(box.left() + 10, box.center().y()))


def drawn(plot: Any) -> dict[str, np.ndarray]:
    return {name: line.y for name, line in plot.lines.items()}


def test_clicked_pixel_goes_through_all_that_are_checked(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    qtbot.wait(100)
    assert "Click" in widget.controls.status.text()
    click_item(qtbot, widget, "rnn")
    assert widget.controls.checked == ["cnn", "kk"]
    click_pixel(viewer, qtbot, 3, 7)
    qtbot.waitUntil(lambda: done(widget), timeout=60_000)
    assert widget.controls.status.text() == "pixel y 3, x 7"
    expected = compare(stack.drop_vars("raman"), ["cnn", "kk"], pixels=[(3, 7)], device="cpu")
    shown = drawn(widget.plots.spectra)
    assert set(shown) == {"cnn", "kk"}
    for name, curve in shown.items():
        assert_allclose(curve, expected["raman"].sel(remover=name)[0], rtol=0.02, atol=1e-3)
    residuals = drawn(widget.plots.residuals)
    assert_allclose(residuals["cnn"], 0)
    assert_allclose(residuals["kk"], shown["kk"] - shown["cnn"], atol=1e-6)
    assert widget.plots.spectra.lines["cnn"].sd is not None
    assert widget.plots.spectra.lines["kk"].sd is None
    assert widget.plots.table.rowCount() == 1
    assert widget.plots.table.item(0, 0).text() == "kk / cnn"


def test_figures_follow_what_is_checked(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    click_pixel(viewer, qtbot, 3, 7)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    table = widget.plots.table
    rows = [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]
    assert rows == [
        ["rnn / cnn", "1.000", "1.000", "2.000"],
        ["kk / cnn", "1.000", "2.000", "3.000"],
        ["kk / rnn", "1.000", "0.500", "1.500"],
    ]
    for name in ("cnn", "kk"):
        click_item(qtbot, widget, name)
    qtbot.waitUntil(lambda: set(drawn(widget.plots.spectra)) == {"rnn"}, timeout=20_000)
    assert table.rowCount() == 0
    click_item(qtbot, widget, "rnn")
    assert "Check the removers" in widget.controls.status.text()
    assert not drawn(widget.plots.spectra)


def test_region_is_drawn_as_mean_and_deviation(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    layer = add(viewer, stack)
    corners = [layer.data_to_world((0, y, x))[-2:] for y, x in ((1.6, 2.6), (1.6, 6.4), (5.4, 6.4), (5.4, 2.6))]
    shapes = viewer.add_shapes([np.array(corners)], name="region", units=layer.units[-2:])
    widget = dock(viewer)
    widget.controls.marks.layer = shapes
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert widget.controls.status.text() == "16 pixels, mean ± sd"
    inside = (stack["cars"] - stack["dark"]).values[2:6, 3:7].reshape(16, -1)
    line = widget.plots.spectra.lines["rnn"]
    assert_allclose(line.y, 2 * inside.mean(axis=0), rtol=1e-5)
    assert_allclose(line.sd, 2 * inside.std(axis=0, ddof=1), rtol=1e-4)
    assert widget.plots.residuals.lines["kk"].sd is not None
    shapes.data = [np.array(corners) + np.array([0, 1.0])]  # two pixels to the right
    inside = (stack["cars"] - stack["dark"]).values[2:6, 5:9].reshape(16, -1)
    qtbot.waitUntil(lambda: np.allclose(drawn(widget.plots.spectra).get("rnn", 0), 2 * inside.mean(axis=0), rtol=1e-5), timeout=20_000)


def test_one_of_several_points_can_be_chosen(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    layer = add(viewer, stack)
    places = [(1, 1), (4, 9)]
    points = viewer.add_points([layer.data_to_world((0, *place))[-2:] for place in places], name="picked", units=layer.units[-2:])
    widget = dock(viewer)
    assert not widget.controls.mark.isVisible()
    widget.controls.marks.layer = points
    qtbot.waitUntil(lambda: done(widget) and widget.controls.mark.isVisible(), timeout=20_000)
    assert widget.controls.status.text() == "2 pixels, mean ± sd"
    widget.controls.mark.setCurrentText("point 2")
    qtbot.waitUntil(lambda: widget.controls.status.text() == "pixel y 4, x 9", timeout=20_000)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert_allclose(drawn(widget.plots.spectra)["cnn"], (stack["cars"] - stack["dark"]).values[4, 9], rtol=1e-5)
    assert widget.controls.mark.currentText() == "point 2"
    click_pixel(viewer, qtbot, 0, 0)  # is not meant now
    assert widget.controls.status.text() == "pixel y 4, x 9"


def test_labels_mark_pixels_too(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    layer = add(viewer, stack)
    painted = np.zeros((10, 12), dtype=int)
    painted[2, 2:5] = 3
    labels = viewer.add_labels(painted, scale=layer.scale[-2:], units=layer.units[-2:])
    widget = dock(viewer)
    widget.controls.marks.layer = labels
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert widget.controls.status.text() == "3 pixels, mean ± sd"


def test_residuals_to_a_truth(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack, truth=True)
    widget = dock(viewer)
    widget.controls.truth.layer = viewer.layers["truth"]
    click_pixel(viewer, qtbot, 3, 7)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    truth = stack["raman"].values[3, 7]
    assert_allclose(drawn(widget.plots.spectra)["truth"], truth)
    assert_allclose(drawn(widget.plots.residuals)["rnn"], 2 * (stack["cars"] - stack["dark"]).values[3, 7] - truth, rtol=1e-5)
    assert widget.plots.table.item(0, 0).text() == "cnn / truth"
    widget.controls.truth.setCurrentIndex(0)
    qtbot.waitUntil(lambda: done(widget) and "truth" not in drawn(widget.plots.spectra), timeout=20_000)


def test_lower_plot_can_show_what_is_left_of_the_intensity(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    click_pixel(viewer, qtbot, 3, 7)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert_allclose(drawn(widget.plots.residuals)["cnn"], 0)
    widget.controls.below.setCurrentText("unexplained")
    left = widget.compared.result["unexplained"].sel(remover="cnn")[0]
    assert np.isfinite(left).all()
    assert_allclose(drawn(widget.plots.residuals)["cnn"], left)


def test_truth_of_another_shape_is_told(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack, truth=True)
    other = simulate_stack((4, 4), wavenumber=AXIS, seed=0)
    data, attributes, _ = layer_data_from_stack(other[["raman"]].assign_attrs(other.attrs))[0]
    viewer.add_image(data, **{**attributes, "name": "another"})
    widget = dock(viewer)
    widget.controls.truth.layer = viewer.layers["another"]
    click_pixel(viewer, qtbot, 3, 7)
    qtbot.waitUntil(lambda: "Stopped" in widget.controls.status.text(), timeout=20_000)
    assert "choose a result of this stack" in notification_manager.records[-1].message


def test_newest_click_wins(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    click_pixel(viewer, qtbot, 1, 1)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    gated.close()
    seen: list[str] = []
    take = widget.newest._answer
    widget.newest._answer = lambda key, answer: (seen.append(answer.place) if answer.result is not None else None, take(key, answer))
    click_pixel(viewer, qtbot, 2, 2)
    assert gated.entered.acquire(timeout=20)
    click_pixel(viewer, qtbot, 3, 3)
    click_pixel(viewer, qtbot, 4, 4)
    gated.gate.set()
    qtbot.waitUntil(lambda: widget.controls.status.text() == "pixel y 4, x 4" and done(widget), timeout=20_000)
    assert set(seen) == {"pixel y 4, x 4"}
    assert_allclose(drawn(widget.plots.spectra)["kk"], 3 * (stack["cars"] - stack["dark"]).values[4, 4], rtol=1e-5)


def test_each_remover_appears_when_it_is_done(
    viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def load(name: str, **_: Any) -> FunctionRemover:
        def slow(spectra: np.ndarray, *_: Any) -> np.ndarray:
            assert name == "cnn" or gate.wait(20)
            return spectra

        return FunctionRemover(slow, name)

    monkeypatch.setattr("napari_crimson.compare.load_remover", load)
    add(viewer, stack)
    widget = dock(viewer)
    click_pixel(viewer, qtbot, 1, 1)
    try:
        qtbot.waitUntil(lambda: set(drawn(widget.plots.spectra)) == {"cnn"}, timeout=20_000)
        assert widget.controls.status.text() == "pixel y 1, x 1 · rnn …"
    finally:
        gate.set()
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert set(drawn(widget.plots.spectra)) == {"cnn", "rnn", "kk"}


@pytest.mark.parametrize("error", [CrimsonError("the disk is gone; mount it again"), RuntimeError("a bug of ours")])
def test_error_is_told_and_the_dock_goes_on(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated, error: Exception) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    gated.error = error
    with qtbot.captureExceptions():
        click_pixel(viewer, qtbot, 1, 1)
        qtbot.waitUntil(lambda: "Stopped" in widget.controls.status.text(), timeout=20_000)
    assert str(error) in notification_manager.records[-1].message
    gated.error = None
    click_pixel(viewer, qtbot, 2, 2)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    assert set(drawn(widget.plots.spectra)) == {"cnn", "rnn", "kk"}


def test_layer_without_wavenumbers_says_so(viewer: Any, dock: Any, qtbot: Any) -> None:
    viewer.add_image(np.ones((8, 5, 5)), name="scan", rgb=False)
    widget = dock(viewer)
    assert "does not say its wavenumbers" in widget.controls.status.text()


def test_layer_deleted_meanwhile_is_no_trouble(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)
    widget = dock(viewer)
    gated.close()
    click_pixel(viewer, qtbot, 1, 1)
    assert gated.entered.acquire(timeout=20)
    viewer.layers.remove("tissue")
    gated.gate.set()
    qtbot.waitUntil(lambda: not widget.newest.busy, timeout=20_000)
    qtbot.wait(50)
    assert "Open a stack" in widget.controls.status.text()
    assert not drawn(widget.plots.spectra)
    add(viewer, stack)
    click_pixel(viewer, qtbot, 1, 1)
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)


def test_layer_of_marks_deleted_meanwhile_is_no_trouble(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    layer = add(viewer, stack)
    points = viewer.add_points([layer.data_to_world((0, 2, 2))[-2:]], units=layer.units[-2:])
    widget = dock(viewer)
    widget.controls.marks.layer = points
    qtbot.waitUntil(lambda: done(widget), timeout=20_000)
    viewer.layers.remove(points)
    assert widget.controls.marks.layer is None
    assert "Click a pixel" in widget.controls.status.text()


def test_closing_while_it_works_leaves_nothing(viewer: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)

    def connected() -> list[int]:
        events = (viewer.dims.events.current_step, viewer.layers.events.inserted, viewer.events.theme)
        return [len(viewer.mouse_drag_callbacks), *(len(event.callbacks) for event in events)]

    before = connected()
    forgotten = []
    for number in range(20):
        panel, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Compare removers")
        if number == 0:
            qtbot.wait(200)
            gated.close()
            click_pixel(viewer, qtbot, 1, 1)
            assert gated.entered.acquire(timeout=20)
        forgotten.append(weakref.ref(widget))
        panel.destroyOnClose()
        del panel, widget
        qtbot.wait(5)
    gated.gate.set()
    qtbot.waitUntil(lambda: not working(), timeout=20_000)
    gc.collect()
    qtbot.wait(20)
    assert connected() == before
    assert not any(reference() for reference in forgotten)


def test_closing_the_window_while_it_works(viewer: Any, dock: Any, qtbot: Any, stack: xr.Dataset, gated: Gated) -> None:
    add(viewer, stack)
    dock(viewer)
    gated.close()
    click_pixel(viewer, qtbot, 1, 1)
    assert gated.entered.acquire(timeout=20)
    viewer.close()
    gated.gate.set()
    qtbot.waitUntil(lambda: not working(), timeout=20_000)


def test_plane_of_a_volume_is_the_one_shown(viewer: Any, dock: Any, qtbot: Any, gated: Gated) -> None:
    volume = simulate_stack((3, 10, 12), wavenumber=AXIS, seed=2)
    layer = add(viewer, volume)
    viewer.dims.set_current_step(1, 2)
    points = viewer.add_points([layer.data_to_world((0, 0, 4, 5))[-2:]], units=layer.units[-2:])
    widget = dock(viewer)
    widget.controls.marks.layer = points
    qtbot.waitUntil(lambda: widget.controls.status.text() == "pixel z 2, y 4, x 5" and done(widget), timeout=20_000)
    viewer.dims.set_current_step(1, 1)
    qtbot.waitUntil(lambda: widget.controls.status.text() == "pixel z 1, y 4, x 5" and done(widget), timeout=20_000)
    assert_allclose(drawn(widget.plots.spectra)["cnn"], (volume["cars"] - volume["dark"]).values[1, 4, 5], rtol=1e-5)


def test_it_is_in_the_menu_and_every_control_has_a_name_and_a_tip(viewer: Any, dock: Any) -> None:
    from qtpy.QtWidgets import QComboBox, QListWidget, QTableWidget, QToolButton

    widget = dock(viewer)
    assert any("Compare removers" in name for name in viewer.window.dock_widgets)
    seen = [one for kind in (QComboBox, QListWidget, QTableWidget, QToolButton) for one in widget.findChildren(kind) if one.isVisible()]
    assert len(seen) == 8
    for control in (*seen, widget.controls.mark):
        assert control.toolTip(), control
        assert control.accessibleName(), control
