"""The rest of the plugin in a real window: menus, samples, the palette's command, the widget that opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import remove
from napari_crimson.plugin.command import remove_from_layer
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.plugin.sample import tissue_small
from napari_crimson.remover import FunctionRemover
from napari_crimson.stack import make_stack

AXIS = np.linspace(2800.0, 3100.0, 8)


def submenu(menu: Any, title: str) -> Any:
    from napari._app_model import get_app_model

    items = get_app_model().menus.get_menu(menu)
    return next(item for item in items if getattr(item, "title", None) == title).submenu


def titles(menu: Any) -> list[str]:
    from napari._app_model import get_app_model

    return [item.command.title for item in get_app_model().menus.get_menu(menu)]


def halved(spectra: np.ndarray, *_: Any) -> np.ndarray:
    return spectra / 2


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every remover halves."""
    monkeypatch.setattr(remove, "load_remover", lambda name, **_: FunctionRemover(halved, str(name)))


def test_sample_has_its_truth_hidden_behind_it() -> None:
    (stack, shown, _), (truth, hidden, _), *maps = tissue_small()
    assert stack.shape == truth.shape
    assert (shown["name"], hidden["name"]) == ("tissue small", "tissue small · truth")
    assert hidden["visible"] is False
    assert {"dark", "reference"} <= shown["metadata"]["crimson"].keys()
    assert [attributes["name"] for _, attributes, _ in maps] == [
        f"tissue small · truth: {species}" for species in ("lipid", "protein", "nucleic acid", "water")
    ]
    for amount, attributes, _ in maps:
        assert amount.shape == stack.shape[1:]
        assert 0 <= amount.min() < amount.max() <= 1
        assert attributes["visible"] is False


@pytest.mark.gui
def test_liquids_come_while_the_window_lives(viewer: Any, qtbot: Any) -> None:
    from qtpy.QtCore import QTimer

    beats: list[int] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(len(viewer.layers)))
    heart.start(10)
    viewer.open_sample("napari-crimson", "liquids")
    heart.stop()
    assert beats.count(0) > 5  # while it was simulated
    assert [layer.name for layer in viewer.layers if layer.visible] == ["liquids"]
    assert "liquids · truth: polystyrene" in viewer.layers
    stack, beads = viewer.layers["liquids"], viewer.layers["liquids · truth: polystyrene"]
    assert_array_equal(stack.extent.world[:, 1:], beads.extent.world)  # they lie on one another


@pytest.mark.gui
def test_menus_and_sample(viewer: Any) -> None:
    assert any("Remove background" in title for title in titles(submenu("napari/plugins", "CRIMSON")))
    assert any("Open stack" in title for title in titles(submenu("napari/plugins", "CRIMSON")))
    assert any("Remove background" in title for title in titles("napari/layers/filter"))
    assert any("Open stack" in title for title in titles("napari/file/io_utilities"))
    assert len(titles(submenu("napari/file/samples", "CRIMSON"))) == 3
    viewer.open_sample("napari-crimson", "tissue_small")
    assert [layer.name for layer in viewer.layers][:2] == ["tissue small", "tissue small · truth"]
    assert [layer.name for layer in viewer.layers if layer.visible] == ["tissue small"]


@pytest.mark.gui
@pytest.mark.usefixtures("quick")
def test_palette_command_runs_on_the_selected_layer(viewer: Any, qtbot: Any) -> None:
    from napari._app_model import get_app_model

    for name in ("one", "two"):
        stack = make_stack(np.full((3, 4, 8), 6.0), AXIS, source=name)
        data, attributes, _ = layer_data_from_stack(stack)[0]
        viewer.add_image(data, **attributes)
    viewer.layers.selection.active = viewer.layers["two"]
    for count in (3, 4):
        get_app_model().commands.execute_command("napari-crimson.remove_from_selected").result()
        qtbot.waitUntil(lambda count=count: len(viewer.layers) == count, timeout=20_000)
        (widget,) = viewer.window.dock_widgets.values()  # the same dock serves again
        qtbot.waitUntil(lambda widget=widget: "Complete" in widget.status.value, timeout=20_000)
        assert viewer.layers[-1].name.startswith("two · ")
        assert_allclose(viewer.layers[-1].data, 3)
        viewer.layers.selection.active = viewer.layers["two"]


@pytest.mark.gui
def test_tif_without_an_axis_opens_with_a_typed_one(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    from napari.utils.notifications import notification_manager
    from qtpy.QtCore import Qt

    pages = np.random.default_rng(0).integers(0, 200, (8, 5, 6), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "worm.tif", pages)
    widget = viewer.window.add_plugin_dock_widget("napari-crimson", "Open stack")[1]
    qtbot.mouseClick(widget.open_button.native, Qt.MouseButton.LeftButton)
    assert "no file is chosen" in notification_manager.records[-1].message
    widget.path.value = tmp_path / "worm.tif"
    qtbot.keyClicks(widget.wavenumber.native, "3100 2800")
    qtbot.mouseClick(widget.open_button.native, Qt.MouseButton.LeftButton)
    assert viewer.layers[0].name == "worm"
    assert_allclose(viewer.layers[0].metadata["crimson"]["wavenumber"], AXIS)
    assert_array_equal(viewer.layers[0].data, pages[::-1])


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 3, 4)])
@pytest.mark.parametrize("to_disk", [False, True])
def test_script_without_a_window(shape: tuple[int, ...], to_disk: bool, tmp_path: Path) -> None:
    model = ViewerModel()
    values = np.random.default_rng(0).uniform(1, 2, (8, *shape)).astype(np.float32)
    source = model.add_image(values, name="scan", rgb=False, scale=(1, *(0.5 for _ in shape)))
    output = tmp_path / "out.zarr" if to_disk else None
    layer = remove_from_layer(model, source, halved, wavenumber=AXIS, output=output)
    assert layer.name == "scan · halved"
    assert model.layers[-1] == layer
    assert_allclose(layer.data, values / 2)
    assert_array_equal(layer.scale, source.scale)
    assert layer.metadata["crimson"]["provenance"]["status"] == "complete"


def test_script_that_is_interrupted_leaves_a_marked_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> np.ndarray:
        raise KeyboardInterrupt

    model = ViewerModel()
    source = model.add_image(np.ones((8, 3, 4)), name="scan", rgb=False)
    with pytest.raises(KeyboardInterrupt):
        remove_from_layer(model, source, interrupted, wavenumber=AXIS)
    assert model.layers[-1].name == "scan · interrupted (partial)"
