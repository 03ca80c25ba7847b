"""The train dock in a real window with real clicks, on tiny networks: what it makes, what it refuses, what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from napari_crimson import keep_remover, load_remover, removers, simulate_stack, train, weights
from napari_crimson.adaptation import adaptation_recipe, guess_photons
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.recipe import Recipe
from napari_crimson.stack import make_stack

AXIS = np.linspace(600.0, 3300.0, 200)
TINY = Recipe(
    name="tiny",
    network="cnn",
    arguments={"widths": [8, 8], "kernel": 3, "dilations": [1]},
    steps=2,
    validate_every=2,
    batch_points=4_000,
    points=(128, 192),
    validation_spectra=16,
)
gui = pytest.mark.gui


@pytest.fixture(scope="module")
def barely_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that anything makes better."""
    return train(TINY, tmp_path_factory.mktemp("runs"), device="cpu")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, barely_trained: Path) -> Path:
    """Folder of the user's own weights, with one remover, ``tiny``."""
    monkeypatch.setenv("CRIMSON_WEIGHTS", str(tmp_path / "own"))
    keep_remover(barely_trained, "tiny")
    return tmp_path / "own"


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    return simulate_stack((8, 10), wavenumber=AXIS, seed=5).drop_vars("raman").load()


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What to change in the recipes of the dock."""
    changes: dict[str, Any] = {"batch_points": 8_000, "validation_spectra": 32}
    monkeypatch.setattr(
        "napari_crimson.plugin.train.job.adaptation_recipe", lambda *args, **kwargs: replace(adaptation_recipe(*args, **kwargs), **changes)
    )
    return changes


def add(viewer: Any, stack: xr.Dataset, name: str = "cell") -> Any:
    data, attributes, _ = layer_data_from_stack(stack)[0]
    return viewer.add_image(data, **{**attributes, "name": name})


def open_dock(viewer: Any, title: str = "Train") -> Any:
    return viewer.window.add_plugin_dock_widget("napari-crimson", title)[1]


@pytest.fixture
def dock(viewer: Any, own: Path, stack: xr.Dataset, recipes: dict[str, Any], qtbot: Any) -> Any:
    """The dock on a stack with a reference, ready to train ``tiny`` for a few steps."""
    add(viewer, stack)
    widget = open_dock(viewer)
    widget.form.start.setCurrentText("tiny")
    widget.form.steps.setValue(12)
    qtbot.waitUntil(lambda: not widget.newest.busy, timeout=20_000)
    return widget


def idle(dock: Any) -> bool:
    return not dock.running and dock.form.train.isEnabled() and not dock.newest.busy


def type_name(qtbot: Any, dock: Any, name: str) -> None:
    dock.form.name.selectAll()
    qtbot.keyClicks(dock.form.name, name)


@gui
def test_what_is_saved_is_in_every_list_and_removes(viewer: Any, dock: Any, press: Any, qtbot: Any, messages: list[str]) -> None:
    remove, spectrum, compare = (open_dock(viewer, title) for title in ("Remove background", "Spectrum", "Compare removers"))
    press(dock.form.train)
    assert dock.form.cancel.isEnabled()
    assert not dock.form.stack.isEnabled()
    qtbot.waitUntil(lambda: idle(dock), timeout=60_000)
    assert "Complete. Held-out error" in dock.form.status.text()
    lines = dock.plots.loss.lines
    assert lines["held out"].y.size == 7
    assert lines["held out"].y[-1] < lines["start"].y[0]
    assert lines["training"].x[-1] == 12
    qtbot.waitUntil(lambda: {"before", "after"} <= set(dock.plots.spectra.lines), timeout=20_000)
    before, after = (dock.plots.spectra.lines[name].y for name in ("before", "after"))
    assert np.isfinite(after).sum() > 100
    assert not np.allclose(before, after, equal_nan=True)

    type_name(qtbot, dock, "cnn")
    press(dock.form.save)
    qtbot.waitUntil(lambda: bool(messages), timeout=20_000)
    assert "'cnn' is a shipped remover" in messages[-1]
    type_name(qtbot, dock, "mine")
    press(dock.form.save)
    qtbot.waitUntil(lambda: "Saved" in dock.form.status.text(), timeout=20_000)
    assert not dock.form.save.isEnabled()

    from qtpy.QtCore import Qt

    def offered() -> bool:
        in_compare = compare.controls.removers.findItems("mine", Qt.MatchFlag.MatchExactly)
        boxes = (spectrum.controls.remover, dock.form.start)
        return "mine" in remove.remover.choices and bool(in_compare) and all(box.findText("mine") >= 0 for box in boxes)

    qtbot.waitUntil(offered, timeout=20_000)
    assert compare.controls.checked == ["cnn", "rnn", "kk"]
    card = weights.read_card("mine")
    assert card["name"] == "mine"
    assert card["recipe"]["start"] == "tiny"
    assert len(weights.read_curve("mine")) == 7
    remove.remover.value = "mine"
    press(remove.buttons.run_button.native)
    qtbot.waitUntil(lambda: "cell · mine" in viewer.layers and "Complete" in remove.status.value, timeout=60_000)
    assert_allclose(after, viewer.layers["cell · mine"].data[(slice(None), *dock.pixel)], rtol=0.1, atol=0.02)


@gui
def test_what_is_no_better_is_not_saved(dock: Any, recipes: dict[str, Any], press: Any, qtbot: Any, messages: list[str]) -> None:
    recipes |= {"learning_rate": 0.0, "weight_decay": 0.0}
    press(dock.form.train)
    qtbot.waitUntil(lambda: idle(dock), timeout=60_000)
    assert "training made 'tiny' no better" in messages[-1]
    assert "no better" in dock.form.status.text()
    assert not dock.form.save.isEnabled()
    assert weights.own_names() == ["tiny"]


@gui
def test_cancelled_training_keeps_the_best_so_far(dock: Any, recipes: dict[str, Any], press: Any, qtbot: Any) -> None:
    recipes |= {"steps": 20_000, "validate_every": 3}
    press(dock.form.train)
    qtbot.waitUntil(lambda: "after" in dock.plots.spectra.lines, timeout=60_000)
    press(dock.form.cancel)
    qtbot.waitUntil(lambda: idle(dock), timeout=20_000)
    assert "Cancelled. Held-out error" in dock.form.status.text()
    type_name(qtbot, dock, "early")
    press(dock.form.save)
    qtbot.waitUntil(lambda: "early" in removers(), timeout=20_000)
    assert 0 < weights.read_card("early")["stopped_at_step"] < 20_000


@gui
def test_cancelled_before_it_was_better_there_is_nothing_to_save(dock: Any, recipes: dict[str, Any], press: Any, qtbot: Any) -> None:
    recipes |= {"steps": 20_000, "validate_every": 10_000}
    press(dock.form.train)
    qtbot.waitUntil(lambda: "training" in dock.plots.loss.lines, timeout=60_000)
    assert "left" in dock.form.status.text()
    press(dock.form.cancel)
    qtbot.waitUntil(lambda: idle(dock), timeout=20_000)
    assert "nothing to save" in dock.form.status.text()
    assert not dock.form.save.isEnabled()


@gui
def test_click_picks_the_pixel_that_is_looked_at(viewer: Any, dock: Any, stack: xr.Dataset, qtbot: Any) -> None:
    from qtpy.QtCore import QPoint, Qt

    brightest = dock.pixel
    assert brightest is not None
    canvas = viewer.window._qt_viewer.canvas
    y, x = 6, 2
    world = viewer.layers["cell"].data_to_world((0, y, x))[-2:]
    place = canvas.view.scene.transform.map((world[1], world[0]))[:2]
    at = QPoint(round(place[0]), round(place[1]))
    qtbot.mouseMove(canvas.native, at)
    qtbot.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: "pixel 6, 2, scaled" in dock.plots.spectra.lines, timeout=20_000)
    counts = stack["cars"].values[y, x].astype(float)
    assert_allclose(dock.plots.spectra.lines["pixel 6, 2, scaled"].y, counts / counts.max())


@gui
def test_references_that_will_not_do_are_told(
    viewer: Any, dock: Any, stack: xr.Dataset, press: Any, qtbot: Any, messages: list[str], tmp_path: Path
) -> None:
    form = dock.form
    assert form.kind.currentText() == "of the stack"

    def told(by: str) -> None:
        before = len(messages)
        press(form.train)
        qtbot.waitUntil(lambda: idle(dock) and len(messages) > before, timeout=60_000)
        assert by in messages[-1]
        assert by in form.status.text()

    form.kind.setCurrentText("a file")
    told("no file is chosen")
    form.file.value = tmp_path / "gone.csv"
    told("gone.csv")
    form.file.value = tmp_path / "half.csv"
    np.savetxt(tmp_path / "half.csv", np.c_[AXIS[:100], np.full(100, 900.0)], delimiter=",")
    told("the reference covers 600")
    viewer.add_image(np.zeros((8, 10)), name="flat")
    assert form.layer.findText("flat") < 0
    assert form.stack.findText("flat") < 0
    dark = add(viewer, make_stack(np.full((4, 4, AXIS.size), stack["dark"].values), AXIS), "dark")
    form.kind.setCurrentText("a layer")
    form.layer.layer = dark
    told("zero or negative at 112 of 198 points")
    add(viewer, stack.drop_vars("reference").isel(wavenumber=slice(0, 100)), "short")
    form.stack.setCurrentText("short")
    assert form.kind.currentText() == "a layer"
    form.layer.setCurrentText("cell")
    told("networks need 128")
    form.kind.setCurrentText("of the stack")
    told("carries no reference")
    form.photons.selectAll()
    qtbot.keyClicks(form.photons, "many")
    told("give two numbers above 0")


@gui
def test_a_reference_layer_serves_by_its_mean(viewer: Any, dock: Any, stack: xr.Dataset, press: Any, qtbot: Any) -> None:
    glass = np.random.default_rng(0).poisson(np.broadcast_to(stack["reference"].values, (4, 4, AXIS.size)))
    add(viewer, make_stack(glass.astype(np.uint16), AXIS), "glass")
    bare = add(viewer, stack.drop_vars("reference"), "bare")
    dock.form.stack.layer = bare
    assert dock.form.kind.currentText() == "a layer"
    dock.form.layer.setCurrentText("glass")
    press(dock.form.train)
    qtbot.waitUntil(lambda: idle(dock), timeout=60_000)
    assert "Complete" in dock.form.status.text()


@gui
def test_layer_removed_during_training_ends_nothing(viewer: Any, dock: Any, press: Any, qtbot: Any) -> None:
    press(dock.form.train)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not dock.running and "Complete" in dock.form.status.text(), timeout=60_000)
    assert dock.form.save.isEnabled()
    assert not dock.form.train.isEnabled()
    qtbot.waitUntil(lambda: "after" in dock.plots.spectra.lines, timeout=20_000)


@gui
def test_closing_the_dock_ends_the_training(viewer: Any, dock: Any, recipes: dict[str, Any], press: Any, qtbot: Any) -> None:
    recipes |= {"steps": 20_000, "validate_every": 10_000}
    press(dock.form.train)
    qtbot.waitUntil(lambda: "training" in dock.plots.loss.lines, timeout=60_000)
    (job,) = dock._jobs
    moves = len(viewer.mouse_move_callbacks)
    viewer.window.remove_dock_widget(dock)
    assert len(viewer.mouse_move_callbacks) == moves - 1
    qtbot.waitUntil(lambda: not job.running, timeout=20_000)
    assert weights.own_names() == ["tiny"]


@gui
def test_closing_the_window_ends_the_training(viewer: Any, dock: Any, recipes: dict[str, Any], press: Any, qtbot: Any) -> None:
    recipes |= {"steps": 20_000, "validate_every": 10_000}
    press(dock.form.train)
    qtbot.waitUntil(lambda: "training" in dock.plots.loss.lines, timeout=60_000)
    (job,) = dock._jobs
    viewer.close()
    qtbot.waitUntil(lambda: not job.running, timeout=20_000)


@gui
def test_files_removed_from_disk_leave_the_lists_but_not_the_choice(
    viewer: Any, dock: Any, own: Path, press: Any, qtbot: Any, messages: list[str]
) -> None:
    spectrum = open_dock(viewer, "Spectrum")
    assert spectrum.controls.remover.findText("tiny") >= 0
    for file in own.iterdir():
        file.unlink()
    qtbot.waitUntil(lambda: spectrum.controls.remover.findText("tiny") < 0, timeout=20_000)
    assert dock.form.start.currentText() == "tiny"
    press(dock.form.train)
    qtbot.waitUntil(lambda: idle(dock) and bool(messages), timeout=60_000)
    assert "no remover 'tiny'" in messages[-1]


@gui
def test_a_name_kept_elsewhere_is_offered_at_once(viewer: Any, dock: Any, own: Path, barely_trained: Path, qtbot: Any) -> None:
    keep_remover(barely_trained, "elsewhere")
    qtbot.waitUntil(lambda: dock.form.start.findText("elsewhere") >= 0, timeout=20_000)
    for file in own.iterdir():
        file.unlink()
    own.rmdir()
    qtbot.waitUntil(lambda: dock.form.start.findText("elsewhere") < 0, timeout=20_000)
    keep_remover(barely_trained, "again")
    qtbot.waitUntil(lambda: dock.form.start.findText("again") >= 0, timeout=20_000)
    assert load_remover("again", device="cpu").name == "again"


@gui
def test_what_can_be_adapted_is_offered_and_a_free_name_suggested(dock: Any) -> None:
    offered = [dock.form.start.itemText(row) for row in range(dock.form.start.count())]
    assert {"cnn", "rnn", "tiny"} <= set(offered)
    assert not {"kk", "mem", "cnn-crimson", "cnn-specnet"} & set(offered)
    assert dock.form.name.text() == "tiny-cell"
    low, high = dock.form.photon_range()
    assert 1e3 <= low < high < 2e6


@gui
def test_every_control_says_what_it_is(dock: Any) -> None:
    form = dock.form
    named = (
        form.stack,
        form.start,
        form.kind,
        form.layer,
        form.photons,
        form.steps,
        form.name,
        form.train,
        form.cancel,
        form.save,
        form.bar,
    )
    for control in named:
        assert control.accessibleName()
        assert control.toolTip()


@pytest.mark.parametrize("photons", [3e3, 4e4])
def test_light_is_guessed_from_the_noise(photons: float) -> None:
    stack = simulate_stack((16, 64), photons=photons, seed=3)
    brightest = float((stack["cars"][8] - stack["dark"]).max())  # the camera of the simulation has one count an electron
    doubled = stack.assign(cars=stack["cars"] * 2.0, dark=stack["dark"] * 2.0)
    for counts in (stack, doubled):
        low, high = guess_photons(counts)
        assert low < brightest < high < 10 * brightest


def test_light_cannot_be_guessed_from_nothing() -> None:
    assert guess_photons(make_stack(np.zeros((3, 4, 200)), AXIS)) == (1e3, 2e6)
