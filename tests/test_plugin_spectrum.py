"""The dock widget that shows spectra, in a real window with real moves of the mouse and real clicks."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.layers import Points
from napari.utils.notifications import notification_manager
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import open_stack, save_stack
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.plugin.readout import show_wavenumber
from napari_crimson.plugin.spectrum import live_remover
from napari_crimson.remover import FunctionRemover
from napari_crimson.stack import make_stack
from seen_plot import drag

pytestmark = pytest.mark.gui

AXIS = np.linspace(2700.0, 3100.0, 41)
SHAPE = (20, 24)
CARS = np.random.default_rng(0).integers(1000, 30_000, (*SHAPE, AXIS.size), dtype=np.uint16)


class Gated:
    """A remover that halves, and waits at a gate when it is shut."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self.error: Exception | None = None

    def __call__(self, spectra: np.ndarray, *_: Any) -> np.ndarray:
        self.at_gate.set()
        assert self.gate.wait(20)
        if self.error:
            raise self.error
        return spectra / 2


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gated]:
    """Every remover is this one."""
    remover = Gated()
    monkeypatch.setattr(live_remover, "load_once", lambda name, *_: FunctionRemover(remover, name))
    yield remover
    remover.gate.set()


def add_tissue(viewer: Any, stack: Any = None, name: str = "tissue") -> Any:
    stack = make_stack(CARS, AXIS, step_um={"y": 0.5, "x": 0.5}) if stack is None else stack
    data, attributes, _ = layer_data_from_stack(stack, name=name)[0]
    return viewer.add_image(data, **attributes)


@pytest.fixture
def open_dock(viewer: Any, gated: Gated, qtbot: Any) -> Iterator[Callable[[], tuple[Any, Any]]]:
    """Opens the dock, with the whole image in what it leaves of the window."""

    def open_one() -> tuple[Any, Any]:
        panel, dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")
        qtbot.wait(50)
        viewer.reset_view()
        qtbot.wait(50)
        return panel, dock

    yield open_one
    gated.gate.set()


@pytest.fixture
def docked(viewer: Any, open_dock: Any) -> Any:
    """The dock beside a stack."""
    add_tissue(viewer)
    return open_dock()[1]


@pytest.fixture
def point(viewer: Any, qtbot: Any) -> Callable[..., None]:
    """Moves the mouse to a pixel of the first layer, and clicks there if asked to."""
    from qtpy.QtCore import QPoint, Qt

    def point_at(y: int, x: int, *, click: bool = False, ctrl: bool = False) -> None:
        canvas = viewer.window._qt_viewer.canvas.native
        middle = np.array([canvas.height(), canvas.width()]) / 2
        world = np.array(viewer.layers[0].data_to_world((0, y, x))[-2:])
        down, right = middle + (world - viewer.scene.camera.center[-2:]) * viewer.scene.camera.zoom
        at = QPoint(round(right), round(down))
        for place in (at + QPoint(40, 40), at):  # a move to where the mouse is already would be none
            qtbot.mouseMove(canvas, place)
            qtbot.wait(30)
        if click or ctrl:
            keys = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
            qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, keys, at)
            qtbot.wait(30)

    return point_at


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtWidgets import QCheckBox

    def click_on(button: Any) -> None:
        at = QPoint(10, button.height() // 2) if isinstance(button, QCheckBox) else button.rect().center()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=at)

    return click_on


def looks_at(dock: Any, *pixel: int) -> Callable[[], bool]:
    return lambda: dock.looked is not None and dock.looked.pixel == pixel and not dock.looked.loading


def test_spectrum_follows_the_cursor(docked: Any, point: Any, qtbot: Any) -> None:
    for pixel in ((4, 5), (15, 18), (9, 2)):
        point(*pixel)
        qtbot.waitUntil(looks_at(docked, *pixel), timeout=20_000)
        assert_array_equal(docked.plots.measured.lines["measured"].x, AXIS)
        assert_array_equal(docked.plots.measured.lines["measured"].y, CARS[pixel])
        assert_allclose(docked.plots.raman.lines["cnn"].y, CARS[pixel] / 2)
        assert docked.controls.status.text() == f"y {pixel[0]}, x {pixel[1]}"


def test_timers_that_are_due_come_between_drawing_and_painting(docked: Any, point: Any, qtbot: Any) -> None:
    from qtpy.QtCore import QEvent, QObject, QTimer

    class Paintings(QObject):
        def eventFilter(self, _: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                order.append("painted")
            return False

    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    qtbot.wait(200)
    order: list[str] = []
    paintings = Paintings()
    docked.plots.raman.view.viewport().installEventFilter(paintings)
    due = QTimer()
    due.setSingleShot(True)
    due.timeout.connect(lambda: order.append("timer"))
    due.start(0)
    docked.plots.draw_cursor(docked.looked, remover="cnn", uncertainty=False, background=False, peaks=False)
    qtbot.waitUntil(lambda: "painted" in order, timeout=20_000)
    assert order == ["timer", "painted"]


def test_a_cursor_that_sets_off_is_told_from_one_that_moves_on(qtbot: Any) -> None:
    from napari.components import ViewerModel

    from napari_crimson.plugin.pointing import cursor as room

    viewer = ViewerModel()
    mouse = room.Cursor(viewer)
    told: list[bool] = []
    mouse.moved.connect(lambda: told.append(mouse.sets_off))

    def move() -> None:
        for callback in viewer.mouse_move_callbacks:
            callback(viewer, SimpleNamespace(position=(1.0, 2.0)))

    move()
    move()
    qtbot.waitUntil(lambda: len(told) == 2, timeout=5_000)
    qtbot.wait(int(2000 * room._REST_S))
    move()
    assert told == [True, False, True]
    mouse.close()
    assert not viewer.mouse_move_callbacks


def test_lines_come_and_go_with_their_boxes(docked: Any, point: Any, click: Any, qtbot: Any) -> None:
    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    assert "background" in docked.plots.measured.lines
    click(docked.controls.background)
    click(docked.controls.kk)
    qtbot.waitUntil(lambda: "kk" in docked.plots.raman.lines, timeout=20_000)
    qtbot.waitUntil(lambda: "background" not in docked.plots.measured.lines, timeout=20_000)
    assert docked.plots.raman.lines["kk"].dashed
    docked.controls.remover.setCurrentText("none")
    click(docked.controls.kk)
    qtbot.waitUntil(lambda: not docked.plots.raman.lines, timeout=20_000)
    assert "measured" in docked.plots.measured.lines


def test_bare_spectrum_is_shown_while_the_remover_loads(
    viewer: Any, open_dock: Any, gated: Gated, point: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = threading.Event()
    load = live_remover.load_once

    def slow(*args: Any) -> Any:
        assert loads.wait(20)
        return load(*args)

    add_tissue(viewer)
    _, dock = open_dock()
    point(1, 1)
    qtbot.waitUntil(looks_at(dock, 1, 1), timeout=20_000)
    monkeypatch.setattr(live_remover, "load_once", slow)
    dock.controls.remover.setCurrentText("kk")
    loads_begun = dock.newest
    assert loads_begun.busy
    loads.set()
    point(6, 7)
    qtbot.waitUntil(lambda: looks_at(dock, 6, 7)() and "kk" in dock.plots.raman.lines, timeout=20_000)
    assert_array_equal(dock.plots.measured.lines["measured"].y, CARS[6, 7])


def test_pins_have_the_colours_of_their_points(docked: Any, viewer: Any, point: Any, click: Any, qtbot: Any) -> None:
    click(docked.controls.pin)
    point(4, 5, click=True)
    point(12, 20, click=True)
    click(docked.controls.pin)
    point(17, 3, click=True)  # no longer pins
    point(16, 10, ctrl=True)
    raman = docked.plots.raman
    qtbot.waitUntil(lambda: {"pin 1", "pin 2", "pin 3"} <= raman.lines.keys(), timeout=20_000)
    pins = viewer.layers["tissue · pins"]
    assert_array_equal(pins.data, [[4, 5], [12, 20], [16, 10]])
    for number, pixel in enumerate(((4, 5), (12, 20), (16, 10))):
        assert_allclose(raman.lines[f"pin {number + 1}"].y, CARS[pixel] / 2)
        rgb = [int(raman.colour_of(f"pin {number + 1}")[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        assert_allclose(pins.face_color[number][:3], rgb, atol=0.01)
    assert len({raman.colour_of(f"pin {number}") for number in (1, 2, 3)}) == 3
    assert len(viewer.layers) == 2


def test_pins_are_let_go_moved_and_deleted(docked: Any, viewer: Any, point: Any, click: Any, qtbot: Any) -> None:
    lines = docked.plots.measured.lines
    for pixel in ((4, 5), (12, 20), (9, 9)):
        point(*pixel, ctrl=True)
    qtbot.waitUntil(lambda: "pin 3" in lines, timeout=20_000)
    point(12, 20, ctrl=True)
    qtbot.waitUntil(lambda: "pin 3" not in lines, timeout=20_000)
    viewer.layers["tissue · pins"].data = np.array([[4.0, 5], [2, 2]])
    qtbot.waitUntil(lambda: "pin 2" in lines and np.array_equal(lines["pin 2"].y, CARS[2, 2]), timeout=20_000)
    click(docked.controls.clear)
    qtbot.waitUntil(lambda: "pin 1" not in lines, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["tissue"]
    point(4, 5, ctrl=True)
    qtbot.waitUntil(lambda: "pin 1" in lines, timeout=20_000)
    viewer.layers.remove("tissue · pins")
    qtbot.waitUntil(lambda: "pin 1" not in lines, timeout=20_000)


def test_regions_are_mean_and_sd(docked: Any, viewer: Any, qtbot: Any) -> None:
    image = viewer.layers["tissue"]
    placed = {"scale": image.scale[1:], "units": image.units[1:]}
    box = np.array([[1.6, 2.6], [1.6, 8.4], [5.4, 8.4], [5.4, 2.6]])
    viewer.add_shapes([box], shape_type="rectangle", edge_color="#ff8000", name="cells", **placed)
    docked.controls.regions.setCurrentText("cells")
    lines = docked.plots.measured.lines
    inside = CARS[2:6, 3:9].reshape(-1, AXIS.size).astype(float)
    qtbot.waitUntil(lambda: "shape 1" in lines and np.allclose(lines["shape 1"].y, inside.mean(axis=0)), timeout=20_000)
    assert_allclose(lines["shape 1"].sd, inside.std(axis=0, ddof=1))
    assert_allclose(docked.plots.raman.lines["shape 1"].sd, inside.std(axis=0, ddof=1) / 2, rtol=1e-5)
    assert docked.plots.raman.colour_of("shape 1") == "#ff8000"
    viewer.layers["cells"].data = [box + np.array([10, 0])]
    moved = CARS[12:16, 3:9].reshape(-1, AXIS.size).mean(axis=0)
    qtbot.waitUntil(lambda: "shape 1" in lines and np.allclose(lines["shape 1"].y, moved), timeout=20_000)
    viewer.layers.remove("cells")
    qtbot.waitUntil(lambda: "shape 1" not in lines, timeout=20_000)


def test_regions_of_one_colour_are_told_apart_in_plot_and_image(docked: Any, viewer: Any, qtbot: Any) -> None:
    image = viewer.layers["tissue"]
    boxes = [np.array([[y, 2.6], [y, 8.4], [y + 0.6, 8.4], [y + 0.6, 2.6]]) for y in np.arange(25) * 0.7]
    drawn = viewer.add_shapes(boxes[:2], shape_type="rectangle", name="drawn", scale=image.scale[1:], units=image.units[1:])
    docked.controls.regions.setCurrentText("drawn")
    raman = docked.plots.raman
    qtbot.waitUntil(lambda: {"shape 1", "shape 2"} <= raman.lines.keys(), timeout=20_000)
    colours = [raman.colour_of(f"shape {number}") for number in (1, 2)]
    assert len({*colours, "#777777"}) == 3
    for colour, edge in zip(colours, drawn.edge_color, strict=True):
        assert_allclose(edge[:3], [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)], atol=0.01)
    drawn.add_rectangles(boxes[2:])
    qtbot.waitUntil(lambda: "first 20 of 25 regions" in docked.controls.status.text(), timeout=20_000)
    qtbot.waitUntil(lambda: "shape 20" in raman.lines, timeout=20_000)
    assert "shape 21" not in raman.lines
    drawn.data = boxes[:1]
    qtbot.waitUntil(lambda: "first 20" not in docked.controls.status.text(), timeout=20_000)


def test_empty_plots_show_the_axis_of_the_stack(docked: Any, qtbot: Any) -> None:
    qtbot.wait(50)
    for plot in (docked.plots.measured, docked.plots.raman):
        assert not plot.lines
        assert plot.view.getPlotItem().viewRange()[0] == pytest.approx((AXIS[0], AXIS[-1]), abs=50)


def test_labels_that_are_painted_at_one_wavenumber(docked: Any, viewer: Any, qtbot: Any) -> None:
    image = viewer.layers["tissue"]
    painted = np.zeros((AXIS.size, *SHAPE), dtype=np.uint8)
    painted[3, 4:6, 7:9] = 2
    labels = viewer.add_labels(painted, name="labels", scale=image.scale, translate=image.translate, units=image.units)
    docked.controls.regions.setCurrentText("labels")
    lines = docked.plots.measured.lines
    qtbot.waitUntil(lambda: "label 2" in lines, timeout=20_000)
    assert_allclose(lines["label 2"].y, CARS[4:6, 7:9].reshape(4, -1).mean(axis=0))
    viewer.dims.set_current_step(0, 9)
    labels.selected_label, labels.brush_size = 1, 1
    labels.paint((9, 12, 12), 1)
    qtbot.waitUntil(lambda: "label 1" in lines, timeout=20_000)


def test_a_band_is_gone_to_by_name_and_by_number(docked: Any, viewer: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    for text, plane in (("CH2", 15), ("2930", 23)):
        docked.controls.typed.clear()
        qtbot.keyClicks(docked.controls.typed, text)
        qtbot.keyClick(docked.controls.typed, Qt.Key.Key_Return)
        assert viewer.dims.current_step[0] == plane
        assert docked.band.wavenumber == AXIS[plane]
    for text, said in (("1655", "outside of this stack"), ("CH9", "CH2")):
        docked.controls.typed.clear()
        qtbot.keyClicks(docked.controls.typed, text)
        qtbot.keyClick(docked.controls.typed, Qt.Key.Key_Return)
        assert said in docked.controls.status.text()
        assert viewer.dims.current_step[0] == 23


def test_a_refusal_is_gone_when_the_next_band_is_found(docked: Any, point: Any, qtbot: Any) -> None:
    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    for text, said in (("rubbish", "'rubbish' is no band"), ("CH₂ 2850", "y 4, x 5")):
        docked.controls.went_to.emit(text)
        qtbot.waitUntil(lambda said=said: docked.controls.status.text().startswith(said), timeout=5_000)


def test_what_a_remover_is_not_to_be_trusted_for_is_said(docked: Any, point: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FunctionRemover, "doubts", lambda _, axis: f"not for {axis.size} points")
    point(4, 5)
    qtbot.waitUntil(lambda: docked.controls.status.text() == "y 4, x 5 · not for 41 points", timeout=20_000)


def test_numbers_that_are_copied_say_which_pixels_they_are_of(docked: Any, point: Any, qtbot: Any) -> None:
    point(15, 18, ctrl=True)
    point(4, 5)
    qtbot.waitUntil(lambda: looks_at(docked, 4, 5)() and "pin 1" in docked.plots.raman.lines, timeout=20_000)
    found = {name: line.of for name, line in docked.plots.raman.lines.items()}
    assert found["cnn"] == "tissue, y 4, x 5"
    assert found["pin 1"] == "tissue, y 15, x 18"


def test_dragging_the_line_moves_the_slider(docked: Any, viewer: Any, point: Any, qtbot: Any) -> None:
    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    viewer.dims.set_current_step(0, 30)
    qtbot.wait(50)
    drag(qtbot, docked.plots.raman, 3000.0, 2950.0)
    qtbot.waitUntil(lambda: abs(viewer.dims.current_step[0] - 25) <= 1, timeout=20_000)


def test_band_image_is_the_mean_and_follows_the_slider(docked: Any, viewer: Any, click: Any, qtbot: Any) -> None:
    viewer.dims.set_current_step(0, 15)
    click(docked.controls.band)
    assert [layer.name for layer in viewer.layers] == ["tissue", "tissue · 2850 cm⁻¹"]
    assert not viewer.layers["tissue"].visible
    docked.controls.typed.setText("2840-2860")
    docked.controls.went_to.emit("2840-2860")
    image = viewer.layers[1]
    qtbot.waitUntil(lambda: np.allclose(image.data, CARS[..., 14:17].mean(axis=-1)), timeout=20_000)
    assert image.name == "tissue · 2840–2860 cm⁻¹"
    assert image.contrast_limits[1] > 1000
    viewer.dims.set_current_step(0, 20)
    qtbot.waitUntil(lambda: np.allclose(image.data, CARS[..., 19:22].mean(axis=-1)), timeout=20_000)
    click(docked.controls.band)
    assert [layer.name for layer in viewer.layers] == ["tissue"]
    assert viewer.layers["tissue"].visible
    click(docked.controls.band)
    viewer.layers.remove(viewer.layers[1])
    assert not docked.controls.band.isChecked()
    assert viewer.layers["tissue"].visible


def test_the_canvas_says_the_wavenumber_in_band_image_mode_too(docked: Any, viewer: Any, click: Any) -> None:
    show_wavenumber(viewer)
    shown = viewer.canvas.overlays["wavenumber"]
    click(docked.controls.band)
    assert not viewer.layers["tissue"].visible
    for plane, at in ((15, "2850.0"), (23, "2930.0")):
        viewer.dims.set_current_step(0, plane)
        assert shown.visible
        assert shown.text.startswith(f"{at} cm⁻¹")
    viewer.layers[1].visible = False
    assert not shown.visible


def test_dragging_the_band_averages_over_it(docked: Any, viewer: Any, point: Any, click: Any, qtbot: Any) -> None:
    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    click(docked.controls.band)
    docked.controls.went_to.emit("2900-3000")
    qtbot.wait(50)
    drag(qtbot, docked.plots.measured, 3000.0, 3060.0)
    qtbot.waitUntil(lambda: abs(docked.band.edges[1] - 3060) < 5, timeout=20_000)
    first, last = np.searchsorted(AXIS, docked.band.edges)
    expected = CARS[..., first:last].mean(axis=-1)
    qtbot.waitUntil(lambda: np.allclose(viewer.layers[1].data, expected), timeout=20_000)


def test_result_is_shown_as_it_is(docked: Any, viewer: Any, point: Any, qtbot: Any) -> None:
    result = make_stack(CARS.astype(np.float32), AXIS, step_um={"y": 0.5, "x": 0.5}).rename(cars="raman")
    add_tissue(viewer, result, name="tissue · cnn")
    docked.controls.stack.setCurrentText("tissue · cnn")
    point(4, 5)
    qtbot.waitUntil(looks_at(docked, 4, 5), timeout=20_000)
    assert list(docked.plots.raman.lines) == ["as stored"]
    assert not docked.plots.measured.isVisible()
    docked.controls.stack.setCurrentText("tissue")
    point(5, 5)
    qtbot.waitUntil(lambda: "cnn" in docked.plots.raman.lines, timeout=20_000)
    assert "as stored" not in docked.plots.raman.lines


def test_stack_without_an_axis_says_what_to_do(viewer: Any, open_dock: Any) -> None:
    viewer.add_image(np.zeros((5, 6, 7)), name="scan", rgb=False)
    viewer.add_image(np.zeros((6, 7)), name="flat")
    _, dock = open_dock()
    assert [dock.controls.stack.itemText(i) for i in range(dock.controls.stack.count())] == ["scan"]
    assert "does not say its wavenumbers" in dock.controls.status.text()


def test_errors_are_told_and_the_dock_goes_on(docked: Any, gated: Gated, point: Any, qtbot: Any) -> None:
    gated.error = CrimsonError("the weights do not fit; get them again")
    point(4, 5)
    qtbot.waitUntil(lambda: "get them again" in docked.controls.status.text(), timeout=20_000)
    gated.error = None
    point(6, 5)
    qtbot.waitUntil(looks_at(docked, 6, 5), timeout=20_000)


def test_a_bug_in_a_remover_is_told_once(docked: Any, gated: Gated, point: Any, qtbot: Any) -> None:
    gated.error = RuntimeError("out of luck")
    before = len(notification_manager.records)
    with qtbot.captureExceptions():
        for x in (5, 9, 13):
            point(4, x)
            qtbot.wait(100)
    assert "out of luck" in docked.controls.status.text()
    assert sum("out of luck" in record.message for record in list(notification_manager.records)[before:]) == 1


def test_file_that_is_gone_is_told(viewer: Any, open_dock: Any, point: Any, qtbot: Any, tmp_path: Path) -> None:
    save_stack(make_stack(CARS, AXIS), tmp_path / "gone.h5")
    add_tissue(viewer, open_stack(tmp_path / "gone.h5"))
    _, dock = open_dock()
    point(4, 5)
    qtbot.waitUntil(looks_at(dock, 4, 5), timeout=20_000)
    (tmp_path / "gone.h5").unlink()
    point(17, 20)
    qtbot.waitUntil(lambda: "gone.h5" in dock.controls.status.text(), timeout=20_000)


def hold(dock: Any, gated: Gated, point: Any, qtbot: Any) -> None:
    """Leave the worker in the middle of a spectrum."""
    point(4, 5)
    qtbot.waitUntil(looks_at(dock, 4, 5), timeout=20_000)
    gated.gate.clear()
    gated.at_gate.clear()
    point(8, 9)
    qtbot.waitUntil(gated.at_gate.is_set, timeout=20_000)


def test_layer_is_deleted_while_it_is_read(docked: Any, viewer: Any, gated: Gated, point: Any, qtbot: Any) -> None:
    add_tissue(viewer, name="other")
    viewer.layers.move(1, 0)  # some software renderers crash when the lowest layer is deleted
    hold(docked, gated, point, qtbot)
    viewer.layers.remove("tissue")
    gated.gate.set()
    assert docked.layer is viewer.layers["other"] or docked.layer.name == "other"
    assert docked.looked is None
    point(3, 3)
    qtbot.waitUntil(looks_at(docked, 3, 3), timeout=20_000)


def test_dock_is_closed_while_it_reads(viewer: Any, open_dock: Any, gated: Gated, point: Any, click: Any, qtbot: Any) -> None:
    add_tissue(viewer)
    panel, dock = open_dock()
    click(dock.controls.band)
    hold(dock, gated, point, qtbot)
    panel.destroyOnClose()
    qtbot.wait(50)
    assert [layer.name for layer in viewer.layers] == ["tissue"]
    assert viewer.layers["tissue"].visible
    gated.gate.set()
    forgotten = weakref.ref(dock)
    del panel, dock
    qtbot.waitUntil(lambda: gc.collect() >= 0 and forgotten() is None, timeout=20_000)
    point(6, 6)
    viewer.dims.set_current_step(0, 3)


def test_window_is_closed_while_the_dock_reads(docked: Any, viewer: Any, gated: Gated, point: Any, click: Any, qtbot: Any) -> None:
    click(docked.controls.band)
    hold(docked, gated, point, qtbot)
    viewer.close()
    gated.gate.set()
    qtbot.waitUntil(lambda: not any(thread.name.startswith("crimson") for thread in threading.enumerate()), timeout=20_000)


def test_opening_and_closing_leaves_nothing_behind(viewer: Any, open_dock: Any, point: Any, qtbot: Any) -> None:
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    image = add_tissue(viewer)
    events = (viewer.dims.events.current_step, viewer.layers.events.removed, viewer.layers.events.inserted, image.events.data)

    def callbacks() -> int:
        return sum(len(event.callbacks) for event in events) + len(viewer.mouse_move_callbacks) + len(viewer.mouse_drag_callbacks)

    def census() -> tuple[int, int, int]:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # which only the loop of an application does unasked
        gc.collect()
        docks = sum(type(one).__name__ == "SpectrumWidget" for one in gc.get_objects())
        return docks, callbacks(), len(QApplication.allWidgets())

    for number in range(22):
        panel, dock = open_dock()
        point(3 + number % 10, 5)
        panel.destroyOnClose()
        del panel, dock
        qtbot.wait(20)
        if number == 1:
            before = census()
    qtbot.waitUntil(lambda: census() == before, timeout=20_000)
    assert before[0] == 0


def test_every_control_has_a_tooltip_and_a_name(docked: Any) -> None:
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    controls = [one for kind in (QAbstractButton, QComboBox, QLineEdit) for one in docked.controls.findChildren(kind)]
    assert len(controls) >= 12
    for one in controls:
        assert one.accessibleName(), one
        assert one.toolTip(), one


def test_points_of_the_user_serve_as_regions(docked: Any, viewer: Any, qtbot: Any) -> None:
    image = viewer.layers["tissue"]
    viewer.add_layer(Points([[7, 6, 5]], name="mine", scale=image.scale, translate=image.translate, units=image.units))
    docked.controls.regions.setCurrentText("mine")
    qtbot.waitUntil(lambda: "point 1" in docked.plots.measured.lines, timeout=20_000)
    assert_array_equal(docked.plots.measured.lines["point 1"].y, CARS[6, 5])
