"""How the dock widgets find one another in a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_crimson.pipeline import Step
    from napari_crimson.plugin.background import BackgroundJob

__all__ = ["StepsDock", "abandon_all", "docked", "end_with_its_dock", "open_dock", "release_all", "release_with"]

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


def release_with(widget: QWidget, release: list[Callable[[], object]]) -> None:
    """Have a widget let go of what it holds when it is destroyed: with its whole window, it is not parted from its dock first.

    The calls must do without the widget's own parts: Qt may have deleted them by then.
    """
    widget.destroyed.connect(partial(release_all, release))


def release_all(release: list[Callable[[], object]]) -> None:
    """Make the calls, each once."""
    while release:
        with suppress(RuntimeError):  # where Qt has gone first
            release.pop(0)()


def abandon_all(jobs: Iterable[BackgroundJob]) -> None:
    """Stop work whose dock has gone."""
    for job in jobs:
        job.abandon()
