"""What may be taken away, replaced or never there while the Remove background dock works: a word or a clean stop, no traceback."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.utils.notifications import NotificationSeverity, notification_manager
from numpy.testing import assert_allclose

from napari_crimson import faults, weights
from napari_crimson.io import lazy
from napari_crimson.pipeline import Pipeline, Step
from napari_crimson.plugin.analyse.job import AnalyseJob
from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.check.job import CheckJob
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.plugin.prepare.job import PrepareJob
from napari_crimson.plugin.prepare.svd_job import SVDJob
from napari_crimson.plugin.train.job import TrainJob
from napari_crimson.stack import make_stack
from refusing import contents, unchanged
from test_plugin_remove import AXIS, Gated, add_tissue, cars, click, dock, done, gated, result

__all__ = ["click", "gated"]  # fixtures

PATIENCE_MS = 20_000
GIVEN = "layer 'tissue' has been given other data, and the run on those it had was stopped"
GONE = r"tissue\.h5 is gone: put it back, or open it where it is now; is its disk or share connected"


@pytest.fixture(autouse=True)
def _no_traceback() -> Iterator[None]:
    """A bug would be told with its traceback, as a notification of an error that is none of ours."""
    seen: list[Any] = []
    notification_manager.notification_ready.connect(seen.append)
    yield
    notification_manager.notification_ready.disconnect(seen.append)
    assert not [note for note in seen if hasattr(note, "exception")]
    assert {note.severity for note in seen} <= {NotificationSeverity.ERROR, NotificationSeverity.WARNING, NotificationSeverity.INFO}


@pytest.fixture
def tissue_file(tmp_path: Path) -> Iterator[Path]:
    """A stack in a folder where nothing may change but what a test does itself."""
    path = tmp_path / "scans" / "tissue.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file.create_dataset("cars", data=cars(), chunks=(1, 8, AXIS.size))
        file.create_dataset("wavenumber", data=AXIS)
    before = contents(path.parent)
    yield path
    assert contents(path.parent) == (before if path.exists() else {})  # one test takes it away


def open_tissue(viewer: Any, path: Path) -> Any:
    return viewer.open(path, plugin="napari-crimson")[0]


def stopped(widget: Any) -> bool:
    return not widget.running and widget.buttons.run_button.enabled and not widget.buttons.cancel_button.enabled


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("crimson")]


@pytest.mark.gui
def test_source_deleted_during_a_run(viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path) -> None:
    add_tissue(viewer, "below")
    source = open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    widget.choose("tissue")
    click(widget.buttons.run_button)
    gated.open(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=PATIENCE_MS)
    viewer.layers.remove(source)
    messages.clear()  # what napari says of units, which a file of numbers has not
    qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
    gated.open()
    qtbot.waitUntil(lambda: stopped(widget), timeout=PATIENCE_MS)
    assert result(viewer).name.startswith("tissue · ")
    assert done(result(viewer)) == 6
    assert widget.stack.choices == ("below",)
    assert "Complete" in widget.status.value
    assert messages == ["Layer 'tissue' was deleted; the run on it goes on, with its data as they were. Cancel stops it."]


@pytest.mark.gui
def test_stack_replaced_during_a_run_and_while_one_waits(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path
) -> None:
    source = open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    source.data = np.asarray(source.data)[:, :3] + 1
    gated.open()
    qtbot.waitUntil(lambda: stopped(widget), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: sum(f"{GIVEN}; run it again" in message for message in messages) == 2, timeout=PATIENCE_MS)
    assert [layer.name[-9:] for layer in viewer.layers[1:]] == ["(partial)"]
    qtbot.waitUntil(lambda: "3 y × 8 x × 16" in widget.plan.value, timeout=PATIENCE_MS)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)
    assert_allclose(result(viewer).data, np.asarray(source.data) / 2)


@pytest.mark.gui
def test_stack_replaced_by_one_of_other_planes(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path
) -> None:
    source = open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "16 wavenumber" in widget.plan.value, timeout=PATIENCE_MS)
    source.data = np.ones((9, 4, 5), np.float32)
    qtbot.waitUntil(lambda: "9 planes but 16 wavenumbers" in widget.plan.value, timeout=PATIENCE_MS)
    click(widget.buttons.run_button)
    assert "9 planes but 16 wavenumbers" in messages[-1]
    click(widget.buttons.preview_button)
    assert len(messages) == 2
    assert stopped(widget)
    assert len(viewer.layers) == 1


@pytest.mark.gui
def test_file_removed_under_an_open_layer(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path
) -> None:
    open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    qtbot.waitUntil(lambda: "16 wavenumber" in widget.plan.value, timeout=PATIENCE_MS)
    aside = tissue_file.rename(tissue_file.with_name("aside.h5"))
    without = contents(tissue_file.parent)
    for button in (widget.buttons.run_button, widget.buttons.preview_button):
        messages.clear()
        click(button)
        qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
        assert re.search(GONE, messages[-1])
        qtbot.waitUntil(lambda: stopped(widget), timeout=PATIENCE_MS)
    assert [layer.name for layer in viewer.layers] == ["tissue"]
    widget.remover.value = "kk"
    qtbot.waitUntil(lambda: "Run would stop here" in widget.plan.value, timeout=PATIENCE_MS)
    assert contents(tissue_file.parent) == without
    aside.rename(tissue_file)
    gated.open()
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)


@pytest.mark.gui
def test_file_removed_during_a_run(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy, "BLOCK_BYTES", 4 * 8 * AXIS.size)  # a row is read at a time
    open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    gated.open(1)
    qtbot.waitUntil(lambda: done(result(viewer)) >= 1, timeout=PATIENCE_MS)
    tissue_file.unlink()  # and is waited for, for minutes
    gated.open()
    qtbot.waitUntil(lambda: done(result(viewer)) >= 2, timeout=PATIENCE_MS)
    click(widget.buttons.cancel_button)
    qtbot.waitUntil(lambda: stopped(widget), timeout=PATIENCE_MS)
    assert not messages
    assert result(viewer).name.endswith("(partial)")
    monkeypatch.setattr(faults, "WAITS_S", ())
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: stopped(widget) and "Stopped" in widget.status.value, timeout=PATIENCE_MS)
    assert re.search(GONE, messages[-1])


@pytest.mark.gui
def test_image_of_two_dimensions(viewer: Any, qtbot: Any, messages: list[str], tmp_path: Path) -> None:
    from napari._app_model import get_app_model

    tifffile.imwrite(tmp_path / "flat.tif", np.zeros((9, 9), "f4"))
    before = contents(tmp_path)
    viewer.open(tmp_path / "flat.tif", plugin="napari")
    widget = dock(viewer)
    assert widget.stack.choices == ()
    viewer.layers.selection.active = viewer.layers["flat"]
    get_app_model().commands.execute_command("napari-crimson.remove_from_selected").result()
    assert "'flat' is no measured stack; open one" in messages[-1]
    assert not widget.running
    assert widget.plan.value == ""
    assert contents(tmp_path) == before


@pytest.mark.gui
def test_own_weights_removed_from_the_disk(
    viewer: Any, qtbot: Any, click: Any, messages: list[str], tmp_path: Path, tissue_file: Path
) -> None:
    shipped = weights.locate("cnn")
    mine = [Path(shutil.copy(shipped.with_suffix(suffix), tmp_path / f"mine{suffix}")) for suffix in (".safetensors", ".toml")]
    open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    widget.take_recipe(Pipeline(remover=str(mine[0])))
    for file in mine:
        file.unlink()
    before = contents(tmp_path)
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
    assert re.search(r"no weights '.*mine\.safetensors'; there are cnn, .*, or give the path of a \.safetensors file", messages[-1])
    qtbot.waitUntil(lambda: stopped(widget), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "Run would stop here" in widget.plan.value and "mine.safetensors" in widget.plan.value, timeout=PATIENCE_MS)
    assert len(viewer.layers) == 1
    assert contents(tmp_path) == before
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: "Complete" in widget.status.value, timeout=PATIENCE_MS)


@pytest.mark.gui
def test_viewer_closed_during_a_run_with_others_waiting(
    viewer: Any, qtbot: Any, click: Any, gated: Gated, messages: list[str], tissue_file: Path
) -> None:
    open_tissue(viewer, tissue_file)
    widget = dock(viewer)
    click(widget.buttons.run_button)
    gated.open(1)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    widget.remover.value = "kk"
    click(widget.buttons.run_button)
    click(widget.buttons.preview_button)
    layer = result(viewer)
    viewer.close()
    gated.open()
    qtbot.waitUntil(lambda: not our_threads(), timeout=PATIENCE_MS)
    assert done(layer) < 6
    assert not messages


def step_chosen(dock: Any, step: str) -> Any:
    dock.editor.set_steps((Step(step),))
    dock.editor.list.setCurrentRow(0)
    return dock.form


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type[BackgroundJob]], None]]:
    """Have jobs of a kind work until they are stopped, and tell of it all the time."""
    over = threading.Event()

    def work(job: BackgroundJob) -> Generator[Any, None, None]:
        while not over.wait(0.01):
            job._heed("the work", 0.5)
            yield from ()

    yield lambda kind: monkeypatch.setattr(kind, "_work", work)
    over.set()


@pytest.mark.gui
@pytest.mark.parametrize(
    ("title", "kind", "button"),
    [
        ("Prepare", PrepareJob, lambda dock: step_chosen(dock, "subtract_dark").prepare),
        ("Prepare", SVDJob, lambda dock: step_chosen(dock, "denoise_svd").choose),
        ("Analyse", AnalyseJob, lambda dock: dock.form.run),
        ("Where not to trust", CheckJob, lambda dock: dock.check),
        ("Train", TrainJob, lambda dock: dock.form.train),
    ],
)
def test_viewer_closed_while_a_dock_works(
    viewer: Any,
    qtbot: Any,
    press: Any,
    messages: list[str],
    endless: Callable[[type[BackgroundJob]], None],
    title: str,
    kind: type[BackgroundJob],
    button: Callable[[Any], Any],
) -> None:
    endless(kind)
    source = add_tissue(viewer, reference=np.ones(AXIS.size, np.float32))
    answer = make_stack(cars(), AXIS, step_um={"y": 0.5, "x": 0.5}, source="tissue.h5").rename(cars="raman")
    data, attributes, _ = layer_data_from_stack(answer)[0]
    viewer.add_image(data, **{**attributes, "name": "tissue · kk"})
    viewer.layers.selection.active = source
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", title)[1]
    qtbot.waitUntil(lambda: not our_threads(), timeout=PATIENCE_MS)
    press(button(dock))
    qtbot.waitUntil(lambda: "crimson-work" in our_threads(), timeout=PATIENCE_MS)
    viewer.close()
    qtbot.waitUntil(lambda: not our_threads(), timeout=PATIENCE_MS)
    assert not messages


def test_without_qt_the_plugin_imports_and_removes(tmp_path: Path) -> None:
    """What needs no window works where no Qt is installed: reader, writer, samples, and `remove_from_layer`."""
    script = """
import sys
for name in ("qtpy", "PySide6", "PyQt6", "PyQt5", "superqt", "pyqtgraph"):
    sys.modules[name] = None
import numpy as np
from napari.components import ViewerModel
from napari_crimson.plugin import command, layers, reader, sample, writer
assert [name for _, attributes, _ in sample.tissue_small() for name in [attributes["name"]]][0] == "tissue small"
model = ViewerModel()
values = np.random.default_rng(0).uniform(1, 2, (32, 3, 4)).astype("f4")
source = model.add_image(values, name="scan", rgb=False)
layer = command.remove_from_layer(model, source, "kk", wavenumber=np.linspace(2800, 3100, 32))
assert layer.name == "scan · kk", layer.name
assert np.isfinite(np.asarray(layer.data)).all()
try:
    command.remove_from_layer(model, model.add_image(np.ones((4, 4)), name="flat"), "kk")
except Exception as error:
    assert type(error).__name__ == "CrimsonError", error
    print(error)
else:
    raise AssertionError("a flat image is no stack")
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    with unchanged(tmp_path):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "layer 'flat' has shape (4, 4); a stack has at least three axes (wavenumber, y, x)" in ran.stdout


def test_a_script_that_deletes_its_result_gets_it_back_all_the_same() -> None:
    """Without a window nobody presses Cancel; a layer that goes away leaves nothing to show, and no error."""
    from napari_crimson.plugin.command import remove_from_layer

    model = ViewerModel()
    source = model.add_image(np.moveaxis(cars(), -1, 0), name="scan", rgb=False)

    def going(spectra: np.ndarray, *_: Any) -> np.ndarray:
        for layer in [layer for layer in model.layers if layer.name != "scan"]:
            model.layers.remove(layer)
        return spectra / 2

    layer = remove_from_layer(model, source, going, wavenumber=AXIS)
    assert_allclose(layer.data, np.asarray(source.data) / 2)
    assert [layer.name for layer in model.layers] == ["scan"]
