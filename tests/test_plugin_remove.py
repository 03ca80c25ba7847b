"""The dock widget that removes the background, in a real window with real clicks."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import estimate, remove
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack
from napari_crimson.plugin.layers import layer_data_from_stack, stack_from_layer
from napari_crimson.remover import FunctionRemover
from napari_crimson.stack import make_stack

pytestmark = pytest.mark.gui

AXIS = np.linspace(2800.0, 3100.0, 16)
ROWS = 6


class Gated:
    """A remover that waits at a gate before each block, so that a test decides how far a run is."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.error: Exception | None = None
        self.references: list[Any] = []

    def open(self, blocks: int = 1000) -> None:
        self.gate.release(blocks)

    def __call__(self, spectra: np.ndarray, wavenumber: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
        time.sleep(0.02)  # no block takes no time: by then the one before is written, and told of
        assert self.gate.acquire(timeout=20)
        self.references.append(reference)
        if self.error:
            raise self.error
        return spectra / 2


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gated]:
    """Every remover is this one, and every block one row."""
    remover = Gated()
    monkeypatch.setattr(remove, "load_remover", lambda name, **_: FunctionRemover(remover, str(name)))
    monkeypatch.setattr(remove, "plan_blocks", partial(remove.plan_blocks, block_bytes=4 * AXIS.size * 8))
    monkeypatch.setattr(estimate, "measure_speed", lambda *_, **__: 100.0)
    yield remover
    remover.open()


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    from qtpy.QtCore import Qt

    return lambda button: qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)


def cars() -> np.ndarray:
    return np.random.default_rng(0).uniform(100, 1000, (ROWS, 8, AXIS.size)).astype(np.float32)


def add_tissue(viewer: Any, name: str = "tissue", **spectra: Any) -> Any:
    dataset = make_stack(cars(), AXIS, step_um={"y": 0.5, "x": 0.5}, source=f"/data/{name}.h5", **spectra)
    data, attributes, _ = layer_data_from_stack(dataset)[0]
    return viewer.add_image(data, **attributes)


def dock(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")[1]


def result(viewer: Any) -> Any:
    return viewer.layers[-1]


def done(layer: Any) -> int:
    """Number of rows that hold numbers."""
    return int(np.isfinite(np.asarray(layer.data)).all(axis=(0, 2)).sum())


def test_run_adds_a_layer_like_its_source(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    source = add_tissue(viewer)
    widget = dock(viewer)
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    layer = result(viewer)
    assert layer.name == f"tissue · {widget.remover.value}"
    assert_allclose(layer.data, np.asarray(source.data) / 2)
    assert_array_equal(layer.scale, source.scale)
    assert_array_equal(layer.translate, source.translate)
    assert layer.units == source.units
    assert layer.axis_labels == source.axis_labels
    record = layer.metadata["crimson"]
    assert_array_equal(record["wavenumber"], AXIS)
    assert record["provenance"]["remover"] == widget.remover.value
    assert record["provenance"]["status"] == "complete"
    assert "background removed" in record["history"][-1]
    assert widget.bar.value == widget.bar.max
    assert "48 pixels" in widget.status.value
    low, high = layer.contrast_limits
    assert low < np.median(layer.data) < high


def test_layer_fills_in_while_the_run_goes_on(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    assert done(result(viewer)) == 0
    gated.open(3)
    qtbot.waitUntil(lambda: done(result(viewer)) >= 2, timeout=20_000)
    qtbot.waitUntil(lambda: "spectra/s" in widget.status.value and "left" in widget.status.value, timeout=20_000)
    assert done(result(viewer)) < ROWS
    assert 0 < widget.bar.value < widget.bar.max
    assert widget.buttons.cancel_button.enabled
    gated.open()
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    assert done(result(viewer)) == ROWS


def test_cancel_keeps_the_part_that_is_done(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(2)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2 and done(result(viewer)) >= 1, timeout=20_000)
    click(widget.buttons.cancel_button)
    gated.open(2)  # the block in work, and the one it is read ahead of
    qtbot.waitUntil(lambda: "Cancelled" in widget.status.value, timeout=20_000)
    layer = result(viewer)
    assert layer.name.endswith("(partial)")
    assert layer.metadata["crimson"]["provenance"]["status"] == "partial"
    assert 1 <= done(layer) < ROWS
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    assert done(result(viewer)) == ROWS


def test_result_in_a_folder_can_be_opened_again(viewer: Any, qtbot: Any, click: Any, gated: Gated, tmp_path: Path) -> None:
    source = add_tissue(viewer)
    widget = dock(viewer)
    widget.output.value = widget.output.choices[1]
    widget.folder.value = tmp_path / "out"
    click(widget.buttons.run_button)
    gated.open(3)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    gated.open()
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    assert_allclose(result(viewer).data, np.asarray(source.data) / 2)
    saved = open_stack(tmp_path / "out.zarr")
    assert_allclose(saved["raman"], cars() / 2)
    assert saved.attrs["status"] == "complete"
    viewer.open(tmp_path / "out.zarr", plugin="napari-crimson")
    assert_allclose(result(viewer).data, np.asarray(source.data) / 2)


@pytest.mark.parametrize("error", [CrimsonError("the disk is full; choose another folder"), RuntimeError("out of memory on the device")])
def test_error_is_told_and_the_widget_goes_on(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], error: Exception
) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    gated.error = error
    gated.open(1)
    with qtbot.captureExceptions():
        click(widget.buttons.run_button)
        qtbot.waitUntil(lambda: "Stopped" in widget.status.value, timeout=20_000)
    assert any(str(error) in message for message in messages)
    assert str(error) in widget.status.value
    assert viewer.layers[1].name.endswith("(partial)")
    gated.error = None
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)


def test_layer_of_another_reader_is_asked_for_its_axis(viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str]) -> None:
    scan = np.ascontiguousarray(np.moveaxis(cars(), -1, 0))
    viewer.add_image(scan, name="scan", rgb=False)
    add_tissue(viewer)
    widget = dock(viewer)
    widget.choose("tissue")
    assert not widget.wavenumber.visible
    widget.choose("scan")
    qtbot.waitUntil(lambda: widget.wavenumber.visible, timeout=5_000)
    gated.open()
    click(widget.buttons.run_button)
    assert "first and last of its 16 planes" in messages[-1]
    qtbot.keyClicks(widget.wavenumber.native, "3100, twenty")
    click(widget.buttons.run_button)
    assert "3100, twenty" in messages[-1]
    widget.wavenumber.value = ""
    qtbot.keyClicks(widget.wavenumber.native, "3100, 2800")
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    layer = result(viewer)
    assert_array_equal(layer.metadata["crimson"]["wavenumber"], AXIS)
    for plane in (0, 5, 15):  # both layers show the same wavenumber at each position of the slider
        shown = layer.world_to_data(viewer.layers["scan"].data_to_world((plane, 0, 0)))
        assert_allclose(layer.data[round(shown[0])], scan[plane] / 2)


def test_reference_and_dark_from_other_layers(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer, dark=np.full(16, 5.0))
    viewer.add_image(np.full((16, 3, 3), 50.0) + np.arange(16)[:, None, None], name="glass", rgb=False)
    viewer.add_image(np.ones((15, 3, 3)), name="short", rgb=False)
    widget = dock(viewer)
    widget.choose("tissue")
    names = [str(choice) for choice in widget.reference._widget._mgui_get_choices()]
    assert any("glass" in name for name in names)
    assert not any("short" in name for name in names)
    assert widget.dark.value == "auto"
    widget.reference.value = ("layer", "glass")
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    assert_allclose(gated.references[0], 45.0 + np.arange(16))
    assert_allclose(result(viewer).data, (np.moveaxis(cars(), -1, 0) - 5) / 2, rtol=1e-5)


def test_results_are_not_offered_as_stacks(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    viewer.add_labels(np.zeros((16, 6, 8), dtype=int))
    viewer.add_image(np.zeros((9, 9)), name="flat")
    widget = dock(viewer)
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
    assert widget.stack.choices == ("tissue",)


@pytest.mark.parametrize("to_disk", [False, True])
def test_deleting_the_result_stops_the_run_and_says_what_is_left(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tmp_path: Path, to_disk: bool
) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    if to_disk:
        widget.output.value = widget.output.choices[1]
        widget.folder.value = tmp_path / "out.zarr"
    click(widget.buttons.run_button)
    gated.open(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    viewer.layers.remove(result(viewer))
    gated.open(2)  # the block in work, and the one it is read ahead of
    qtbot.waitUntil(lambda: "Stopped" in widget.status.value, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["tissue"]
    stopped = f"layer 'tissue · {widget.remover.value}' was deleted, and its run was stopped."
    stays = f"\nThe part that is done stays in {tmp_path / 'out.zarr'}; Run goes on from there."
    assert widget.status.value == f"Stopped: {stopped}{stays if to_disk else ''}"
    assert messages == [f"{stopped}{stays if to_disk else ''}"]
    qtbot.waitUntil(lambda: not widget.running, timeout=20_000)
    if to_disk:
        gated.open()
        click(widget.buttons.run_button)
        qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=20_000)
        assert done(result(viewer)) == ROWS


def test_renaming_and_deleting_the_source_does_not_disturb_a_run(qtbot: Any, gated: Gated) -> None:
    from napari_crimson.plugin.remove.job import RemovalJob
    from napari_crimson.plugin.remove.request import Request

    model = ViewerModel()  # without a window: some software renderers crash when the lowest of two layers is deleted
    source = add_tissue(model)
    phases: list[str] = []
    request = Request(source=source, stack=stack_from_layer(source), options={"remover": "kk"})
    job = RemovalJob(model, request, listener=lambda report: phases.append(report.phase))
    job.start()
    gated.open(1)
    qtbot.waitUntil(lambda: len(model.layers) == 2, timeout=20_000)
    source.name = "slice 1"
    model.layers.remove(source)
    gated.open()
    qtbot.waitUntil(lambda: not job.running, timeout=20_000)
    assert phases[0] == "starting"
    assert phases[-1] == "complete"
    assert done(result(model)) == ROWS


def test_closing_the_dock_stops_the_run(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    panel, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")
    click(widget.buttons.run_button)
    gated.open(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    panel.destroyOnClose()
    qtbot.wait(50)
    gated.open(2)
    qtbot.waitUntil(lambda: result(viewer).name.endswith("(partial)"), timeout=20_000)
    assert done(result(viewer)) < ROWS
    forgotten = weakref.ref(widget)
    del panel, widget
    qtbot.wait(50)
    gc.collect()
    assert forgotten() is None
    viewer.dims.set_current_step(0, 3)


def test_closing_the_window_stops_the_run(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    layer = result(viewer)
    viewer.close()
    gated.open(2)
    qtbot.waitUntil(lambda: not any(thread.name.startswith("crimson") for thread in threading.enumerate()), timeout=20_000)
    assert done(layer) < ROWS


def test_wavenumber_on_the_slider_is_shown(viewer: Any) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    viewer.dims.set_current_step(0, 5)
    assert widget.plane.value == "2900.0 cm⁻¹ (5 of 16)"


def test_devices_appear_without_being_waited_for(viewer: Any, qtbot: Any) -> None:
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "→" in widget.device.current_choice, timeout=60_000)
    assert widget.device.value == "auto"
    add_tissue(viewer)
    assert "→" in widget.device.current_choice
    assert "cpu" in widget.device.choices


def test_run_without_a_stack_says_what_to_do(viewer: Any, click: Any, messages: list[str]) -> None:
    click(dock(viewer).buttons.run_button)
    assert "Open Sample" in messages[-1]


def test_folder_that_cannot_be_written_is_told(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tmp_path: Path
) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    (tmp_path / "out.zarr").write_text("somebody else's")
    widget.output.value = widget.output.choices[1]
    widget.folder.value = tmp_path / "out.zarr"
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Stopped" in widget.status.value, timeout=20_000)
    assert "out.zarr" in messages[-1]
    assert len(viewer.layers) == 1
    assert (tmp_path / "out.zarr").read_text() == "somebody else's"
