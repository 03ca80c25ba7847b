"""Where the slider is said to be, and bringing it to a Raman shift, without a window and in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.command import go_to, remove_from_layer
from napari_crimson.plugin.layers import give_axis, layer_data_from_stack
from napari_crimson.plugin.readout import OVERLAY, show_wavenumber
from napari_crimson.stack import make_stack

EVEN = np.linspace(2700.0, 3100.0, 41)
UNEVEN = np.concatenate([np.linspace(990.0, 1010.0, 5), np.linspace(2800.0, 3000.0, 21)])


def add_stack(viewer: Any, axis: np.ndarray, name: str = "tissue") -> Any:
    cars = np.random.default_rng(0).integers(1, 1000, (6, 7, axis.size), dtype=np.uint16)
    data, attributes, _ = layer_data_from_stack(make_stack(cars, axis), name=name)[0]
    return viewer.add_image(data, **attributes)


def said(viewer: Any) -> str:
    overlay = viewer.canvas.overlays[OVERLAY]
    assert overlay.visible == bool(overlay.text)
    return str(overlay.text)


@pytest.fixture
def model() -> ViewerModel:
    viewer = ViewerModel()
    show_wavenumber(viewer)
    return viewer


@pytest.mark.parametrize("axis", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_readout_is_the_shift_of_the_plane_on_the_slider(model: ViewerModel, axis: np.ndarray) -> None:
    add_stack(model, axis)
    for plane in (0, axis.size // 2, axis.size - 1):
        model.dims.set_current_step(0, plane)
        assert said(model).startswith(f"{axis[plane]:.1f} cm⁻¹")
        assert said(model).endswith(f"(plane {plane} of {axis.size})")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (2850, "2850.0 cm⁻¹ · CH2"),
        ("CH₃", "2930.0 cm⁻¹ · CH3"),
        ("phe", "1005.0 cm⁻¹ · phenylalanine"),
        ((2890.0, 2904.0), "2900.0 cm⁻¹ ("),
    ],
)
def test_go_to_the_nearest_plane_of_an_uneven_axis(model: ViewerModel, where: Any, text: str) -> None:
    add_stack(model, UNEVEN)
    at = go_to(model, where)
    assert at in UNEVEN
    assert said(model).startswith(text)
    assert said(model).startswith(f"{at:.1f}")


def test_a_falling_axis_that_was_given(model: ViewerModel) -> None:
    layer = model.add_image(np.ones((41, 6, 7)), rgb=False)
    assert said(model) == ""
    with pytest.raises(CrimsonError, match="no stack with a wavenumber axis"):
        go_to(model, "CH2")
    give_axis(layer, EVEN[::-1])
    assert said(model) == "2900.0 cm⁻¹ (plane 20 of 41)"
    assert go_to(model, 2850.0) == 2850.0
    assert model.dims.current_step[0] == 25
    assert said(model) == "2850.0 cm⁻¹ · CH2 (plane 25 of 41)"


def test_readout_is_of_the_selected_stack_and_off_for_what_has_no_axis(model: ViewerModel) -> None:
    even, uneven = add_stack(model, EVEN), add_stack(model, UNEVEN, "other")
    model.dims.set_point(0, 3000.0)
    assert said(model) == "3000.0 cm⁻¹ (plane 30 of 41)"  # the other has no plane there
    model.dims.set_point(0, 20.0)
    assert "of 26" in said(model)
    foreign = model.add_image(np.ones((50, 6, 7)), rgb=False)
    assert model.layers.selection.active is foreign
    assert said(model) == ""
    points = model.add_points(np.zeros((1, 2)))
    assert model.layers.selection.active is points
    assert "of 26" in said(model)  # points are no stack: what is seen is said
    uneven.visible = False
    assert said(model) == ""
    model.layers.selection.active = even
    go_to(model, 2800)
    assert said(model) == "2800.0 cm⁻¹ (plane 10 of 41)"
    for layer in (even, uneven, foreign):
        model.layers.remove(layer)
    assert said(model) == ""


@pytest.mark.parametrize("axis", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_a_first_stack_begins_where_there_is_something_to_see(model: ViewerModel, axis: np.ndarray) -> None:
    add_stack(model, axis)
    assert said(model).startswith("2850.0 cm⁻¹ · CH2 ")
    go_to(model, 2930)
    add_stack(model, axis, "another")
    assert said(model).startswith("2930.0 cm⁻¹ · CH3 ")


def test_a_first_stack_without_ch2_begins_in_the_middle_and_so_does_anybody_elses(model: ViewerModel) -> None:
    layer = add_stack(model, np.linspace(500.0, 1500.0, 41))
    assert said(model).endswith("(plane 20 of 41)")
    model.layers.remove(layer)
    model.add_image(np.ones((41, 6, 7)), rgb=False, metadata={"crimson": {"wavenumber": EVEN}})
    assert said(model).endswith("(plane 20 of 41)")


def test_off_where_the_axis_is_displayed(model: ViewerModel) -> None:
    add_stack(model, EVEN)
    model.dims.ndisplay = 3
    assert said(model) == ""
    model.dims.ndisplay = 2
    assert said(model) != ""
    model.dims.order = (1, 0, 2)
    assert said(model) == ""


def test_shown_once_and_beside_a_text_of_the_users_own(model: ViewerModel) -> None:
    model.canvas.overlays.text.text = "mine"
    before = model.canvas.overlays[OVERLAY]
    show_wavenumber(model)
    assert model.canvas.overlays[OVERLAY] is before
    assert model.canvas.overlays.text.text == "mine"


def test_result_has_its_shift_too_and_a_script_need_not_ask() -> None:
    axis, viewer = UNEVEN, ViewerModel()
    source = viewer.add_image(np.ones((axis.size, 3, 4)), name="scan", rgb=False)
    result = remove_from_layer(viewer, source, lambda spectra, *_: spectra / 2, wavenumber=axis)
    assert viewer.layers.selection.active == result
    viewer.dims.set_current_step(0, 7)
    assert said(viewer) == "2820.0 cm⁻¹ (plane 7 of 26)"


@pytest.mark.parametrize(
    ("where", "message"),
    [("CH22", "did you mean CH2"), (5000, "outside of this stack; type a Raman shift from 2700 to 3100"), ("", "no band")],
)
def test_where_there_is_nothing_to_go_to(model: ViewerModel, where: Any, message: str) -> None:
    add_stack(model, EVEN)
    with pytest.raises(CrimsonError, match=message):
        go_to(model, where)


# --- in a real window ------------------------------------------------------------------------------------


@pytest.mark.gui
def test_slider_that_is_dragged_and_command_of_the_palette(viewer: Any, qtbot: Any) -> None:
    from napari._app_model import get_app_model
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtWidgets import QApplication, QScrollBar

    from napari_crimson.plugin.go_to_dialog import GoToDialog

    viewer.open_sample("napari-crimson", "tissue_small")
    assert said(viewer).startswith("2851.4 cm⁻¹ · CH2 ")
    assert f"{viewer.layers[0].units[0]:~}" == "1 / cm"
    slider = next(bar for bar in viewer.window.main_menu.window().findChildren(QScrollBar) if bar.maximum() == 999 and bar.isVisible())
    middle = QPoint(slider.width() // 2, slider.height() // 2)
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] > 0)
    plane, shift = viewer.dims.current_step[0], viewer.dims.point[0]
    assert said(viewer).startswith(f"{shift:.1f} cm⁻¹")
    assert f"(plane {plane} of 1000)" in said(viewer)

    def dialogs() -> list[Any]:
        return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, GoToDialog) and widget.isVisible()]

    get_app_model().commands.execute_command("napari-crimson.go_to").result()
    (dialog,) = dialogs()
    qtbot.keyClicks(dialog.typed, "9000")
    qtbot.keyClick(dialog.typed, Qt.Key.Key_Return)
    assert "from 500 to 3500" in dialog.message.text()
    dialog.typed.selectAll()
    qtbot.keyClicks(dialog.typed, "amide I")
    qtbot.keyClick(dialog.typed, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not dialogs())
    assert "amide I" in said(viewer)
