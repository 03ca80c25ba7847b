"""What a plot saves and copies: pictures and numbers; its menu."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from seen_plot import AXIS, PEAK, names_above, on_screen, pixels, seen_range

pytestmark = pytest.mark.gui


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
