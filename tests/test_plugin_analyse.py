"""The Analyse dock in a real window."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("napari")

from napari_crimson.analysis import band_image, band_ratio, baseline, composite, normalise, subtract_baseline, unmix
from napari_crimson.io import open_stack, save_stack
from napari_crimson.plugin.layers import layer_data_from_stack, stack_from_layer
from napari_crimson.stack import make_stack

AXIS = np.linspace(2750.0, 3050.0, 151)
SHAPE = (14, 18)


def corrected(shape: tuple[int, ...] = SHAPE) -> xr.Dataset:
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.1, 1, (2, *shape))
    lines = np.stack([np.exp(-(((AXIS - at) / 10) ** 2)) for at in (2850, 2935)])
    spectra = np.einsum("k...,kw->...w", amounts, lines) + 0.3 + 0.01 * rng.normal(size=(*shape, AXIS.size))
    spectra[..., 0, 0, :] = np.nan
    return make_stack(spectra.astype(np.float32), AXIS, step_um={"y": 0.5, "x": 0.25}, source="cell.h5").rename(cars="raman")


def show(viewer: Any, stack: xr.Dataset, **more: Any) -> Any:
    data, attributes, _ = layer_data_from_stack(stack)[0]
    return viewer.add_image(data, **{**attributes, **more})


@pytest.fixture
def dock(viewer: Any) -> Any:
    show(viewer, corrected(), name="cell · kk")
    return viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]


def run(dock: Any, qtbot: Any) -> None:
    dock.form.run.click()
    assert dock.running
    qtbot.waitUntil(lambda: not dock.running and dock.form.run.isEnabled(), timeout=30_000)


def page(dock: Any, name: str) -> Any:
    from napari_crimson.plugin.analyse import pages as analyse_pages

    return dock.form.open_page(getattr(analyse_pages, name))


@pytest.mark.gui
def test_it_is_in_the_menu_and_takes_the_corrected_stack(viewer: Any, qtbot: Any) -> None:
    show(viewer, make_stack(np.ones((3, 4, 151), np.float32), AXIS), name="measured")
    viewer.add_image(np.ones((3, 4, 5)), name="no stack")
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]
    assert [dock.form.stack.itemText(n) for n in range(dock.form.stack.count())] == ["measured"]
    show(viewer, corrected(), name="cell · kk")
    assert dock.form.stack.layer.name == "cell · kk"
    show(viewer, corrected(), name="cell · cnn")
    assert dock.form.stack.layer.name == "cell · kk"  # the one chosen stays


@pytest.mark.gui
def test_the_image_of_a_band_lies_over_the_stack(dock: Any, viewer: Any, qtbot: Any) -> None:
    source = viewer.layers["cell · kk"]
    source.translate = (*source.translate[:1], 5.0, 7.0)
    chosen = page(dock, "BandPage")
    chosen.band.setCurrentText("CH3")
    chosen.width_cm1.setValue(30)
    chosen.linear.setChecked(True)
    run(dock, qtbot)
    layer = viewer.layers["cell · kk · CH3"]
    assert_allclose(layer.data, band_image(corrected(), "CH3", width_cm1=30, baseline="linear"), atol=1e-6)
    assert_allclose(layer.scale, [0.5, 0.25])
    assert_allclose(layer.translate, [5, 7])
    assert "Mean of the band CH3 2920–2950 cm⁻¹" in dock.form.status.text()
    assert "band CH3" in layer.metadata["crimson_history"][-1]
    assert dock.form.bar.value() == dock.form.bar.maximum()


@pytest.mark.gui
def test_a_ratio_tells_what_it_leaves_out(dock: Any, viewer: Any, qtbot: Any) -> None:
    chosen = page(dock, "RatioPage")
    run(dock, qtbot)
    assert_allclose(viewer.layers["cell · kk · CH2 / CH3"].data, band_ratio(corrected(), "CH2", "CH3"), rtol=1e-5)
    chosen.least.setText("0.6")
    run(dock, qtbot)
    expected = band_ratio(corrected(), "CH2", "CH3", least=0.6).values
    assert_allclose(viewer.layers["cell · kk · CH2 / CH3 [1]"].data, expected, rtol=1e-5)
    assert f"{np.isnan(expected).sum()} of 252 pixels" in dock.form.status.text()


@pytest.mark.gui
def test_false_colours_are_layers_that_add_up_or_one_picture(dock: Any, viewer: Any, qtbot: Any) -> None:
    below = viewer.add_image(np.ones(SHAPE), name="below")
    marks = viewer.add_points(np.ones((1, 2)), name="marks")
    chosen = page(dock, "CompositePage")
    run(dock, qtbot)
    first, second = viewer.layers["cell · kk · CH2"], viewer.layers["cell · kk · CH3"]
    assert first.blending == second.blending == "additive"
    assert_array_equal(first.colormap.map(1.0).squeeze()[:3], [1, 0, 1])
    assert_array_equal(second.colormap.map(1.0).squeeze()[:3], [0, 1, 0])
    assert not viewer.layers["cell · kk"].visible
    assert not below.visible
    assert marks.visible
    chosen.picture.setChecked(True)
    run(dock, qtbot)
    picture = viewer.layers["cell · kk · CH2 CH3"]
    assert picture.rgb
    assert_array_equal(picture.data, composite(corrected(), ["CH2", "CH3"]))


@pytest.mark.gui
def test_baseline_and_normalised_stacks_are_stacks_again(dock: Any, viewer: Any, qtbot: Any) -> None:
    chosen = page(dock, "BaselinePage")
    assert "lam" in chosen.options.placeholderText()
    chosen.method.setCurrentText("asls")
    chosen.options.setText("lam=1e5")
    run(dock, qtbot)
    layer = viewer.layers["cell · kk · asls"]
    assert_allclose(layer.data, np.moveaxis(subtract_baseline(corrected(), "asls", lam=1e5)["raman"].values, -1, 0), atol=1e-6)
    assert_allclose(layer.scale, viewer.layers["cell · kk"].scale)
    assert stack_from_layer(layer).attrs["history"][-1].startswith("baseline subtracted: asls")
    dock.form.stack.layer = layer
    page(dock, "NormalisePage").by.setCurrentText("CH3")
    run(dock, qtbot)
    expected = normalise(subtract_baseline(corrected(), "asls", lam=1e5), "CH3")["raman"].values
    assert_allclose(viewer.layers["cell · kk · asls · by CH3"].data, np.moveaxis(expected, -1, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.gui
@pytest.mark.parametrize("method", ["mcr", "kmeans"])
def test_components_are_layers_and_lines_of_one_colour(method: str, dock: Any, viewer: Any, qtbot: Any) -> None:
    chosen = page(dock, "UnmixPage")
    chosen.method.setCurrentIndex(chosen.method.findData(method))
    assert chosen.sum_to_one.isEnabled() == (method == "mcr")
    chosen.components.setValue(2)
    run(dock, qtbot)
    expected = unmix(corrected(), method, components=2)  # type: ignore[arg-type]
    for number, abundance in enumerate(expected["abundance"].values, start=1):
        layer = viewer.layers[f"cell · kk · {method} {number}"]
        assert_allclose(layer.data, abundance, rtol=1e-4, atol=1e-6)
        assert layer.contrast_limits[0] == 0
        red, green, blue = (round(255 * float(part)) for part in layer.colormap.map(1.0).squeeze()[:3])
        assert dock.form.plot.colour_of(str(number)) == f"#{red:02x}{green:02x}{blue:02x}"  # in the dark theme
    assert dock.form.plot.isVisible()
    assert_allclose(dock.form.plot.lines["1"].y, expected["spectra"].values[0])
    assert "lack of fit" in dock.form.status.text()


@pytest.mark.gui
def test_planes_of_a_deep_stack_from_disk(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    path = save_stack(corrected((2, *SHAPE)), tmp_path / "deep.zarr")
    show(viewer, open_stack(path), name="deep")
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]
    page(dock, "BandPage")
    run(dock, qtbot)
    assert_allclose(viewer.layers["deep · CH2"].data, band_image(corrected((2, *SHAPE)), "CH2"), rtol=1e-6)
    page(dock, "BaselinePage").options.setText("lam=1e4")
    run(dock, qtbot)
    assert viewer.layers["deep · arpls"].data.shape == (151, 2, *SHAPE)


@pytest.mark.gui
def test_cancel_leaves_nothing_behind(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, released, subtract = threading.Event(), threading.Event(), baseline._subtract

    def held(block: Any, **options: Any) -> Any:  # the first block passes, the others wait: there is something left to cancel
        if begun.is_set():
            released.wait(30)
        begun.set()
        return subtract(block, **options)

    monkeypatch.setattr(baseline, "_subtract", held)
    show(viewer, corrected((60, 80)), name="cell")
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]
    page(dock, "BaselinePage")
    dock.form.run.click()
    qtbot.waitUntil(lambda: "Baselines" in dock.form.status.text(), timeout=30_000)
    assert not dock.form.run.isEnabled()
    dock.form.cancel.click()
    released.set()
    qtbot.waitUntil(dock.form.run.isEnabled, timeout=30_000)
    assert "Cancelled" in dock.form.status.text()
    assert [layer.name for layer in viewer.layers] == ["cell"]


@pytest.mark.gui
@pytest.mark.parametrize(
    ("kind", "row", "text", "said"),
    [
        ("BandPage", "band", "CH7", "is no band"),
        ("BandPage", "band", "amide I", "outside of the axis"),
        ("RatioPage", "least", "much", "'much' is no number"),
        ("CompositePage", "bands", " , ", "no band to show"),
        ("BaselinePage", "options", "lamb=3", "did you mean lam"),
        ("NormalisePage", "by", "aera", "is no band"),
    ],
)
def test_what_cannot_be_is_told_and_can_be_mended(kind: str, row: str, text: str, said: str, dock: Any, viewer: Any, qtbot: Any) -> None:
    from napari.utils.notifications import notification_manager

    chosen = getattr(page(dock, kind), row)
    (chosen.setText if hasattr(chosen, "setText") else chosen.setCurrentText)(text)
    told = len(notification_manager.records)
    dock.form.run.click()
    qtbot.waitUntil(lambda: said in dock.form.status.text(), timeout=30_000)
    assert said in notification_manager.records[-1].message
    assert len(notification_manager.records) == told + 1
    assert dock.form.run.isEnabled()
    assert len(viewer.layers) == 1


@pytest.mark.gui
def test_without_a_stack_it_says_where_to_get_one(viewer: Any, qtbot: Any) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Analyse")[1]
    dock.form.run.click()
    assert "Remove background" in dock.form.status.text()


@pytest.mark.gui
def test_a_dock_that_is_closed_lets_go(dock: Any, viewer: Any, qtbot: Any) -> None:
    page(dock, "BaselinePage")
    dock.form.run.click()
    watching = len(viewer.layers.events.inserted.callbacks)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not dock.running, timeout=30_000)
    assert len(viewer.layers.events.inserted.callbacks) <= watching - 2  # the dock and its box
    show(viewer, corrected(), name="later")
    qtbot.wait(50)


@pytest.mark.gui
def test_every_control_has_a_name_and_a_tip(dock: Any) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QPushButton

    kinds = (QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QPushButton)
    controls = [
        one for kind in kinds for page in dock.form.pages for one in page.findChildren(kind) if one.objectName() != "qt_spinbox_lineedit"
    ]
    controls += [dock.form.stack, dock.form.what, dock.form.run, dock.form.cancel, dock.form.bar]
    assert len(controls) >= 25
    assert not [one for one in controls if not one.accessibleName() or not one.toolTip()]
