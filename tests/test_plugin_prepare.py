"""The Prepare dock in a real window with real clicks: its steps, what they make of a stack, and the recipe from it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import open_stack, prepare, save_stack, simulate_stack
from napari_crimson.__main__ import main
from napari_crimson.pipeline import Pipeline, Step, read_pipeline
from napari_crimson.plugin.layers import layer_data_from_stack, stack_from_layer
from napari_crimson.stack import make_stack

pytestmark = pytest.mark.gui

AXIS = np.linspace(2700.0, 3100.0, 90)
PATIENCE_MS = 60_000


@pytest.fixture
def click(qtbot: Any) -> Callable[[Any], None]:
    from qtpy.QtCore import Qt

    return lambda button: qtbot.mouseClick(getattr(button, "native", button), Qt.MouseButton.LeftButton)


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((11, 14), wavenumber=AXIS, seed=3).drop_vars("raman", errors="ignore")


@pytest.fixture
def tissue_file(tissue: xr.Dataset, tmp_path: Path) -> Path:
    save_stack(tissue, tmp_path / "tissue.h5")
    return tmp_path / "tissue.h5"


def show(viewer: Any, stack: xr.Dataset, name: str = "tissue") -> Any:
    data, attributes, _ = layer_data_from_stack(stack, name=name)[0]
    return viewer.add_image(data, **attributes)


def dock(viewer: Any, title: str = "Prepare") -> Any:
    return viewer.window.add_plugin_dock_widget("napari-crimson", title)[1]


def add(widget: Any, title: str) -> None:
    """Choose from the menu of the Add button."""
    action = next(action for action in widget.editor.add_button.menu().actions() if action.text() == title)
    action.trigger()


def type_into(qtbot: Any, widget: Any, option: str, text: str) -> None:
    line = widget.editor.form[option].native
    line.clear()
    qtbot.keyClicks(line, text)


def tick(qtbot: Any, widget: Any, row: int) -> None:
    """Click the box ahead of a step."""
    from qtpy.QtCore import QPoint, Qt

    steps = widget.editor.list
    corner = steps.visualItemRect(steps.item(row)).topLeft()
    qtbot.mouseClick(steps.viewport(), Qt.MouseButton.LeftButton, pos=corner + QPoint(10, 7))


def prepared(qtbot: Any, click: Any, widget: Any) -> None:
    click(widget.form.prepare)
    qtbot.waitUntil(lambda: not widget.running and "Complete" in widget.form.status.text(), timeout=PATIENCE_MS)


def removed(qtbot: Any, click: Any, widget: Any) -> None:
    click(widget.buttons.run_button)
    qtbot.waitUntil(lambda: not widget.running and "Complete" in widget.status.value, timeout=PATIENCE_MS)


def test_one_recipe_gives_the_same_numbers_everywhere(
    viewer: Any, qtbot: Any, click: Any, tissue_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QFileDialog

    viewer.open(tissue_file, plugin="napari-crimson")
    widget = dock(viewer)
    for title in ("Cosmic rays", "Crop", "Denoise by SVD"):
        add(widget, title)
    remover = dock(viewer, "Remove background")
    widget.editor.list.setCurrentRow(1)
    type_into(qtbot, widget, "first_cm1", "2750")
    type_into(qtbot, widget, "last_cm1", "3050")
    remover.remover.value = "kk"
    assert remover.preparation.current_choice == "as in Prepare"
    removed(qtbot, click, remover)
    layer = viewer.layers[-1]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "recipe.toml"), ""))
    click(widget.form.save)

    recipe = read_pipeline(tmp_path / "recipe.toml")
    assert recipe.remover == "kk"
    assert recipe.steps == (Step("remove_spikes"), Step("crop", {"first_cm1": 2750.0, "last_cm1": 3050.0}), Step("denoise_svd"))
    scripted = recipe.run(open_stack(tissue_file))["raman"]
    with pytest.raises(SystemExit) as end:
        main(["correct", str(tissue_file), "--recipe", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "out")])
    assert not end.value.code
    commanded = open_stack(tmp_path / "out" / "tissue.zarr")["raman"]
    assert np.isfinite(scripted).mean() > 0.9
    assert_allclose(np.moveaxis(np.asarray(layer.data), 0, -1), scripted, rtol=1e-6, atol=1e-7)
    assert_allclose(commanded, scripted, rtol=1e-6, atol=1e-7)
    plain = Pipeline(remover="kk").run(open_stack(tissue_file))["raman"].sel(wavenumber=scripted["wavenumber"])
    assert np.nanstd(plain - scripted) > 10 * 1e-6  # the steps did something


def test_recipe_of_a_layer_repeats_it(viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset) -> None:
    show(viewer, tissue)
    widget, remover = dock(viewer), dock(viewer, "Remove background")
    add(widget, "Denoise by SVD")
    type_into(qtbot, widget, "components", "3")
    remover.remover.value = "kk"
    removed(qtbot, click, remover)
    result = viewer.layers[-1]
    type_into(qtbot, widget, "components", "9")
    add(widget, "Cosmic rays")
    remover.remover.value = "cnn"
    widget.menu.aboutToShow.emit()
    entry = next(action for action in widget.menu.actions() if action.text() == f"From layer {result.name}")
    entry.trigger()
    assert widget.steps() == (Step("denoise_svd", {"components": 3}),)
    assert remover.remover.value == "kk"
    removed(qtbot, click, remover)
    assert_array_equal(viewer.layers[-1].data, result.data)


def test_prepare_shows_what_the_steps_make(viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset) -> None:
    source = show(viewer, tissue)
    widget = dock(viewer)
    add(widget, "Dark")
    add(widget, "Crop")
    type_into(qtbot, widget, "first_cm1", "2750")
    type_into(qtbot, widget, "last_cm1", "3050")
    prepared(qtbot, click, widget)
    layer = viewer.layers[-1]
    wanted = prepare.crop(prepare.subtract_dark(tissue), 2750, 3050)
    assert layer.name == "tissue · prepared"
    assert isinstance(layer.data, np.ndarray)
    assert_array_equal(np.moveaxis(layer.data, 0, -1), wanted["cars"])
    stack = stack_from_layer(layer)
    assert "dark" not in stack
    assert_array_equal(stack["reference"], wanted["reference"])
    shown = layer.world_to_data(source.data_to_world((45, 3, 4)))  # both layers show the same wavenumber
    assert stack["wavenumber"][round(shown[0])] == AXIS[45]
    assert tuple(shown[1:]) == (3, 4)


def test_prepared_layer_is_not_prepared_again_and_its_result_tells_the_steps(
    viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset
) -> None:
    show(viewer, tissue)
    widget, remover = dock(viewer), dock(viewer, "Remove background")
    add(widget, "Denoise by SVD")
    prepared(qtbot, click, widget)
    remover.choose("tissue · prepared")
    assert remover.preparation.choices == ("none",)
    assert remover.preparation.current_choice == "done already"
    remover.remover.value = "kk"
    removed(qtbot, click, remover)
    recipe = read_pipeline(stack_from_layer(viewer.layers[-1]).rename(raman="cars"))
    assert (recipe.remover, recipe.steps) == ("kk", (Step("denoise_svd"),))
    assert_allclose(np.moveaxis(viewer.layers[-1].data, 0, -1), recipe.run(tissue)["raman"], rtol=1e-6, atol=1e-7)
    remover.choose("tissue")
    assert remover.preparation.current_choice == "as in Prepare"


def test_steps_are_moved_taken_out_and_switched_off(viewer: Any, qtbot: Any, click: Any) -> None:
    widget, remover = dock(viewer), dock(viewer, "Remove background")
    assert remover.preparation.choices == ("none",)
    for title in ("Cosmic rays", "Dark", "Denoise by SVD"):
        add(widget, title)
    buttons = widget.editor.buttons
    click(buttons["Move step up"])
    assert [step.name for step in widget.steps()] == ["remove_spikes", "denoise_svd", "subtract_dark"]
    click(buttons["Move step up"])
    assert not buttons["Move step up"].isEnabled()
    click(buttons["Move step down"])
    tick(qtbot, widget, 2)
    assert [step.name for step in widget.steps()] == ["remove_spikes", "denoise_svd"]
    widget.editor.list.setCurrentRow(0)
    click(buttons["Remove step"])
    assert [step.name for step in widget.recipe().steps] == ["denoise_svd"]
    assert remover.preparation.current_choice == "as in Prepare"
    tick(qtbot, widget, 0)
    assert widget.steps() == ()
    assert remover.preparation.choices == ("none",)


def test_wrong_option_is_told_on_the_spot_and_stops_the_run(
    viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset, messages: list[str]
) -> None:
    show(viewer, tissue)
    widget = dock(viewer)
    click(widget.form.prepare)
    assert "no step to do" in messages[-1]
    add(widget, "Crop")
    type_into(qtbot, widget, "first_cm1", "from here")
    assert "from here" in widget.editor.hint.text()
    click(widget.form.prepare)
    assert "step 1, Crop" in messages[-1]
    assert not widget.running
    type_into(qtbot, widget, "first_cm1", "100")
    type_into(qtbot, widget, "last_cm1", "200")
    click(widget.form.prepare)
    qtbot.waitUntil(lambda: "2700 to 3100" in messages[-1], timeout=PATIENCE_MS)
    assert len(viewer.layers) == 1


def test_settings_of_a_loaded_recipe_are_shown_and_used(
    viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset, tmp_path: Path, messages: list[str]
) -> None:
    show(viewer, tissue)
    recipe = Pipeline(remover="kk", reference="none", settings={"scale_correction": False})
    widget = dock(viewer)
    widget.menu.load(recipe.write(tmp_path / "r.toml"))
    remover = next(dock for dock in viewer.window.dock_widgets.values() if dock is not widget)
    assert "scale_correction = False" in remover.more.value
    assert remover.reference.value == "none"
    removed(qtbot, click, remover)
    assert_array_equal(np.moveaxis(viewer.layers[-1].data, 0, -1), recipe.run(tissue)["raman"])
    assert widget.recipe() == recipe
    remover.remover.value = "mem"
    assert not remover.more.visible
    (tmp_path / "bad.toml").write_text("[[step]]\nname = 'wash'\n")
    widget.menu.load(tmp_path / "bad.toml")
    assert "wash" in messages[-1]
    assert widget.steps() == ()


def test_reference_of_a_layer_is_not_saved_as_if_it_were_known(
    viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset, tmp_path: Path, messages: list[str]
) -> None:
    show(viewer, tissue)
    viewer.add_image(np.linspace(900, 1000, 90)[:, None, None] * np.ones((90, 2, 2)), name="glass", rgb=False)
    widget, remover = dock(viewer), dock(viewer, "Remove background")
    remover.choose("tissue")
    add(widget, "Crop")
    type_into(qtbot, widget, "first_cm1", "2750")
    type_into(qtbot, widget, "last_cm1", "3050")
    remover.remover.value = "kk"
    remover.reference.value = ("layer", "glass")
    widget.menu.save(tmp_path / "r.toml")
    assert "layer 'glass'" in messages[-1]
    assert not (tmp_path / "r.toml").exists()
    removed(qtbot, click, remover)
    glass = xr.DataArray(np.linspace(900, 1000, 90), {"wavenumber": AXIS}, ("wavenumber",))
    wanted = Pipeline(steps=widget.steps(), remover="kk").plan(tissue, spectra={"reference": glass})
    for _ in wanted.run():
        pass
    assert_allclose(np.moveaxis(viewer.layers[-1].data, 0, -1), wanted.dataset["raman"], rtol=1e-6, atol=1e-7)


def gated_stack(gate: threading.Event) -> xr.Dataset:
    """A stack whose blocks wait at a gate."""
    counts = np.random.default_rng(0).uniform(500, 600, (8, 6, 90)).astype(np.float32)

    def wait(block: np.ndarray) -> np.ndarray:
        assert gate.wait(30)
        return block

    lazy = da.from_array(counts, chunks=(1, 6, 90)).map_blocks(wait, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    return make_stack(lazy, AXIS, source="slow")


def show_slow(viewer: Any, gate: threading.Event) -> None:
    gate.set()
    show(viewer, gated_stack(gate), "slow")
    viewer.window._qt_window.repaint()
    gate.clear()


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_preparation_that_is_stopped_leaves_nothing(viewer: Any, qtbot: Any, click: Any, end: str) -> None:
    gate = threading.Event()
    show_slow(viewer, gate)
    panel, widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Prepare")
    add(widget, "Denoise by SVD")
    click(widget.form.prepare)
    assert widget.form.cancel.isEnabled()
    job = widget._job
    if end == "cancel":
        click(widget.form.cancel)
    else:
        panel.destroyOnClose()
    gate.set()
    qtbot.waitUntil(lambda: not job.running, timeout=PATIENCE_MS)
    qtbot.wait(100)  # a layer would come with the last signal
    assert [layer.name for layer in viewer.layers] == ["slow"]
    if end == "close":
        forgotten = weakref.ref(widget)
        del panel, widget, job
        qtbot.wait(50)
        gc.collect()
        assert forgotten() is None
    else:
        qtbot.waitUntil(lambda: "nothing was added" in widget.form.status.text(), timeout=PATIENCE_MS)
        assert widget.form.prepare.isEnabled()


def test_stack_larger_than_memory_stays_lazy(
    viewer: Any, qtbot: Any, click: Any, tissue: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_crimson.plugin.prepare import job as prepare_job

    monkeypatch.setattr(prepare_job, "memory_room", lambda: 0)
    show(viewer, tissue)
    widget = dock(viewer)
    add(widget, "Dark")
    click(widget.form.prepare)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    assert isinstance(stack_from_layer(viewer.layers[-1])["cars"].data, da.Array)
    assert_array_equal(viewer.layers[-1].data[5], prepare.subtract_dark(tissue)["cars"][..., 5])


def test_layer_without_an_axis_is_asked_for_it(viewer: Any, qtbot: Any, click: Any, messages: list[str]) -> None:
    viewer.add_image(np.random.default_rng(0).uniform(1, 2, (16, 5, 6)), name="scan", rgb=False)
    widget = dock(viewer)
    add(widget, "Crop")
    type_into(qtbot, widget, "first_cm1", "2900")
    type_into(qtbot, widget, "last_cm1", "3100")
    click(widget.form.prepare)
    assert "does not say its wavenumbers" in messages[-1]
    qtbot.waitUntil(widget.form.axis.isVisible, timeout=5_000)
    qtbot.keyClicks(widget.form.axis, "3100, 2800")
    prepared(qtbot, click, widget)
    layer, source = viewer.layers[-1], viewer.layers[0]
    assert len(layer.data) == 11
    for plane in (0, 7, 10):  # the axis falls: the new layer is mirrored
        shown = layer.world_to_data(source.data_to_world((plane, 0, 0)))
        assert_array_equal(layer.data[round(shown[0])], source.data[plane])
