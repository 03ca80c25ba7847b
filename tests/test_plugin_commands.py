"""Commands of the palette and of the menus, run as napari runs them, in a real window."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import napari_crimson
from napari_crimson import open_stack, save_stack, simulate_stack
from napari_crimson.plugin import on_selected

MANIFEST = yaml.safe_load((Path(napari_crimson.__file__).parent / "napari.yaml").read_text(encoding="utf-8"))["contributions"]
COMMANDS = {command["id"]: command for command in MANIFEST["commands"]}
IN_MENUS = {item["command"] for items in MANIFEST["menus"].values() for item in items}
OF_OTHERS = {one["command"] for kind in ("readers", "writers", "sample_data", "widgets") for one in MANIFEST[kind]}
PLAIN = sorted(COMMANDS.keys() - OF_OTHERS)  # what napari runs with a viewer and nothing else
PATIENCE_MS = 60_000


def run(command: str) -> None:
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"napari-crimson.{command}").result()


def select(viewer: Any, name: str) -> Any:
    viewer.layers.selection.active = viewer.layers[name]
    return viewer.layers[name]


def dock(viewer: Any, title: str) -> Any:
    return next(widget for name, widget in viewer.window.dock_widgets.items() if name.startswith(title))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_leads_to_something_that_explains_itself(command: str) -> None:
    module, _, name = COMMANDS[command]["python_name"].partition(":")
    found = getattr(import_module(module), name)
    assert callable(found)
    assert found.__doc__


def test_every_menu_leads_to_a_command_and_every_plain_command_is_in_a_menu() -> None:
    assert IN_MENUS.issubset(COMMANDS)
    assert set(PLAIN).issubset(IN_MENUS)


@pytest.mark.gui
@pytest.mark.parametrize("command", PLAIN)
def test_without_a_layer_a_command_says_what_is_missing(command: str, viewer: Any, messages: list[str], qtbot: Any) -> None:
    from qtpy.QtWidgets import QApplication, QDialog

    run(command.removeprefix("napari-crimson."))
    asking = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QDialog) and widget.isVisible()]
    told = " ".join([*messages, *(label for dialog in asking for label in texts(dialog))])
    assert "open" in told.lower() or "select" in told.lower(), f"{command} told {told!r}"
    for dialog in asking:
        dialog.close()


def texts(dialog: Any) -> list[str]:
    from qtpy.QtWidgets import QLabel

    return [label.text() for label in dialog.findChildren(QLabel)]


@pytest.mark.gui
def test_docks_open_on_the_selected_layer(viewer: Any, messages: list[str]) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    viewer.open_sample("napari-crimson", "tissue_small")
    measured = select(viewer, "tissue small [1]")
    for command, title, box in (
        ("show_spectrum", "Spectrum", "controls.stack"),
        ("compare_selected", "Compare removers", "controls.stack"),
        ("prepare_selected", "Prepare", "form.stack"),
        ("analyse_selected", "Analyse", "form.stack"),
    ):
        run(command)
        found = dock(viewer, title)
        for part in box.split("."):
            found = getattr(found, part)
        assert found.layer == measured, command
    assert not messages
    run("check_selected")
    assert "'tissue small [1]' is no corrected stack" in messages[-1]


@pytest.mark.gui
def test_a_sample_that_was_opened_is_what_commands_are_about(viewer: Any, messages: list[str]) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    assert not viewer.layers.selection.active.visible  # a map of the truth, which came last
    run("show_spectrum")
    assert dock(viewer, "Spectrum").controls.stack.layer == viewer.layers["tissue small"]
    assert not messages


@pytest.mark.gui
def test_bands_and_ratios_come_as_layers(viewer: Any, qtbot: Any, messages: list[str]) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    truth = select(viewer, "tissue small · truth")
    truth.visible = True
    viewer.dims.set_point(0, 1655.0)
    run("show_band")
    qtbot.waitUntil(lambda: len(viewer.layers) == 7, timeout=PATIENCE_MS)
    shift = float(viewer.layers[-1].name.rpartition("· ")[2])
    assert abs(shift - 1655) < 2
    select(viewer, "tissue small · truth")
    qtbot.waitUntil(lambda: not dock(viewer, "Analyse").running, timeout=PATIENCE_MS)
    run("show_ratio")
    qtbot.waitUntil(lambda: len(viewer.layers) == 8, timeout=PATIENCE_MS)
    assert "CH2" in viewer.layers[-1].name
    assert "CH3" in viewer.layers[-1].name
    assert viewer.layers[-1].data.shape == (48, 48)
    assert not messages


@pytest.mark.gui
def test_the_check_runs_at_once(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    select(viewer, "tissue small · truth")
    run("check_selected")
    qtbot.waitUntil(lambda: len(viewer.layers) == 7, timeout=PATIENCE_MS)
    assert viewer.layers[-1].name == "tissue small · truth · distrust"


@pytest.mark.gui
def test_a_removal_is_previewed_and_cancelled(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    select(viewer, "tissue small")
    run("preview_selected")
    removal = dock(viewer, "Remove background")
    removal.remover.value = "kk"
    qtbot.waitUntil(lambda: "preview" in viewer.layers[-1].name.lower(), timeout=PATIENCE_MS)
    select(viewer, "tissue small")
    run("remove_from_selected")
    qtbot.waitUntil(lambda: removal.running, timeout=PATIENCE_MS)
    run("cancel_removal")
    qtbot.waitUntil(lambda: not removal.running, timeout=PATIENCE_MS)


@pytest.mark.gui
def test_a_layer_is_saved_with_its_axis(viewer: Any, qtbot: Any, messages: list[str], tmp_path: Path) -> None:
    stack = simulate_stack((6, 7), seed=0)
    save_stack(stack[["cars", "dark", "reference"]], tmp_path / "in.h5")
    viewer.open(tmp_path / "in.h5", plugin="napari-crimson")
    on_selected.save(viewer, tmp_path / "out.zarr")
    qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
    assert messages == [f"Saved {tmp_path / 'out.zarr'}"]
    saved = open_stack(tmp_path / "out.zarr")
    np.testing.assert_allclose(saved["wavenumber"], stack["wavenumber"])
    np.testing.assert_array_equal(saved["cars"], stack["cars"])
    on_selected.save(viewer, tmp_path / "out.zarr")
    qtbot.waitUntil(lambda: len(messages) == 2, timeout=PATIENCE_MS)
    assert "is there already" in messages[-1]


@pytest.mark.gui
def test_save_asks_for_a_name(viewer: Any, qtbot: Any, messages: list[str], tmp_path: Path) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    select(viewer, "tissue small")
    answer_file_dialog(qtbot, str(tmp_path / "named.zarr"))
    run("save_selected")
    qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
    assert messages == [f"Saved {tmp_path / 'named.zarr'}"]
    assert open_stack(tmp_path / "named.zarr")["cars"].shape == (48, 48, 1000)


def answer_file_dialog(qtbot: Any, text: str) -> None:
    """Type a name into the file dialog that is going to open, and press Return."""
    from qtpy.QtCore import Qt, QTimer
    from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(50, answer)
            return
        name = dialog.findChild(QLineEdit)
        name.setText(text)
        qtbot.keyClick(name, Qt.Key.Key_Return)

    QTimer.singleShot(50, answer)


@pytest.mark.gui
def test_a_writer_in_the_palette_asks_where_to_save(viewer: Any, qtbot: Any, messages: list[str], tmp_path: Path) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    select(viewer, "tissue small")
    for command, name in (
        ("write_ome_zarr", "named.zarr"),
        ("write_nist", "named.h5"),
        ("write_ome_tiff", "named.ome.tif"),
        ("write_matlab", "named.mat"),
    ):
        messages.clear()
        answer_file_dialog(qtbot, str(tmp_path / "named"))
        run(command)
        qtbot.waitUntil(lambda: bool(messages), timeout=PATIENCE_MS)
        assert messages == [f"Saved {tmp_path / name}"]
        assert open_stack(tmp_path / name)["cars"].shape == (48, 48, 1000)
    messages.clear()
    answer_file_dialog(qtbot, str(tmp_path / "named"))
    run("write_nist")
    assert "named.h5: is there already" in messages[0]


@pytest.mark.gui
def test_the_reader_in_the_palette_asks_what_to_open(viewer: Any, qtbot: Any) -> None:
    run("get_reader")
    qtbot.waitUntil(lambda: dock(viewer, "Open stack").open_button.visible, timeout=PATIENCE_MS)


@pytest.mark.gui
def test_no_command_of_the_palette_ends_in_a_traceback(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari._app_model import get_app_model
    from napari.utils.notifications import ErrorNotification, notification_manager
    from qtpy.QtWidgets import QApplication, QDialog, QFileDialog

    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(lambda *_: ("", "")))
    viewer.open_sample("napari-crimson", "tissue_small")
    before = len(notification_manager.records)
    offered = [command for command, _ in get_app_model().commands if command.startswith("napari-crimson")]
    assert len(offered) >= len(COMMANDS) - len(MANIFEST["sample_data"])
    for command in offered:
        select(viewer, "tissue small")
        get_app_model().commands.execute_command(command).result()
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, QDialog) and dialog.isVisible():
                dialog.close()
    run("cancel_removal")
    for title in ("Remove background", "Analyse", "Where not to trust"):
        qtbot.waitUntil(lambda title=title: not dock(viewer, title).running, timeout=PATIENCE_MS)
    told = notification_manager.records[before:]
    assert not [note.message for note in told if isinstance(note, ErrorNotification)]


@pytest.mark.gui
def test_a_layer_that_does_not_fit_is_told(viewer: Any, messages: list[str]) -> None:
    viewer.add_points([[1, 2]], name="dots")
    for command in PLAIN:
        name = command.removeprefix("napari-crimson.")
        if name == "cancel_removal":  # of no layer
            continue
        run(name)
        assert ("no stack with a wavenumber axis" if name == "go_to" else "layer 'dots' is no ") in messages.pop(), command
    from qtpy.QtWidgets import QApplication, QDialog

    assert not [window for window in QApplication.topLevelWidgets() if isinstance(window, QDialog) and window.isVisible()]
