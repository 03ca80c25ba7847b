"""The plot of the dock widgets, in a real window with a real mouse."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seen_plot import AXIS, PEAK, drag, on_screen, pixels, seen_range, shows

pytestmark = pytest.mark.gui


def test_line_is_drawn_in_its_colour_and_removed(plot: Any, qtbot: Any) -> None:
    colour = plot.colour_of("peak")
    assert shows(plot, colour) > 100
    low, high = seen_range(plot, 0)
    assert low < 500 < 3500 < high
    plot.remove_line("peak")
    plot.remove_line("never there")
    qtbot.wait(20)
    assert shows(plot, colour) == 0
    assert not plot.lines


def test_lines_have_colours_of_their_own_and_keep_them(plot: Any) -> None:
    for name in ("two", "three", "four"):
        plot.set_line(name, AXIS, PEAK)
    colours = [plot.colour_of(name) for name in plot.lines]
    assert len(set(colours)) == 4
    plot.remove_line("two")
    plot.set_line("three", AXIS, 2 * PEAK)
    assert plot.colour_of("three") == colours[2]
    plot.set_line("five", AXIS, PEAK)
    assert plot.colour_of("five") == colours[1]
    plot.set_line("red", AXIS, PEAK, colour="#ff0000")
    assert plot.colour_of("red") == "#ff0000"


def test_band_of_a_deviation_is_shaded(plot: Any, qtbot: Any) -> None:
    bare = (pixels(plot) != pixels(plot)[2, -3]).any(axis=-1).sum()
    plot.set_line("peak", AXIS, PEAK, sd=np.full(AXIS.size, 0.3))
    qtbot.wait(20)
    low, high = seen_range(plot, 1)
    assert low < -0.25
    assert high > 1.25
    assert (pixels(plot) != pixels(plot)[2, -3]).any(axis=-1).sum() > 3 * bare
    plot.set_line("peak", AXIS, PEAK)
    qtbot.wait(20)
    assert (pixels(plot) != pixels(plot)[2, -3]).any(axis=-1).sum() < 1.5 * bare


@pytest.mark.parametrize("log", [False, True])
def test_gaps_and_lines_of_nothing_are_no_trouble(plot: Any, qtbot: Any, log: bool) -> None:
    gaps = np.where((AXIS < 800) | ((AXIS > 1500) & (AXIS < 1700)), np.nan, PEAK)
    plot.set_line("gaps", AXIS, gaps, sd=np.where(AXIS > 3000, np.nan, 0.1))
    plot.set_line("nothing", AXIS, np.full(AXIS.size, np.nan), sd=np.ones(AXIS.size))
    plot.set_line("below", AXIS, -PEAK, sd=np.full(AXIS.size, 0.1))
    plot.set_line("empty", [], [])
    plot.log_y = log
    qtbot.wait(20)
    assert shows(plot, plot.colour_of("gaps")) > 50
    assert (shows(plot, plot.colour_of("below")) > 50) is not log
    low, high = seen_range(plot, 1)
    assert (low, high) == pytest.approx((np.log10(PEAK.min()), 0.04), abs=0.2) if log else (low < -1.05 and high > 1.05)


def test_theme_is_followed_live_and_let_go(viewer: Any, plot: Any, qtbot: Any) -> None:
    from napari.utils.theme import get_theme

    for theme in ("light", "dark", "light"):
        viewer.theme = theme
        qtbot.wait(20)
        assert_allclose(pixels(plot)[2, -3], get_theme(theme).background.as_rgb_tuple(alpha=False))
        assert shows(plot, plot.colour_of("peak")) > 100
    before = len(viewer.events.theme.callbacks)
    viewer.window.remove_dock_widget("all")
    plot.deleteLater()
    qtbot.wait(50)
    assert len(viewer.events.theme.callbacks) < before
    viewer.theme = "dark"


def test_closed_plots_leave_nothing(viewer: Any, qtbot: Any) -> None:
    from qtpy.QtWidgets import QApplication

    from napari_crimson.plugin.plot.plot import SpectrumPlot

    qtbot.wait(50)
    widgets, callbacks = len(QApplication.allWidgets()), len(viewer.events.theme.callbacks)
    forgotten = []
    for _ in range(20):
        widget = SpectrumPlot(viewer)
        panel = viewer.window.add_dock_widget(widget, name="Spectra", area="right")
        widget.set_line("peak", AXIS, PEAK, sd=PEAK)
        widget.set_band((1000, 2000))
        forgotten.append(weakref.ref(widget))
        panel.destroyOnClose()
        del widget, panel
        qtbot.wait(5)
    qtbot.wait(100)
    gc.collect()
    qtbot.wait(20)
    assert len(viewer.events.theme.callbacks) == callbacks
    assert not any(reference() for reference in forgotten)
    assert len(QApplication.allWidgets()) <= widgets + 10


def test_cursor_reads_the_values_of_all_lines(plot: Any, qtbot: Any) -> None:
    from qtpy.QtCore import QPoint

    plot.set_line("half", AXIS, PEAK / 2)
    qtbot.mouseMove(plot.view.viewport(), on_screen(plot, 2000, 0.5))
    qtbot.waitUntil(lambda: "cm⁻¹" in plot.readout.text(), timeout=5_000)
    shift, unit, *values = plot.readout.text().split()
    assert (unit, values[0], values[2]) == ("cm⁻¹", "peak", "half")
    assert float(shift) == pytest.approx(2000, abs=15)
    assert float(values[1]) == pytest.approx(1, abs=0.05)
    assert float(values[3]) == pytest.approx(0.5, abs=0.03)
    qtbot.wait(50)
    qtbot.mouseMove(plot.view.viewport(), QPoint(5, 50))  # on the axis
    qtbot.waitUntil(lambda: not plot.readout.text(), timeout=5_000)


def test_what_is_read_is_of_now_and_of_the_cursor(viewer: Any, plot: Any, qtbot: Any) -> None:
    qtbot.mouseMove(plot.view.viewport(), on_screen(plot, 2000, 0.5))
    qtbot.waitUntil(lambda: "cm⁻¹" in plot.readout.text(), timeout=5_000)
    plot.set_line("peak", AXIS, np.full(AXIS.size, 0.25))
    assert plot.readout.text().endswith("peak 0.25")
    plot.set_line("other", AXIS, np.full(AXIS.size, 0.75))
    assert plot.readout.text().endswith("other 0.75")
    plot.remove_line("other")
    assert plot.readout.text().endswith("peak 0.25")
    qtbot.mouseMove(viewer.window._qt_viewer.canvas.native)
    qtbot.waitUntil(lambda: not plot.readout.text(), timeout=5_000)
    plot.set_line("peak", AXIS, PEAK)
    assert not plot.readout.text()


def test_marker_and_band_tell_of_the_user_only(plot: Any, qtbot: Any) -> None:
    markers: list[float] = []
    bands: list[tuple[float, float]] = []
    plot.marker_dragged.connect(markers.append)
    plot.band_dragged.connect(lambda low, high: bands.append((low, high)))
    plot.set_marker(1000)
    plot.set_band((2500, 3000))
    qtbot.wait(30)
    assert not markers
    assert not bands
    drag(qtbot, plot, 1000, 1500)
    assert markers[-1] == pytest.approx(1500, abs=30)
    assert not bands
    drag(qtbot, plot, 3000, 3300)
    assert bands[-1] == pytest.approx((2500, 3300), abs=30)
    plot.set_marker(None)
    plot.set_band(None)
    seen = len(markers), len(bands)
    drag(qtbot, plot, 1500, 1600)
    assert (len(markers), len(bands)) == seen


def test_double_click_shows_all_again(plot: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    plot.view.setXRange(1000, 1100)
    for act in (qtbot.mouseClick, qtbot.mouseDClick, qtbot.mouseRelease):
        act(plot.view.viewport(), Qt.MouseButton.LeftButton, pos=on_screen(plot, 1050, 0.5))
    qtbot.waitUntil(lambda: seen_range(plot, 0)[1] > 3500, timeout=5_000)


def test_an_empty_plot_shows_the_axis_that_is_expected(plot: Any, qtbot: Any) -> None:
    plot.clear()
    plot.expect_x((2800, 3100))
    plot.show_all()
    qtbot.wait(50)
    assert seen_range(plot, 0) == pytest.approx((2800, 3100), abs=40)
    plot.set_line("peak", AXIS, PEAK)  # and follows what is drawn then
    qtbot.waitUntil(lambda: seen_range(plot, 0)[0] < 500 < 3500 < seen_range(plot, 0)[1], timeout=5_000)


def test_plots_linked_move_together(viewer: Any, plot: Any, qtbot: Any) -> None:
    from napari_crimson.plugin.plot.plot import SpectrumPlot

    other = SpectrumPlot(viewer)
    viewer.window.add_dock_widget(other, area="right")
    other.set_line("peak", AXIS, PEAK)
    other.link_x(plot)
    qtbot.wait(50)
    plot.view.setXRange(1000, 1500, padding=0)
    qtbot.waitUntil(lambda: seen_range(other, 0)[1] == pytest.approx(1500, abs=60), timeout=5_000)


@pytest.mark.parametrize(("chosen", "seen"), [("#451305", False), ("#56b4e9", True), ("#000000", False)])
def test_colours_that_could_not_be_told_from_the_background_are_drawn_lighter(plot: Any, chosen: str, seen: bool) -> None:
    from qtpy.QtGui import QColor

    plot.set_line("label 1", AXIS, PEAK, colour=chosen)
    drawn = plot.colour_of("label 1")
    assert (drawn == chosen) == seen
    assert QColor(drawn).lightness() > 80


def test_controls_have_names_and_tips(plot: Any) -> None:
    assert plot.view.accessibleName() == "Spectra"
    assert plot.menu_button.accessibleName() == "Spectra: menu"
    assert plot.menu_button.toolTip()
    assert "cursor" in plot.readout.accessibleName()


def test_numbers_of_a_logarithmic_axis_stay_apart(plot: Any, qtbot: Any) -> None:
    from qtpy.QtGui import QImage, QPainter

    plot.log_y = True
    plot.view.setFixedHeight(160)
    axis = plot.view.getPlotItem().getAxis("left")
    for decades in (0.5, 1, 2, 4):
        plot.view.getPlotItem().vb.setYRange(0, decades, padding=0)
        qtbot.wait(20)
        image = QImage(10, 10, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        _, _, texts = axis.generateDrawSpecs(painter)
        painter.end()
        places = sorted((place for place, _, text in texts if text), key=lambda place: place.top())
        assert len(places) > 1
        assert all(upper.bottom() <= lower.top() + 3 for upper, lower in pairwise(places))


def test_the_height_stays_while_it_suits(plot: Any, qtbot: Any) -> None:
    def height_of(scale: float) -> tuple[float, float]:
        plot.set_line("peak", AXIS, scale * PEAK)
        qtbot.wait(20)
        return seen_range(plot, 1)

    first = height_of(1.0)
    assert height_of(0.7) == first
    assert height_of(1.2)[1] > 1.2
    assert height_of(0.1)[1] < 0.2
    plot.view.getPlotItem().vb.setYRange(-5, 5)
    low, high = height_of(1.0)  # where the user has set it
    assert low < -4
    assert high > 4
    plot.show_all()
    qtbot.wait(20)
    assert 1.0 < seen_range(plot, 1)[1] < 1.5
