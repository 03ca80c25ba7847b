"""The Remove background dock while it works: what a run will take, preview, queue, going on, napari's list of activities."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_plugin_settings
from napari.utils.progress import progress
from numpy.testing import assert_allclose

from napari_crimson import estimate, keep_remover, remove, weights
from napari_crimson.memory import limit_memory
from napari_crimson.pipeline import Step
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.remove.live import LiveLayer, growing_data
from napari_crimson.plugin.remove.preview import MOST_PIXELS, visible_region
from napari_crimson.remover import FunctionRemover
from test_plugin_remove import AXIS, ROWS, Gated, add_tissue, cars, click, dock, done, gated, result

pytestmark = pytest.mark.gui

__all__ = ["click", "gated"]  # fixtures

PATIENCE_MS = 20_000


def to_folder(widget: Any, folder: Path) -> None:
    widget.output.value = widget.output.choices[1]
    widget.folder.value = folder


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def stop_after(viewer: Any, qtbot: Any, click: Any, gated: Gated, widget: Any, rows: int) -> None:
    """Run, and cancel when some rows are there."""
    click(widget.buttons.run_button)
    gated.open(rows + 1)  # the last is written when the next is on its way
    qtbot.waitUntil(lambda: len(viewer.layers) == 2 and done(result(viewer)) >= rows, timeout=PATIENCE_MS)
    click(widget.buttons.cancel_button)
    gated.open(1)
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE_MS)
    assert "Cancelled" in widget.status.value
    while gated.gate.acquire(blocking=False):  # what was not used
        pass


# --- what a run will take -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("gated")
def test_what_a_run_will_take_is_told_before_it_and_follows_the_settings(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    widget = dock(viewer)
    assert widget.plan.value == ""
    add_tissue(viewer)
    qtbot.waitUntil(lambda: "about a second" in widget.plan.value, timeout=PATIENCE_MS)
    shape, output, time = widget.plan.value.splitlines()
    assert shape == "6 y × 8 x × 16 wavenumber, 6 blocks"
    assert output.startswith("3.07 kB in memory, ")
    assert time == f"{widget.remover.value} on cpu: about a second"
    widget.output.value = widget.output.choices[1]
    qtbot.waitUntil(lambda: "no folder is chosen" in widget.plan.value, timeout=PATIENCE_MS)
    widget.folder.value = tmp_path / "out"
    qtbot.waitUntil(lambda: "on the disk" in widget.plan.value, timeout=PATIENCE_MS)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "other.zarr").write_text("somebody else's")
    widget.folder.value = tmp_path / "other.zarr"
    qtbot.waitUntil(lambda: "Run would stop here" in widget.plan.value, timeout=PATIENCE_MS)
    assert "other.zarr exists and is no result" in widget.plan.value
    assert names(viewer) == ["tissue"]


@pytest.mark.usefixtures("gated")
def test_it_says_nothing_of_a_stack_that_has_gone(viewer: Any, qtbot: Any) -> None:
    layer = add_tissue(viewer)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "6 y × 8 x" in widget.plan.value, timeout=PATIENCE_MS)
    layer.data = np.ones((4, 5), np.float32)
    qtbot.waitUntil(lambda: "has shape (4, 5)" in widget.plan.value, timeout=PATIENCE_MS)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: widget.plan.value == "", timeout=PATIENCE_MS)
    assert widget.plane.value == "–"


@pytest.mark.usefixtures("gated")
def test_it_says_what_is_measured_until_that_is_known(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = threading.Event()

    def measure_speed(_: Any, *, measure: bool = True) -> float | None:
        return 0.5 if measure and known.wait(20) else None

    monkeypatch.setattr(estimate, "measure_speed", measure_speed)
    add_tissue(viewer)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: f"measuring {widget.remover.value} on cpu" in widget.plan.value, timeout=PATIENCE_MS)
    known.set()
    qtbot.waitUntil(lambda: "about 1.6 min" in widget.plan.value, timeout=PATIENCE_MS)


@pytest.mark.usefixtures("gated")
def test_it_knows_the_preparation_and_an_axis_that_is_being_typed(viewer: Any, qtbot: Any) -> None:
    scan = viewer.add_image(np.ascontiguousarray(np.moveaxis(cars(), -1, 0)), name="scan", rgb=False)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "does not say its wavenumbers" in widget.plan.value, timeout=PATIENCE_MS)
    qtbot.keyClicks(widget.wavenumber.native, "2800, 3100")
    qtbot.waitUntil(lambda: "16 wavenumber" in widget.plan.value, timeout=PATIENCE_MS)
    assert "crimson" not in scan.metadata
    prepare = viewer.window.add_plugin_dock_widget("napari-crimson", "Prepare")[1]
    prepare.editor.set_steps((Step("crop", {"first_cm1": 2900.0, "last_cm1": 3100.0}), Step("denoise_svd", {"components": 2})))
    prepare.editor.changed.emit()
    qtbot.waitUntil(lambda: "11 wavenumber" in widget.plan.value, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "and before it Denoise by SVD" in widget.plan.value, timeout=PATIENCE_MS)


@pytest.mark.usefixtures("gated")
def test_it_knows_of_a_run_in_memory_that_was_stopped(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    stop_after(viewer, qtbot, click, gated, widget, rows=2)
    gated.open()
    qtbot.waitUntil(lambda: re.search(r"6 blocks, [2-5] of them done", widget.plan.value) is not None, timeout=PATIENCE_MS)


@pytest.mark.usefixtures("gated")
def test_it_keeps_to_the_memory_limit_that_is_set(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "in memory" in widget.plan.value, timeout=PATIENCE_MS)
    page = get_plugin_settings("napari-crimson")
    monkeypatch.setattr(page.removal, "memory_limit_gib", 1e-6)
    widget.dark.changed.emit(widget.dark.value)
    qtbot.waitUntil(lambda: "Run would stop here" in widget.plan.value, timeout=PATIENCE_MS)
    limit_memory(None)


@pytest.mark.usefixtures("gated")
def test_it_says_where_a_remover_is_not_to_be_trusted(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FunctionRemover, "doubts", lambda _, axis: f"not for {axis.size} points")
    add_tissue(viewer)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: widget.plan.value.startswith("not for 16 points\n6 y"), timeout=PATIENCE_MS)


def test_it_knows_of_a_remover_whose_files_have_gone(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRIMSON_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(estimate, "measure_speed", lambda *_, **__: 100.0)
    keep_remover(weights.SHIPPED / "cnn.safetensors", "mine")
    add_tissue(viewer)
    widget = dock(viewer)
    widget.remover.value = "mine"
    qtbot.waitUntil(lambda: "6 y × 8 x" in widget.plan.value, timeout=PATIENCE_MS)
    for file in tmp_path.glob("mine.*"):
        file.unlink()
    qtbot.waitUntil(lambda: "Run would stop here" in widget.plan.value, timeout=PATIENCE_MS)
    assert widget.remover.value == "mine"
    assert widget.remover.choices[-1] == "mine"  # behind those there are


# --- preview ------------------------------------------------------------------------------------------------


def test_preview_corrects_what_the_canvas_shows(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    source = add_tissue(viewer)
    source.translate = (*source.translate[:1], 10.0, 20.0)
    widget = dock(viewer)
    viewer.reset_view()
    viewer.scene.camera.center = source.data_to_world((0, 1, 2))[1:]
    viewer.scene.camera.zoom *= 4
    qtbot.waitUntil(lambda: source.corner_pixels[1, 2] < 7, timeout=PATIENCE_MS)
    gated.open()
    click(widget.buttons.preview_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert names(viewer) == ["tissue", f"tissue · {widget.remover.value} (preview)"]
    preview = result(viewer)
    assert preview.data.shape[0] == AXIS.size
    assert preview.data.shape[1] * preview.data.shape[2] < ROWS * 8
    for row in range(preview.data.shape[1]):
        at = preview.data_to_world((3, row, 0))
        _, y, x = np.round(source.world_to_data(at)).astype(int)
        assert_allclose(preview.data[:, row, 0], np.asarray(source.data)[:, y, x] / 2)
    viewer.scene.camera.zoom /= 8
    qtbot.waitUntil(lambda: source.corner_pixels[1, 2] >= 7, timeout=PATIENCE_MS)
    preview.colormap = "magma"
    widget.remover.value = "kk"
    click(widget.buttons.preview_button)
    qtbot.waitUntil(lambda: result(viewer).name == "tissue · kk (preview)" and done(result(viewer)) == ROWS, timeout=PATIENCE_MS)
    assert result(viewer) is preview  # put in its place
    assert preview.colormap.name == "magma"
    assert_allclose(preview.data, np.asarray(source.data) / 2)
    assert_allclose(preview.translate, source.translate)
    assert widget.stack.choices == ("tissue",)


def test_preview_can_be_stopped_and_does_not_wait_for_a_run(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    click(widget.buttons.preview_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=PATIENCE_MS)
    assert widget.buttons.preview_button.text == "Stop"
    click(widget.buttons.preview_button)
    qtbot.waitUntil(lambda: widget.buttons.preview_button.text == "Preview", timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)  # nothing had been shown of it
    assert widget.running
    gated.open()
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert done(viewer.layers[1]) == ROWS


def test_region_of_a_preview() -> None:
    model = ViewerModel()
    layer = model.add_image(np.zeros((3, 4, 300, 200), np.float32), rgb=False)
    model.dims.set_current_step(1, 2)
    layer.corner_pixels = np.array([[0, 0, 40, 30], [0, 0, 59, 59]])
    assert visible_region(layer, model) == (slice(2, 3), slice(40, 60), slice(30, 60))
    layer.corner_pixels = np.array([[0, 0, 0, 0], [0, 0, 299, 199]])
    lead, rows, columns = visible_region(layer, model)
    assert lead == slice(2, 3)
    assert 0.9 * MOST_PIXELS < (rows.stop - rows.start) * (columns.stop - columns.start) <= MOST_PIXELS
    assert abs(rows.start + rows.stop - 300) <= 1
    assert abs(columns.start + columns.stop - 200) <= 1
    layer.corner_pixels = np.zeros((2, 4), int)
    layer.corner_pixels[:] = [[0, 0, 500, 500], [0, 0, 500, 500]]  # beside the image
    assert visible_region(layer, model)[1:] == (rows, columns)
    line = model.add_image(np.zeros((3, 2, 60_000), np.float32), rgb=False)
    line.corner_pixels = np.array([[0, 0, 0], [0, 1, 59_999]])
    rows, columns = visible_region(line, model)
    assert rows == slice(0, 2)
    assert columns.stop - columns.start <= MOST_PIXELS // 2


# --- cancel and go on ---------------------------------------------------------------------------------------


def test_cancel_is_heard_while_the_remover_hangs(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    click(widget.buttons.cancel_button)
    qtbot.waitUntil(lambda: "Cancelled" in widget.status.value, timeout=PATIENCE_MS)
    assert result(viewer).name.endswith("(partial)")
    assert widget.running  # its thread is still in the first block
    click(widget.buttons.run_button)
    assert widget.queue.visible
    gated.open()
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert len(viewer.layers) == 2
    assert done(result(viewer)) == ROWS


@pytest.mark.parametrize("to_disk", [False, True])
def test_the_same_run_goes_on_in_the_layer_it_left(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, to_disk: bool
) -> None:
    monkeypatch.setattr(remove, "fit_tile", lambda *_: (1, 8))  # a row a block, also on the disk
    source = add_tissue(viewer)
    widget = dock(viewer)
    if to_disk:
        to_folder(widget, tmp_path / "out")
    stop_after(viewer, qtbot, click, gated, widget, 2)
    part = result(viewer)
    kept, calls = done(part), len(gated.references)
    assert part.name.endswith("(partial)")
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert names(viewer) == ["tissue", f"tissue · {widget.remover.value}"]
    assert result(viewer) is part
    assert part.metadata["crimson"]["provenance"]["status"] == "complete"
    assert_allclose(part.data, np.asarray(source.data) / 2)
    assert 2 <= kept < ROWS
    assert len(gated.references) - calls == ROWS - kept


def test_another_run_leaves_a_partial_layer_as_it_is(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    stop_after(viewer, qtbot, click, gated, widget, 2)
    part = result(viewer)
    before = np.array(part.data)
    widget.remover.value = "kk"
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert len(viewer.layers) == 3
    assert part.name.endswith("(partial)")
    np.testing.assert_array_equal(part.data, before)


# --- queue --------------------------------------------------------------------------------------------------


def test_runs_queue(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer, "one")
    add_tissue(viewer, "two")
    widget = dock(viewer)
    assert not widget.queue.visible
    widget.choose("one")
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=PATIENCE_MS)
    click(widget.buttons.run_button)
    assert "on its way already" in widget.status.value
    widget.choose("two")
    click(widget.buttons.run_button)
    assert widget.queue.queued.value == "queued: 1"
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    assert widget.queue.queued.value == "queued: 2"
    click(widget.queue.clear_button)
    assert not widget.queue.visible
    click(widget.buttons.run_button)
    widget.choose("one")
    gated.open()
    qtbot.waitUntil(lambda: not widget.running and "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert names(viewer)[3:] == ["two · kk"]
    assert [done(layer) for layer in viewer.layers[2:]] == [ROWS, ROWS]
    assert not widget.queue.visible


def test_cancel_lets_the_next_begin(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(2)
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=PATIENCE_MS)
    first = f"tissue · {widget.remover.value}"
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    click(widget.buttons.cancel_button)
    gated.open(1)  # the block in work
    qtbot.waitUntil(lambda: first in widget.status.value, timeout=PATIENCE_MS)
    gated.open(4)  # some of the next run
    qtbot.waitUntil(lambda: "left" in widget.status.value, timeout=PATIENCE_MS)
    before, now, *_ = widget.status.value.splitlines()
    assert re.fullmatch(rf"{first}: Cancelled: \d+ of 48 pixels. The layer holds this part; Run goes on from there.", before)
    assert re.match(r"\d+ of 48 pixels", now)
    gated.open()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE_MS)
    assert widget.status.value.startswith("Complete")
    assert names(viewer)[1].endswith("(partial)")
    assert names(viewer)[2] == "tissue · kk"
    assert done(result(viewer)) == ROWS


# --- napari's list ------------------------------------------------------------------------------------------


def test_a_run_is_in_naparis_list_and_can_be_cancelled_there(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar
    from qtpy.QtCore import Qt

    add_tissue(viewer, "tissue of a mouse 2026")
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(3)
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=PATIENCE_MS)
    dialog = viewer.window._qt_window._activity_dialog
    (bar,) = dialog.findChildren(QtLabeledProgressBar)
    assert bar.description_label.text() == f"tissue of a mous…\n· {widget.remover.value}: "
    qtbot.waitUntil(lambda: bar.eta_label.text() == widget.status.value, timeout=PATIENCE_MS)
    assert re.fullmatch(r"(8|16|24) of 48 pixels\n[\d\u202f]+ spectra/s · \d+:\d\d left\ncpu · [\d.]+ GB of memory", widget.status.value)
    assert bar.qt_progress_bar.maximum() == ROWS * 8
    assert bar.qt_progress_bar.value() in (8, 16, 24)
    dialog.show()
    qtbot.wait(100)
    assert bar.cancel_button.visibleRegion().boundingRect() == bar.cancel_button.rect()
    qtbot.mouseClick(bar.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Cancelled" in widget.status.value, timeout=PATIENCE_MS)
    assert result(viewer).name.endswith("(partial)")
    assert not progress._all_instances
    gated.open()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE_MS)
    dialog.hide()


def test_a_block_that_takes_long_is_told_by_the_main_thread_only(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tqdm import TMonitor

    add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(3)
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=PATIENCE_MS)
    (bar,) = progress._all_instances
    telling: list[threading.Thread] = []
    monkeypatch.setattr(progress, "display", lambda *_, **__: telling.append(threading.current_thread()))
    bar.last_print_t -= 1000
    monitor = TMonitor(progress, 0.01)
    qtbot.wait(200)
    monitor.exit()
    assert set(telling) <= {threading.main_thread()}
    gated.open()
    qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE_MS)


Clicker = Callable[[Any], None]


def test_a_closed_dock_forgets_its_queue(viewer: Any, qtbot: Any, click: Clicker, gated: Gated) -> None:
    add_tissue(viewer)
    panel, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    click(widget.buttons.preview_button)
    panel.destroyOnClose()
    gated.open()
    qtbot.waitUntil(lambda: any(name.endswith("(partial)") for name in names(viewer)), timeout=PATIENCE_MS)
    assert "tissue · kk" not in names(viewer)
    assert not progress._all_instances


# --- names ---------------------------------------------------------------------------------------------------


def test_a_complete_result_is_never_called_partial() -> None:
    viewer = ViewerModel()
    source = add_tissue(viewer)
    stack = stack_from_layer(source)
    removals = [remove.plan_removal(stack, "kk", dark=dark, earlier=()) for dark in (None, np.ones(AXIS.size))]
    for removal in removals:
        LiveLayer(viewer, source, removal, growing_data(removal)).finish(complete=False)
    assert names(viewer) == ["tissue", "tissue · kk (partial)", "tissue · kk (partial) [1]"]  # a number of napari's
    again = LiveLayer(viewer, source, removals[1], growing_data(removals[1]))
    again.finish(complete=False)
    assert names(viewer)[2] == "tissue · kk (partial) [1]"
    again = LiveLayer(viewer, source, removals[1], growing_data(removals[1]))
    again.finish(complete=True)
    assert names(viewer) == ["tissue", "tissue · kk (partial)", "tissue · kk"]


def test_a_refusal_leaves_the_line_to_the_run_that_is_on(viewer: Any, qtbot: Any, click: Any, gated: Gated) -> None:
    source = add_tissue(viewer)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    viewer.layers.remove(source)
    click(widget.buttons.run_button)
    assert "no stack" not in widget.status.value
    gated.open()
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)


# --- the layer that fills in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("grows", "drawn"), [(1.01, False), (1.5, True)])
def test_contrast_moves_where_it_is_seen_and_not_for_less(grows: float, drawn: bool) -> None:
    viewer = ViewerModel()
    source = add_tissue(viewer)
    removal = remove.plan_removal(stack_from_layer(source), "kk")
    live = LiveLayer(viewer, source, removal, growing_data(removal))
    sample = np.linspace(0.0, 1.0, 64, dtype=np.float32) * np.ones((AXIS.size, 1), dtype=np.float32)
    live.show(sample)
    moved: list[Any] = []
    live.layer.events.contrast_limits.connect(moved.append)
    live.show(sample * grows)
    assert bool(moved) == drawn
