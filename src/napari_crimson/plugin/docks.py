"""How the dock widgets find one another in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_crimson.pipeline import Step

__all__ = ["StepsDock", "docked", "end_with_its_dock", "open_dock"]

Widget = TypeVar("Widget")

_ending: dict[int, QWidget] = {}


class StepsDock:
    """A dock widget that holds the steps of a preparation, for those that run them."""

    def steps(self) -> tuple[Step, ...]:
        """The steps that are ticked; CrimsonError if an option of one is not what it must be."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        """How many they are."""
        raise NotImplementedError


def docked(viewer: Viewer, kind: type[Widget]) -> Widget | None:
    """The dock widget of a kind that is open in the window of a viewer, or None."""
    found = [widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, kind)]
    return found[0] if found else None


def open_dock(viewer: Viewer, kind: type[Widget], title: str) -> Widget:
    """The same, opened first if it must be; `title` is its name in the manifest."""
    found = docked(viewer, kind)
    if found is None:
        found = cast("Widget", viewer.window.add_plugin_dock_widget("napari-crimson", title)[1])
    return found


def end_with_its_dock(widget: QWidget) -> None:
    """Have a widget deleted whose dock has been closed, by Qt on the main thread.

    It is held until then: left to Python, whichever thread collects garbage next would delete it there, and crash.
    """
    key = id(widget)
    _ending[key] = widget
    widget.destroyed.connect(lambda *_: _ending.pop(key, None))
    widget.deleteLater()
