"""The plot of the dock widgets, in a real window with a real mouse."""

from __future__ import annotations

import csv
import gc
import weakref
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytestmark = pytest.mark.gui

AXIS = np.linspace(500.0, 3500.0, 301)
PEAK = 1 / (1 + ((AXIS - 2000) / 100) ** 2)


@pytest.fixture
def plot(viewer: Any, qtbot: Any) -> Any:
    """A plot of one peak in a dock, laid out."""
    from napari_crimson.plugin.plot.plot import SpectrumPlot

    widget = SpectrumPlot(viewer, name="Spectra", y_label="counts")
    viewer.window.add_dock_widget(widget, name="Spectra", area="right")
    widget.set_line("peak", AXIS, PEAK)
    qtbot.wait(50)
    return widget


def pixels(widget: Any) -> np.ndarray:
    """Colours (y, x, 3) on the screen, without the frame of axes and legend."""
    from qtpy.QtGui import QImage

    image = widget.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def shows(widget: Any, colour: str) -> int:
    """How many pixels are nearly of a colour ``#rrggbb``."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(pixels(widget) - wanted).max(axis=-1) < 40).sum())


def on_screen(widget: Any, x: float, y: float) -> Any:
    """Where a point of the plot lies in its view."""
    from qtpy.QtCore import QPointF

    return widget.view.mapFromScene(widget.view.getPlotItem().vb.mapViewToScene(QPointF(x, y)))


def drag(qtbot: Any, widget: Any, start: float, end: float) -> None:
    from qtpy.QtCore import Qt

    at, to = on_screen(widget, start, 0.6), on_screen(widget, end, 0.6)
    port = widget.view.viewport()
    qtbot.mouseMove(port, at)
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=at)
    for share in (0.25, 0.5, 0.75, 1.0):
        qtbot.mouseMove(port, at + (to - at) * share)
        qtbot.wait(30)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=to)


def seen_range(widget: Any, axis: int) -> tuple[float, float]:
    low, high = widget.view.getPlotItem().viewRange()[axis]
    return low, high


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


def test_numbers_are_saved_as_they_are(plot: Any, tmp_path: Path) -> None:
    from napari_crimson.plugin.plot.menu import save_table

    plot.set_line("short", AXIS[10:], PEAK[10:] * 2, sd=PEAK[10:] / 10)
    save_table(plot, tmp_path / "lines.csv")
    header, *rows = csv.reader((tmp_path / "lines.csv").read_text(encoding="utf-8").splitlines())
    assert header == ["Raman shift (cm⁻¹)", "peak", "short", "short sd"]
    assert rows[0][2:] == ["", ""]
    assert_array_equal([float(row[0]) for row in rows], AXIS)
    assert_array_equal([float(row[1]) for row in rows], PEAK)
    assert_array_equal([[float(value) for value in row[2:]] for row in rows[10:]], np.c_[PEAK * 2, PEAK / 10][10:])


def test_a_column_says_where_its_numbers_are_from(plot: Any) -> None:
    from napari_crimson.plugin.plot.menu import table_text

    plot.set_line("cnn", AXIS, PEAK, sd=PEAK, of="tissue, y 4, x 5")
    header = next(csv.reader(table_text(plot).splitlines()))
    assert header[2:] == ["cnn (tissue, y 4, x 5)", "cnn sd (tissue, y 4, x 5)"]


@pytest.mark.parametrize(("chosen", "seen"), [("#451305", False), ("#56b4e9", True), ("#000000", False)])
def test_colours_that_could_not_be_told_from_the_background_are_drawn_lighter(plot: Any, chosen: str, seen: bool) -> None:
    from qtpy.QtGui import QColor

    plot.set_line("label 1", AXIS, PEAK, colour=chosen)
    drawn = plot.colour_of("label 1")
    assert (drawn == chosen) == seen
    assert QColor(drawn).lightness() > 80


def test_pictures_are_on_white_and_leave_the_plot_as_it_was(plot: Any, qtbot: Any, tmp_path: Path) -> None:
    from qtpy.QtGui import QColor, QImage

    from napari_crimson.plugin.plot.menu import save_picture

    shown = pixels(plot)
    save_picture(plot, tmp_path / "plot.png")
    image = QImage(str(tmp_path / "plot.png"))
    assert image.pixelColor(image.width() - 3, 3) == QColor("white")
    assert image.width() >= 2 * plot.view.width()
    save_picture(plot, tmp_path / "plot.svg")
    drawing = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "<path" in drawing or "<polyline" in drawing
    assert "nan" not in drawing
    qtbot.wait(20)
    assert np.abs(pixels(plot) - shown).max() < 10


LONG = ("measured", "background", "cnn-crimson-adapted-to-glass", "pin 1", "pin 2", "a region of the nucleus", "kk")


def names_above(widget: Any) -> dict[str, Any]:
    """Where the names of lines are in the view, checked to lie beside one another, above the axes and within the view."""
    widget.view.scene().prepareForPaint()
    places, box = widget._legend.places(), widget.view.getPlotItem().vb.sceneBoundingRect()
    assert list(places) == list(widget.lines)
    for name, place in places.items():
        assert place.bottom() <= box.top()
        assert place.left() >= 0
        assert place.right() <= widget.view.width()
        assert not any(place.intersects(other) for another, other in places.items() if another != name)
    return places


def test_names_stand_above_the_axes_in_as_many_rows_as_they_need(plot: Any, qtbot: Any) -> None:
    (one,) = names_above(plot).values()
    top = plot.view.getPlotItem().vb.sceneBoundingRect().top()
    for name in LONG:
        plot.set_line(name, AXIS, PEAK, dashed=name == "kk")
    qtbot.wait(50)
    rows = {place.top() for place in names_above(plot).values()}
    assert len(rows) > 1
    assert one.top() in rows
    assert plot.view.getPlotItem().vb.sceneBoundingRect().top() > top
    for name in LONG:
        plot.remove_line(name)
    qtbot.wait(50)
    assert names_above(plot) == {"peak": one}
    assert plot.view.getPlotItem().vb.sceneBoundingRect().top() == top


def test_a_name_wider_than_the_plot_is_shortened(plot: Any, qtbot: Any) -> None:
    plot.set_line("a very long name " * 20, AXIS, PEAK)
    qtbot.wait(50)
    names_above(plot)


def test_a_click_on_a_name_hides_its_line_and_another_shows_it(plot: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication

    def click_on(name: str) -> None:
        qtbot.wait(QApplication.doubleClickInterval() + 50)
        at = plot.view.mapFromScene(names_above(plot)[name].center())
        qtbot.mouseMove(plot.view.viewport(), at)
        qtbot.mouseClick(plot.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
        qtbot.wait(50)

    plot.set_line("other", AXIS, 0.5 * PEAK, sd=np.full(AXIS.size, 0.2), colour="#ff0000")
    qtbot.wait(50)
    whole = pixels(plot)
    red = shows(plot, "#ff0000")
    click_on("other")
    assert shows(plot, "#ff0000") < 0.1 * red
    plot.set_line("other", AXIS, 0.6 * PEAK, sd=np.full(AXIS.size, 0.2))  # as the cursor moves on
    qtbot.wait(50)
    assert shows(plot, "#ff0000") < 0.1 * red
    plot.set_line("other", AXIS, 0.5 * PEAK, sd=np.full(AXIS.size, 0.2))
    click_on("other")
    qtbot.mouseMove(plot.view.viewport(), on_screen(plot, 3000, 0.5))
    qtbot.wait(50)
    assert (np.abs(pixels(plot) - whole).max(axis=-1) > 40).mean() < 0.01


def test_names_are_written_anew_only_where_they_or_their_lines_look_otherwise(plot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for work in ("update", "_arrange"):
        monkeypatch.setattr(plot._legend, work, lambda work=work: done.append(work))
    for scale in (1.0, 2.0):
        plot.set_line("peak", AXIS, scale * PEAK, sd=PEAK)
    assert not done
    plot.set_line("peak", AXIS, PEAK, dashed=True)
    assert done == ["update"]
    plot.set_line("other", AXIS, PEAK)
    assert "_arrange" in done


def test_pictures_name_the_lines(plot: Any, qtbot: Any) -> None:
    from napari_crimson.plugin.plot.menu import picture

    plot.set_line("other", AXIS, PEAK, colour="#ff0000")
    qtbot.wait(50)
    place = names_above(plot)["other"].toRect()
    image = picture(plot)
    sharper = image.width() // plot.view.width()
    inside = [
        image.pixelColor(x, y)
        for x in range(sharper * place.left(), sharper * place.right())
        for y in range(sharper * place.top(), sharper * place.bottom())
    ]
    assert sum(colour.red() > 200 > 100 > colour.green() for colour in inside) > 20  # a piece of the line
    assert sum(colour.lightness() < 100 and colour.saturation() < 50 for colour in inside) > 20  # and its name, in black


@pytest.mark.parametrize("name", ["plot.jpg", "not_there/plot.svg", "not_there/plot.png"])
def test_pictures_that_cannot_be_saved_are_refused(plot: Any, tmp_path: Path, name: str) -> None:
    from napari_crimson.errors import CrimsonError
    from napari_crimson.plugin.plot.menu import save_picture

    with pytest.raises(CrimsonError, match=r"plot\.(jpg|svg|png)"):
        save_picture(plot, tmp_path / name)


def test_menu_saves_copies_and_changes_the_scale(
    plot: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, choose: Callable[[Any, str], None]
) -> None:
    from qtpy.QtWidgets import QApplication, QFileDialog

    choose(plot, "Copy numbers")
    assert QApplication.clipboard().text().splitlines()[0] == "Raman shift (cm⁻¹)\tpeak"
    choose(plot, "Copy picture")
    assert QApplication.clipboard().image().width() >= 2 * plot.view.width()
    answers = iter([(str(tmp_path / "a.csv"), "CSV (*.csv)"), (str(tmp_path / "b"), "PNG (*.png)"), ("", "")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: next(answers))
    choose(plot, "Save numbers …")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").startswith("Raman shift")
    choose(plot, "Save picture …")
    assert (tmp_path / "b.png").stat().st_size > 1000
    choose(plot, "Save picture …")  # and think better of it
    assert len(list(tmp_path.iterdir())) == 2
    choose(plot, "Logarithmic scale")
    assert plot.log_y
    assert seen_range(plot, 1)[1] == pytest.approx(0.0, abs=0.3)
    choose(plot, "Logarithmic scale")
    assert not plot.log_y


@pytest.fixture
def choose(qtbot: Any) -> Callable[[Any, str], None]:
    """Click an entry of a plot's menu, which must have a tooltip."""
    from qtpy.QtCore import Qt, QTimer

    def click(widget: Any, text: str) -> None:
        menu = widget.menu_button.menu()
        (action,) = [action for action in menu.actions() if action.text() == text]
        assert action.toolTip()
        assert action.toolTip() != text
        QTimer.singleShot(100, lambda: qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center()))
        qtbot.mouseClick(widget.menu_button, Qt.MouseButton.LeftButton)
        qtbot.wait(150)

    return click


def test_right_button_opens_the_menu(plot: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    qtbot.mouseClick(plot.view.viewport(), Qt.MouseButton.RightButton, pos=on_screen(plot, 1000, 0.5))
    menu = plot.menu_button.menu()
    qtbot.waitUntil(menu.isVisible, timeout=5_000)
    menu.close()


def test_controls_have_names_and_tips(plot: Any) -> None:
    assert plot.view.accessibleName() == "Spectra"
    assert plot.menu_button.accessibleName() == "Spectra: menu"
    assert plot.menu_button.toolTip()
    assert "cursor" in plot.readout.accessibleName()


def test_notes_are_written_at_their_points(plot: Any, qtbot: Any) -> None:
    plot.set_notes([(1000, 0.5, "1000"), (2500, 0.5, "2500")])
    qtbot.wait(20)
    noted = shows(plot, plot.colours.text)
    plot.set_notes([])
    qtbot.wait(20)
    bare = shows(plot, plot.colours.text)
    assert noted > bare + 30
    plot.set_notes([(2500, 0.5, "2500")])
    qtbot.wait(20)
    assert bare + 15 < shows(plot, plot.colours.text) < noted - 10


def test_the_note_of_the_highest_line_is_not_cut(plot: Any, qtbot: Any) -> None:
    plot.set_notes([(float(AXIS[PEAK.argmax()]), float(PEAK.max()), "2000")])
    qtbot.wait(20)
    (place,) = plot._notes.places()
    assert plot.view.getPlotItem().vb.sceneBoundingRect().contains(place)


def test_however_long_a_note_is_there_is_room_for_it(plot: Any, qtbot: Any) -> None:
    plot.set_notes([(float(AXIS[PEAK.argmax()]), float(PEAK.max()), "the symmetric stretch of methylene groups")])
    qtbot.wait(20)
    (place,) = plot._notes.places()
    assert plot.view.getPlotItem().vb.sceneBoundingRect().contains(place)


@pytest.mark.parametrize("log", [False, True])
def test_notes_stand_above_all_lines_that_are_seen(plot: Any, qtbot: Any, log: bool) -> None:
    from qtpy.QtCore import QPointF

    def stands_on() -> float:
        """The height that the note stands above, on the axis."""
        qtbot.wait(20)
        plot.settle()
        (place,) = plot._notes.places()
        y = plot.view.getPlotItem().vb.mapSceneToView(place.center() + QPointF(0, place.height() / 2)).y()
        return float(10**y if log else y)

    plot.log_y = log
    plot.set_notes([(2000, 1.0, "2000")])
    assert 1.0 < stands_on() < 1.25
    plot.set_line("pin", AXIS, 2 * PEAK, sd=PEAK)
    assert 3.0 < stands_on() < 3.6
    plot.set_line("elsewhere", [500, 1000], [9, 9])
    plot.set_line("nothing", AXIS, np.full(AXIS.size, np.nan))
    plot._legend.toggled.emit("pin", False)
    assert 1.0 < stands_on() < 1.6
    plot._legend.toggled.emit("pin", True)
    assert stands_on() > 3.0
    plot.remove_line("pin")
    assert 1.0 < stands_on() < 1.6


def test_notes_grow_with_the_picture(plot: Any, qtbot: Any) -> None:
    from qtpy.QtGui import QImage, QPainter

    def written(scale: int) -> int:
        scene = plot.view.scene()
        images = []
        for notes in ([(2600, 0.5, "2600")], []):
            plot.set_notes(notes)
            qtbot.wait(20)
            image = QImage(scene.sceneRect().size().toSize() * scale, QImage.Format.Format_RGB32)
            image.fill(0)
            painter = QPainter(image)
            scene.render(painter)
            painter.end()
            images.append(np.frombuffer(image.constBits(), np.uint8).astype(int))
        return int((np.abs(images[0] - images[1]) > 60).sum())

    plot.view.getPlotItem().vb.setRange(xRange=(500, 3500), yRange=(0, 1.5))  # so that the room for them changes nothing
    once, thrice = written(1), written(3)
    assert once > 30
    assert 5 * once < thrice < 14 * once


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
