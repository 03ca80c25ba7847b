"""The dock *Where not to trust*, in a real window with real clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from napari_crimson import simulate_stack
from napari_crimson.plugin.layers import layer_data

pytestmark = pytest.mark.gui

AXIS = np.linspace(600.0, 3300.0, 200)


@pytest.fixture
def stack() -> xr.Dataset:
    """A stack with its true answer; one pixel is struck by a cosmic ray, another has no answer."""
    ds = simulate_stack((16, 20), wavenumber=AXIS, seed=5).load()
    ds["cars"][3, 4, 90:92] += 12_000
    ds["raman"][7, 8, :] = np.nan
    return ds


@pytest.fixture
def dock(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-crimson", "Where not to trust")[1]


def add(viewer: Any, ds: xr.Dataset, variable: str, name: str) -> Any:
    from napari.layers import Layer

    return viewer.add_layer(Layer.create(*layer_data(ds, variable, name=name)))


def test_the_image_lies_over_the_answer_and_points_at_the_ray(viewer: Any, dock: Any, stack: xr.Dataset, press: Any, qtbot: Any) -> None:
    assert not dock.check.isEnabled()
    add(viewer, stack, "cars", "other")
    measured = add(viewer, stack, "cars", "cell")
    answer = add(viewer, stack, "raman", "cell · kk")
    assert dock.answer.layer is answer
    assert dock.measured.layer is measured
    press(dock.check)
    assert dock.cancel_button.isEnabled()
    qtbot.waitUntil(lambda: not dock.running and dock.check.isEnabled(), timeout=60_000)
    layer = viewer.layers["cell · kk · distrust"]
    assert layer.data.shape == (16, 20)
    assert np.unravel_index(np.nanargmax(layer.data), layer.data.shape) == (3, 4)
    assert np.isnan(layer.data[7, 8])
    assert layer.contrast_limits[0] == 1
    assert tuple(layer.scale) == tuple(answer.scale[1:])
    assert "% of 319 pixels are suspicious" in dock.status.text()


def test_layers_that_do_not_belong_together_are_told(viewer: Any, dock: Any, stack: xr.Dataset, press: Any, messages: list[str]) -> None:
    add(viewer, stack.isel(y=slice(0, 8)), "cars", "half")
    add(viewer, stack, "raman", "cell · kk")
    press(dock.check)
    assert "choose the stack that was corrected" in messages[-1]
    assert not dock.running
    assert dock.check.isEnabled()


def test_cancel_leaves_no_layer(viewer: Any, dock: Any, stack: xr.Dataset, press: Any, qtbot: Any) -> None:
    add(viewer, stack, "cars", "cell")
    add(viewer, stack, "raman", "cell · kk")
    press(dock.check)
    press(dock.cancel_button)
    qtbot.waitUntil(lambda: not dock.running and dock.check.isEnabled(), timeout=60_000)
    assert len(viewer.layers) == 2
    assert "Cancelled" in dock.status.text()


def test_every_control_says_what_it_is(dock: Any) -> None:
    for control in (dock.answer, dock.measured, dock.check, dock.cancel_button, dock.bar):
        assert control.accessibleName()
        assert control.toolTip()


def test_closing_the_dock_ends_the_check(viewer: Any, dock: Any, stack: xr.Dataset, press: Any, qtbot: Any) -> None:
    add(viewer, stack, "cars", "cell")
    add(viewer, stack, "raman", "cell · kk")
    press(dock.check)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not dock.running, timeout=60_000)
    qtbot.wait(50)  # the last signal of the worker
    assert len(viewer.layers) == 2
