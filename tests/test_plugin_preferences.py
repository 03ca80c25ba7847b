"""The page of napari's Preferences, filled in by hand, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_crimson import memory
from napari_crimson.plugin.command import remove_from_layer
from napari_crimson.plugin.preferences import Preferences, offered_removers, preferences
from napari_crimson.remover import CLASSICAL
from napari_crimson.weights import shipped_names

pytestmark = pytest.mark.gui


@pytest.fixture
def page(viewer: Any, qtbot: Any) -> Iterator[Any]:
    """Opens the page, and gives its fields by their names; `accept` is the OK button."""
    from napari._app_model import get_app_model
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from napari.settings import get_plugin_settings
    from qtpy.QtWidgets import QApplication, QWidget

    get_app_model().commands.execute_command("napari.window.file.show_preferences_dialog")
    dialog = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, PreferencesDialog) and widget.isVisible())
    names = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    dialog._list.setCurrentRow(names.index("CRIMSON"))
    fields = {field._name: field for field in dialog._stack.currentWidget().findChildren(QWidget) if hasattr(field, "_name")}

    def accept() -> None:
        from qtpy.QtCore import Qt

        qtbot.mouseClick(dialog._button_ok, Qt.MouseButton.LeftButton)

    fields["accept"] = accept
    yield fields
    dialog.close()
    get_plugin_settings("napari-crimson").reset()
    memory.limit_memory(None)


@pytest.fixture
def retype(qtbot: Any) -> Callable[[Any, str], None]:
    def type_anew(field: Any, text: str) -> None:
        field.clear()
        qtbot.keyClicks(field, text)

    return type_anew


def test_defaults_are_those_of_the_page(page: Any) -> None:
    assert preferences() == Preferences()


def test_a_new_dock_begins_with_what_is_set(viewer: Any, page: Any, retype: Any, tmp_path: Path, qtbot: Any) -> None:
    page["remover"].setCurrentText("kk")
    retype(page["output_folder"], str(tmp_path))
    page["device"].setCurrentText("cpu")
    page["measured"].setCurrentText("magma")
    page["results"].setCurrentText("viridis")
    page["accept"]()
    viewer.open_sample("napari-crimson", "tissue_small")
    assert [layer.colormap.name for layer in viewer.layers][:2] == ["magma", "viridis"]
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")[1]
    assert dock.remover.value == "kk"
    assert Path(dock.folder.value) == tmp_path / "tissue_small_kk.zarr"
    dock.remover.value = "mem"
    assert Path(dock.folder.value) == tmp_path / "tissue_small_mem.zarr"
    qtbot.waitUntil(lambda: dock.device.value == "cpu", timeout=60_000)
    spectrum = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")[1]
    assert spectrum.controls.remover.currentText() == "kk"


def test_a_result_takes_no_more_memory_than_is_set(viewer: Any, page: Any, qtbot: Any) -> None:
    page["memory_limit_gib"].setValue(0.01)
    page["accept"]()
    viewer.add_image(np.ones((800, 60, 60), dtype=np.uint8), rgb=False)  # a result of 11.5 MB
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")[1]
    dock.remover.value, dock.wavenumber.value = "kk", "2800, 3100"
    dock.run()
    qtbot.waitUntil(lambda: not dock.running and "Stopped" in dock.status.value, timeout=60_000)
    assert "for which there are 0.01 GiB of memory" in dock.status.value
    assert len(viewer.layers) == 1


def test_what_cannot_be_used_is_told_and_the_default_taken(viewer: Any, page: Any, retype: Any, tmp_path: Path) -> None:
    retype(page["own_remover"], "cmm")
    retype(page["output_folder"], str(tmp_path / "gone"))
    page["accept"]()
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")[1]
    assert dock.remover.value == "cnn"
    assert not dock.folder.visible
    messages = [record.message for record in notification_manager.records]
    assert any("no remover 'cmm'; give one of cnn" in message for message in messages)
    assert any("gone is not there" in message for message in messages)


def test_a_remover_that_is_no_shipped_one_is_named_beside_the_list(page: Any, retype: Any, tmp_path: Path) -> None:
    offered = [page["remover"].itemText(row) for row in range(page["remover"].count())]
    assert offered == [*shipped_names(), *CLASSICAL]
    page["remover"].setCurrentText("rnn")
    weights = tmp_path / "mine.safetensors"
    weights.touch()
    retype(page["own_remover"], str(weights))
    page["accept"]()
    assert preferences().remover == str(weights)
    assert str(weights) in offered_removers()
    weights.unlink()
    assert preferences().remover == "rnn"


def test_the_page_says_what_empty_and_zero_mean(page: Any) -> None:
    said = {name: page[name].toolTip() for name in ("own_remover", "memory_limit_gib", "output_folder")}
    assert "empty takes the one above" in said["own_remover"]
    assert "0 sets no limit" in said["memory_limit_gib"]
    assert "empty keeps results in memory" in said["output_folder"]


def test_a_script_takes_the_colour_of_results(viewer: Any, page: Any) -> None:
    page["results"].setCurrentText("inferno")
    source = viewer.add_image(np.ones((8, 3, 4)), name="scan", rgb=False)
    layer = remove_from_layer(viewer, source, lambda spectra, *_: spectra, wavenumber=np.linspace(2800, 3100, 8))
    assert layer.colormap.name == "inferno"
