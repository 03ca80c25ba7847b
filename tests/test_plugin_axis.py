"""The window that asks for a wavenumber axis, with real clicks and keys; and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson.plugin.axis.mean import mean_spectrum
from napari_crimson.plugin.layers import axis_of_layer, give_axis, layer_data_from_stack
from napari_crimson.stack import make_stack

PLANES = np.arange(60.0)
LINES = 200 * np.exp(-0.5 * ((PLANES - 15) / 3) ** 2) + 120 * np.exp(-0.5 * ((PLANES - 45) / 3) ** 2)
PAGES = np.broadcast_to(np.rint(20 + LINES)[:, None, None], (60, 30, 40)).astype(np.uint8)


# --- the mean spectrum -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["numpy", "ours", "planes"])
def test_mean_is_of_a_sample_of_the_pixels(kind: str) -> None:
    planes = np.random.default_rng(0).uniform(0, 1, (12, 3, 90, 80)) + np.arange(12.0)[:, None, None, None]
    if kind == "ours":
        data = layer_data_from_stack(make_stack(da.from_array(np.moveaxis(planes, 0, -1), chunks=(3, 9, 80, 12)), np.arange(12.0)))[0][0]
    else:
        data = planes if kind == "numpy" else da.from_array(planes, chunks=(1, 3, 90, 80))
    *_, last = mean_spectrum(data)
    assert_allclose(last, np.arange(12) + 0.5, atol=0.06)


def test_mean_leaves_out_what_is_not_finite() -> None:
    planes = np.ones((4, 6, 7))
    planes[1, 2:, :], planes[3] = np.inf, np.nan
    (found,) = mean_spectrum(planes)
    assert_array_equal(found, [1, 1, 1, np.nan])


# --- a given axis -------------------------------------------------------------------------------------------


def test_axis_given_to_what_we_opened_is_that_of_the_slider(tmp_path: Path) -> None:
    from napari_crimson.plugin.axis.without import layers_without_axis

    tifffile.imwrite(tmp_path / "worm.tif", PAGES)
    data, attributes, _ = layers_without_axis(tmp_path / "worm.tif")[0]
    layer = Image(data, **attributes)
    assert axis_of_layer(layer) is None
    assert_array_equal(layer.scale, [1, 1, 1])
    give_axis(layer, np.linspace(3000, 2800, 60))
    assert f"{layer.units[0]:~}" == "1 / cm"
    assert layer.data_to_world((0, 0, 0))[0] == pytest.approx(3000)
    assert layer.data_to_world((59, 0, 0))[0] == pytest.approx(2800)
    assert layer.metadata["crimson"]["source"].endswith("worm.tif")
    give_axis(layer, np.linspace(50, 60, 60) ** 2)
    assert_array_equal(layer.scale, [1, 1, 1])


# --- the window ---------------------------------------------------------------------------------------------


def dialogs() -> list[Any]:
    from qtpy.QtWidgets import QApplication

    from napari_crimson.plugin.axis.dialog import AxisDialog

    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, AxisDialog) and widget.isVisible()]


@pytest.fixture
def opened(viewer: Any, qtbot: Any, tmp_path: Path) -> Any:
    """The window, as *Open stack* opens it for a file without an axis, with the mean spectrum in it."""
    from qtpy.QtCore import Qt

    tifffile.imwrite(tmp_path / "worm.tif", PAGES)
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Open stack")[1]
    dock.path.value = tmp_path / "worm.tif"
    qtbot.mouseClick(dock.open_button.native, Qt.MouseButton.LeftButton)
    (dialog,) = dialogs()
    qtbot.waitUntil(lambda: "mean" in dialog.plots.planes.lines and not dialog._newest.busy, timeout=10_000)
    return dialog


def press_ok(qtbot: Any, dialog: Any) -> None:
    from qtpy.QtCore import Qt

    qtbot.mouseClick(dialog.ok, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialogs())


def choose(qtbot: Any, dialog: Any, way: str) -> None:
    """Choose a way with the keyboard."""
    from qtpy.QtCore import Qt

    dialog.way.setFocus()
    qtbot.keyClick(dialog.way, Qt.Key.Key_Home)
    for _ in range(dialog.way.findText(way)):
        qtbot.keyClick(dialog.way, Qt.Key.Key_Down)
    assert dialog.page.title == way


def click_plane(qtbot: Any, dialog: Any, plane: float) -> None:
    """Click in the upper plot, above a plane."""
    from qtpy.QtCore import QPointF, Qt
    from qtpy.QtWidgets import QApplication

    dialog.plots.planes.settle()
    view, box = dialog.plots.planes.view, dialog.plots.planes.view.getPlotItem().vb
    at = view.mapFromScene(box.mapViewToScene(QPointF(plane, float(np.mean(box.viewRange()[1])))))
    assert view.viewport().rect().contains(at)
    qtbot.wait(QApplication.doubleClickInterval() + 50)  # two clicks in a row would show all
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)


@pytest.mark.gui
def test_first_and_last_are_typed(viewer: Any, qtbot: Any, opened: Any) -> None:
    assert opened.stack.currentText() == "worm"
    assert not opened.ok.isEnabled()
    qtbot.keyClicks(opened.ends.first, "3000")
    qtbot.keyClicks(opened.ends.last, "3000")
    assert "every plane would be at 3000" in opened.message.text()
    for text, said in (("30000", "a Raman shift lies from -2000 to 10000"), ("abc", "is no number"), ("", "give the last plane")):
        opened.ends.last.clear()
        qtbot.keyClicks(opened.ends.last, text)
        assert said in opened.message.text()
        assert not opened.ok.isEnabled()
        assert not opened.plots.preview.lines
    qtbot.keyClicks(opened.ends.last, "2800")
    assert "3000.0 to 2800.0 cm⁻¹, falling, 60 planes, steps of 3.39" in opened.message.text()
    preview = opened.plots.preview.lines["mean"]
    assert_allclose(preview.x, np.linspace(2800, 3000, 60))
    assert_allclose(preview.y[::-1], np.rint(20 + LINES))
    before = viewer.dims.current_step[0]
    press_ok(qtbot, opened)
    assert_allclose(axis_of_layer(viewer.layers["worm"]), np.linspace(3000, 2800, 60))
    assert f"(plane {before} of 60)" in viewer.canvas.overlays["wavenumber"].text


@pytest.mark.gui
def test_two_lines_are_clicked(viewer: Any, qtbot: Any, opened: Any) -> None:
    click_plane(qtbot, opened, 12)
    assert opened.page is opened.lines  # a click says what is meant
    assert opened.lines.picked() == pytest.approx([15], abs=0.1)
    click_plane(qtbot, opened, 50)
    assert opened.lines.picked() == pytest.approx([15, 45], abs=0.1)
    first, second = (shift.lineEdit() for shift in opened.lines.shifts)
    qtbot.keyClicks(first, "2850")
    assert "Raman shift of line 2" in opened.message.text()
    qtbot.keyClicks(second, "2850")
    assert "both lines are at 2850 cm⁻¹" in opened.message.text()
    second.clear()
    opened.lines.shifts[1].setCurrentIndex(opened.lines.shifts[1].findText("2935 cm⁻¹ · CH3"))
    press_ok(qtbot, opened)
    axis = axis_of_layer(viewer.layers["worm"])
    assert_allclose(axis[[15, 45]], [2850, 2935], atol=0.5)


@pytest.mark.gui
def test_names_of_lines_stand_above_the_spectrum(qtbot: Any, opened: Any) -> None:
    click_plane(qtbot, opened, 15)
    plot = opened.plots.planes
    qtbot.waitUntil(lambda: bool(plot._notes.notes), timeout=5_000)
    plot.settle()
    qtbot.wait(50)
    box = plot.view.getPlotItem().vb
    (place,) = plot._notes.places()
    assert box.mapSceneToView(place.center()).x() == pytest.approx(15, abs=0.5)
    assert box.mapSceneToView(place.bottomLeft()).y() > plot.lines["mean"].y.max()
    assert box.sceneBoundingRect().contains(place)


@pytest.mark.gui
def test_a_third_click_moves_the_nearer_line_and_one_plane_is_refused(qtbot: Any, opened: Any) -> None:
    for plane in (15, 45):
        click_plane(qtbot, opened, plane)
    opened.lines.planes[1].setValue(40)
    click_plane(qtbot, opened, 47)
    assert opened.lines.picked() == pytest.approx([15, 45], abs=0.1)
    opened.lines.planes[1].setValue(opened.lines.planes[0].value())
    for shift, text in zip(opened.lines.shifts, ("CH2", "2935"), strict=True):
        qtbot.keyClicks(shift.lineEdit(), text)
    assert "on two planes" in opened.message.text()


@pytest.mark.gui
def test_beams_that_are_tuned_downwards(viewer: Any, qtbot: Any, opened: Any) -> None:
    choose(qtbot, opened, "Spectrograph and probe")
    qtbot.keyClicks(opened.probe.probe, "770")
    assert "give the wavelengths seen" in opened.message.text()
    choose(qtbot, opened, "Pump and Stokes")
    qtbot.keyClicks(opened.beams.wavelengths, "800, 790")
    qtbot.keyClicks(opened.beams.fixed, "800")
    assert "rising" in opened.message.text()
    opened.beams.wavelengths.clear()
    qtbot.keyClicks(opened.beams.wavelengths, "800")
    assert "both wavelengths are 800 nm" in opened.message.text()
    opened.beams.fixed.clear()
    qtbot.keyClicks(opened.beams.fixed, "1031.2")
    assert "neither wavelength changes" in opened.message.text()
    qtbot.keyClicks(opened.beams.wavelengths, "; 790; 780")
    assert "3 wavelengths for 60 planes" in opened.message.text()
    opened.beams.wavelengths.clear()
    qtbot.keyClicks(opened.beams.wavelengths, "790 to 802")
    assert "no number" in opened.message.text()
    opened.beams.wavelengths.clear()
    qtbot.keyClicks(opened.beams.wavelengths, "790 802")
    assert "falling" in opened.message.text()
    press_ok(qtbot, opened)
    axis = axis_of_layer(viewer.layers["worm"])
    assert_allclose(axis[[0, -1]], [1e7 / 790 - 1e7 / 1031.2, 1e7 / 802 - 1e7 / 1031.2])


@pytest.mark.gui
def test_wavelengths_of_a_file_want_only_the_probe(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    seen = np.linspace(760, 640, 60)
    lines = [
        "ENVI", "samples = 40", "lines = 30", "bands = 60", "interleave = bsq", "data type = 1", "byte order = 0",
        "wavelength units = nm", "wavelength = {" + ", ".join(f"{one:.4f}" for one in seen) + "}",
    ]  # fmt: skip
    (tmp_path / "map.hdr").write_text("\n".join(lines) + "\n")
    PAGES.tofile(tmp_path / "map.bsq")
    viewer.open(tmp_path / "map.hdr", plugin="napari-crimson")
    qtbot.waitUntil(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    assert dialog.page is dialog.probe
    assert dialog.probe.wavelengths.placeholderText() == "as the file says, 760 to 640"
    qtbot.keyClicks(dialog.probe.probe, "770")
    assert "rising" in dialog.message.text()
    press_ok(qtbot, dialog)
    assert_allclose(axis_of_layer(viewer.layers[0]), 1e7 / seen - 1e7 / 770, rtol=1e-5)


@pytest.mark.gui
def test_file_is_told_where_it_does_not_fit(viewer: Any, qtbot: Any, opened: Any, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "short.csv", np.linspace(2800, 3000, 50))
    np.savetxt(tmp_path / "good.csv", np.linspace(2800, 3000, 60) ** 1.001)
    choose(qtbot, opened, "File")
    for name, said in (("gone.csv", "cannot be read"), ("short.csv", "50 values for 60 planes"), ("good.csv", "rising")):
        opened.file.path.setText(str(tmp_path / name))
        assert said in opened.message.text()
    press_ok(qtbot, opened)
    assert_allclose(axis_of_layer(viewer.layers["worm"]), np.linspace(2800, 3000, 60) ** 1.001)


@pytest.mark.gui
def test_layer_of_another_reader_by_the_palette_and_docks_that_notice(viewer: Any, qtbot: Any) -> None:
    from napari._app_model import get_app_model
    from qtpy.QtCore import Qt

    worm = viewer.add_image(PAGES, name="foreign", rgb=False)
    removal = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")[1]
    analyse = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]
    spectrum = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")[1]
    spectrum.controls.remover.setCurrentText("none")  # nothing to load
    assert removal.plane.value == "–"
    assert analyse.form.stack.layer is None
    assert "does not say its wavenumbers" in spectrum.controls.status.text()
    get_app_model().commands.execute_command("napari-crimson.axis").result()
    (dialog,) = dialogs()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not dialogs())
    assert axis_of_layer(worm) is None
    qtbot.mouseClick(removal.axis_row.axis_button.native, Qt.MouseButton.LeftButton)
    (dialog,) = dialogs()
    qtbot.keyClicks(dialog.ends.first, "2800")
    qtbot.keyClicks(dialog.ends.last, "3000")
    press_ok(qtbot, dialog)
    assert removal.plane.value.endswith("of 60)")
    assert analyse.form.stack.layer == worm
    assert "does not say" not in spectrum.controls.status.text()
    assert_array_equal(worm.scale, [1, 1, 1])  # where others may lie on it
    assert viewer.canvas.overlays["wavenumber"].text.endswith("of 60)")


@pytest.mark.gui
def test_reader_asks_and_a_layer_that_goes_is_told(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "worm.tif", PAGES)
    viewer.open(tmp_path / "worm.tif", plugin="napari-crimson")
    qtbot.waitUntil(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    assert dialog.stack.layer == viewer.layers["worm"]
    viewer.layers.clear()
    assert "no measured stack without an axis" in dialog.message.text()
    assert not dialog.ok.isEnabled()


@pytest.mark.gui
def test_every_control_has_a_name_and_a_tooltip(opened: Any) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit

    kinds = (QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox)
    parts = [part for kind in kinds for page in (opened.pages, opened.stack, opened.way) for part in (page, *page.findChildren(kind))]
    parts = [part for part in parts if isinstance(part, kinds) and not part.objectName().startswith("qt_")]
    parts += opened.buttons.findChildren(QAbstractButton)
    assert len(parts) > 10
    for part in parts:
        assert part.accessibleName(), part
        assert part.toolTip(), part


@pytest.mark.gui
def test_a_real_stack_without_an_axis(shared_data: Path, viewer: Any, qtbot: Any) -> None:
    viewer.open(shared_data / "srs_celegans.tif", plugin="napari-crimson")
    qtbot.waitUntil(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    qtbot.waitUntil(lambda: "mean" in dialog.plots.planes.lines, timeout=10_000)
    click_plane(qtbot, dialog, 25)
    assert dialog.lines.picked() == pytest.approx([20], abs=1)  # CH2, by far the brightest
