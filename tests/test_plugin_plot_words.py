"""What is written on a plot: names of lines, and notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seen_plot import AXIS, PEAK, names_above, on_screen, pixels, shows

pytestmark = pytest.mark.gui

LONG = ("measured", "background", "cnn-crimson-adapted-to-glass", "pin 1", "pin 2", "a region of the nucleus", "kk")


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
