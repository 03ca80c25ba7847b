"""Every dock widget of the manifest, in a real window: explained, in order, and nothing clipped or on top of something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml

import napari_crimson

pytestmark = pytest.mark.gui

MANIFEST = yaml.safe_load((Path(napari_crimson.__file__).parent / "napari.yaml").read_text(encoding="utf-8"))["contributions"]
DOCKS = [widget["display_name"] for widget in MANIFEST["widgets"]]
LOOKS = list(product([(1280, 800), (1920, 1080)], ["dark", "light"]))
SLACK_PX = 1
PATIENCE_MS = 3_000


@pytest.fixture
def dock(request: pytest.FixtureRequest, viewer: Any, qtbot: Any) -> Any:
    """The dock widget beside the sample and its answer."""
    viewer.open_sample("napari-crimson", "tissue_small")
    widget = viewer.window.add_plugin_dock_widget("napari-crimson", request.param)[1]
    qtbot.wait(50)  # layouts settle with the events of the first showing
    return getattr(widget, "native", widget)


def variants(title: str, widget: Any) -> Iterator[str]:
    """Turn a dock to all that it can show, one after the other."""
    yield "as it opens"
    own = getattr(widget, "_magic_widget", widget)
    if title == "Analyse":
        for row in range(own.form.what.count()):
            own.form.what.setCurrentIndex(row)
            yield own.form.what.currentText()
    elif title == "Remove background":
        own.output.value = own.output.choices[-1]
        yield "into a folder"
    elif title == "Prepare":
        from napari_crimson.pipeline import STEPS

        for step in STEPS:
            own.editor.set_steps(())
            own.editor.add(step)
            yield step


def controls(widget: Any) -> list[Any]:
    """What a user can set, press or read off, without the parts that Qt makes such things of."""
    from qtpy import QtWidgets as qt

    kinds = (qt.QAbstractButton, qt.QComboBox, qt.QLineEdit, qt.QAbstractSpinBox, qt.QAbstractSlider, qt.QProgressBar)
    kinds += (qt.QAbstractItemView, qt.QTextEdit, qt.QPlainTextEdit)
    whole = (qt.QComboBox, qt.QAbstractSpinBox, qt.QAbstractItemView, qt.QScrollBar, qt.QMenu)
    found = [child for child in widget.findChildren(qt.QWidget) if isinstance(child, kinds) and not isinstance(child, qt.QScrollBar)]
    return [one for one in found if not any(isinstance(above, whole) for above in ancestors(one, widget))]


def ancestors(child: Any, top: Any) -> Iterator[Any]:
    while child is not top and child is not None:
        child = child.parentWidget()
        if child is not None and child is not top:
            yield child


def describe(child: Any) -> str:
    text = next((str(getattr(child, name)()) for name in ("text", "currentText") if hasattr(child, name)), "")
    return f"{type(child).__name__} {child.accessibleName() or child.objectName()!r} {text!r}"


@pytest.mark.parametrize("dock", DOCKS, indirect=True)
def test_a_dock_is_explained_in_order_and_seen_whole(dock: Any, viewer: Any, request: pytest.FixtureRequest, qtbot: Any) -> None:
    title, wrong = request.node.callspec.params["dock"], []
    for state in variants(title, dock):
        qtbot.wait(10)
        assert controls(dock), state
        with suppress(qtbot.TimeoutError):
            qtbot.waitUntil(lambda: not list(out_of_order(dock, qtbot)), timeout=PATIENCE_MS)  # layouts take some events to settle
        wrong += [f"{state}: {fault}" for fault in (*mute(dock), *gullible(dock), *out_of_order(dock, qtbot))]
    for (width, height), theme in LOOKS:
        viewer.theme = theme
        viewer.window.resize(width, height)
        for state in variants(title, dock):
            qtbot.wait(10)
            with suppress(qtbot.TimeoutError):
                qtbot.waitUntil(lambda: not list(out_of_sight(dock)), timeout=PATIENCE_MS)  # layouts take some events to settle
            window = dock.window()
            assert (window.width(), window.height()) == (width, height), f"{state}: the window cannot be {width}×{height}"
            wrong += [f"{width}×{height}, {theme}, {state}: {fault}" for fault in out_of_sight(dock)]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def mute(widget: Any) -> Iterator[str]:
    """Which controls do not say what they are."""
    for one in controls(widget):
        if not one.accessibleName():
            yield f"{describe(one)} has no name"
        if not one.toolTip():
            yield f"{describe(one)} has no tooltip"


def gullible(widget: Any) -> Iterator[str]:
    """Which labels, but for the headings of rows, would take a file's name in angle brackets for HTML."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QLabel

    for label in widget.findChildren(QLabel):
        if label.textFormat() != Qt.TextFormat.PlainText and not 0 < len(label.text()) < len("Read noise (counts) "):
            yield f"{describe(label)} shows HTML"


def out_of_order(widget: Any, qtbot: Any) -> Iterator[str]:
    """Where the tab key goes up, or which controls it leaves out."""
    chain = tab_chain(widget, qtbot)
    yield from (f"the tab key leaves out {describe(one)}" for one in tab_stops(widget) if one not in chain)
    for one, other in pairwise(chain):
        if goes_up(place(one, widget), place(other, widget)):
            yield f"the tab key goes up from {describe(one)} to {describe(other)}"


def tab_stops(widget: Any) -> list[Any]:
    """Controls that the tab key has to come to, from top to bottom."""
    from qtpy.QtCore import Qt

    stops = [one for one in controls(widget) if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    return sorted(stops, key=lambda one: (place(one, widget).top(), place(one, widget).left()))


def tab_chain(widget: Any, qtbot: Any) -> list[Any]:
    """Controls in the order in which the tab key comes to them."""
    from qtpy.QtCore import Qt

    stops, chain, at = tab_stops(widget), [], tab_stops(widget)[0]
    at.setFocus()
    while widget.isAncestorOf(at) and at not in chain:
        chain.append(at)
        qtbot.keyClick(at, Qt.Key.Key_Tab)
        at = widget.window().focusWidget()
    return [one for one in chain if one in stops]


def goes_up(one: Any, other: Any) -> bool:
    same_row = other.top() < one.center().y() < other.bottom() or one.top() < other.center().y() < one.bottom()
    return other.left() < one.left() if same_row else other.top() < one.top()


def place(child: Any, top: Any) -> Any:
    from qtpy.QtCore import QPoint, QRect

    return QRect(child.mapTo(top, QPoint(0, 0)), child.size())


def out_of_sight(widget: Any) -> Iterator[str]:
    """What of a widget cannot be seen whole."""
    from qtpy.QtWidgets import QAbstractScrollArea, QScrollArea, QWidget

    if not place(widget, widget.window()).isValid() or not widget.window().rect().contains(place(widget, widget.window())):
        yield f"the dock reaches beyond the window: {place(widget, widget.window())}"
    seen = [child for child in (widget, *widget.findChildren(QWidget)) if child.isVisible()]
    yield from (f"{describe(child)} has to be scrolled" for child in seen if isinstance(child, QScrollArea) and reach(child))
    for parent in seen:
        if isinstance(parent, QAbstractScrollArea) or isinstance(parent.parentWidget(), QAbstractScrollArea):
            continue  # may be larger than what is seen of it
        inside = [child for child in parent.children() if child in seen]
        room = parent.rect().adjusted(-SLACK_PX, -SLACK_PX, SLACK_PX, SLACK_PX)
        yield from (f"{describe(child)} reaches out of its place" for child in inside if not room.contains(child.geometry()))
        for one, other in combinations(inside, 2):
            common = one.geometry().intersected(other.geometry())
            if min(common.width(), common.height()) > SLACK_PX:
                yield f"{describe(one)} and {describe(other)} overlap"
    for child in (*seen, *title_of(widget)):
        missing = text_missing(child)
        if missing > SLACK_PX:
            yield f"{describe(child)} lacks {missing} px for its text"


def reach(area: Any) -> int:
    """Pixels by which one can scroll, either way."""
    return int(area.verticalScrollBar().maximum() + area.horizontalScrollBar().maximum())


def title_of(widget: Any) -> list[Any]:
    """Labels of the bar over a dock widget."""
    from qtpy.QtWidgets import QDockWidget, QLabel

    panel = widget.parentWidget()
    while not isinstance(panel, QDockWidget):
        panel = panel.parentWidget()
    return list(panel.titleBarWidget().findChildren(QLabel))


def text_missing(child: Any) -> int:
    """Pixels by which a widget is too small for its text, 0 or less where it fits."""
    from qtpy import QtWidgets as qt

    metrics = child.fontMetrics()
    if isinstance(child, qt.QLabel) and child.text() and not child.wordWrap():
        return 0 if ignores_width(child) else int(metrics.boundingRect(child.text()).width() - child.contentsRect().width())
    if isinstance(child, qt.QLabel) and child.text():
        return int(child.heightForWidth(child.width()) - child.height())
    if isinstance(child, qt.QAbstractButton) and child.text():
        return int(max(child.sizeHint().width() - child.width(), metrics.height() - child.height()))
    if isinstance(child, qt.QComboBox):
        option = qt.QStyleOptionComboBox()
        child.initStyleOption(option)
        edit = child.style().subControlRect(qt.QStyle.ComplexControl.CC_ComboBox, option, qt.QStyle.SubControl.SC_ComboBoxEditField, child)
        return int(metrics.horizontalAdvance(child.currentText()) - edit.width())
    if isinstance(child, qt.QLineEdit) and not isinstance(child.parentWidget(), qt.QComboBox) and not child.text():
        return int(metrics.horizontalAdvance(child.placeholderText()) - child.contentsRect().width())
    return 0


def ignores_width(label: Any) -> bool:
    """A label that takes what room it gets shows the rest of its text as a tooltip."""
    from qtpy.QtWidgets import QSizePolicy

    return bool(label.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Ignored and label.toolTip())


# --- several docks in a low window ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "titles", [("Spectrum", "Remove background"), ("Spectrum", "Compare removers"), ("Train", "Spectrum")], ids=" + ".join
)
def test_two_docks_leave_a_small_window_its_size_and_all_of_them_can_be_reached(titles: tuple[str, str], viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    docks = [getattr(added, "native", added) for added in (add_dock(viewer, title) for title in titles)]
    window = docks[0].window()
    window.resize(1280, 800)
    qtbot.wait(300)  # a window that is too small for its docks grows with the events that follow
    assert (window.width(), window.height()) == (1280, 800)
    for title, dock in zip(titles, docks, strict=True):
        assert window.rect().contains(place(dock, window)), title
        for control in tab_stops(dock):
            scroll_to(control)
            assert under_the_mouse(control), f"{title}: {describe(control)} cannot be reached"


def test_run_is_scrolled_to_and_pressed_beside_another_dock(viewer: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    viewer.open_sample("napari-crimson", "tissue_small")
    add_dock(viewer, "Spectrum")
    removal = add_dock(viewer, "Remove background")
    removal.remover.value = "kk"
    qtbot.wait(300)  # layouts settle
    button = removal["buttons"]["run_button"].native
    scroll_to(button)
    assert under_the_mouse(button)
    window = button.window()
    QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place(button, window).center())
    qtbot.waitUntil(lambda: "tissue small · kk" in viewer.layers and "Complete" in removal.status.value, timeout=60_000)


def test_the_wheel_scrolls_a_dock_and_chooses_nothing_in_it(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    add_dock(viewer, "Spectrum")
    removal = add_dock(viewer, "Remove background")
    qtbot.wait(300)  # layouts settle
    box = removal.remover.native
    bar = scroll_area(box).verticalScrollBar()
    scroll_to(box)
    before, chosen = bar.value(), removal.remover.value
    turn_wheel(box)
    assert removal.remover.value == chosen
    assert bar.value() != before


def test_the_wheel_chooses_in_a_dock_that_is_seen_whole(viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    removal = add_dock(viewer, "Remove background")
    qtbot.wait(300)  # layouts settle
    chosen = removal.remover.value
    turn_wheel(removal.remover.native)
    assert removal.remover.value != chosen


def add_dock(viewer: Any, title: str) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-crimson", title)[1]


def scroll_area(control: Any) -> Any:
    """The area that a control scrolls in, if any."""
    from qtpy.QtWidgets import QScrollArea

    return next((above for above in ancestors(control, None) if isinstance(above, QScrollArea)), None)


def scroll_to(control: Any) -> None:
    area = scroll_area(control)
    if area is not None:
        area.ensureWidgetVisible(control)


def under_the_mouse(control: Any) -> bool:
    """Whether a click in the window, in the middle of a control, meets it."""
    window = control.window()
    met = window.childAt(place(control, window).center())
    return met is control or control.isAncestorOf(met)


def turn_wheel(control: Any) -> None:
    """Turn the mouse's wheel by a notch, down, over a control."""
    from qtpy.QtCore import QPoint, QPointF
    from qtpy.QtTest import QTest

    window = control.window()
    QTest.wheelEvent(window.windowHandle(), QPointF(place(control, window).center()), QPoint(0, -120))


# --- windows of their own ------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["Go to", "Axis", "SVD"])
def test_a_window_of_its_own_is_explained(title: str, viewer: Any, qtbot: Any) -> None:
    viewer.open_sample("napari-crimson", "tissue_small")
    dialog = open_dialog(title, viewer)
    dialog.show()
    qtbot.wait(50)  # layouts settle
    wrong = [*mute(dialog), *gullible(dialog)]
    dialog.close()
    assert not wrong, "\n".join(wrong)


def open_dialog(title: str, viewer: Any) -> Any:
    from napari_crimson.pipeline import Pipeline
    from napari_crimson.plugin.axis.dialog import AxisDialog
    from napari_crimson.plugin.go_to_dialog import GoToDialog
    from napari_crimson.plugin.layers import stack_from_layer
    from napari_crimson.plugin.prepare.svd_dialog import SVDDialog
    from napari_crimson.prepare import SVDSettings

    parent = viewer.window.main_menu.window()
    if title == "Go to":
        return GoToDialog(viewer, parent)
    if title == "Axis":
        return AxisDialog(viewer, parent)
    return SVDDialog(viewer, stack_from_layer(viewer.layers["tissue small"]), Pipeline(), SVDSettings(), {}, parent=parent)


def test_a_window_keeps_its_height_however_many_docks_are_open(viewer: Any, qtbot: Any) -> None:
    window = viewer.window.main_menu.window()
    window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue_small")
    qtbot.wait(50)
    for title in DOCKS:
        panel = viewer.window.add_plugin_dock_widget("napari-crimson", title)[0]
        qtbot.wait(100)
        qtbot.waitUntil(lambda: window.height() <= 800, timeout=PATIENCE_MS)
        assert not panel.visibleRegion().isEmpty(), title  # the newest is the one in front
