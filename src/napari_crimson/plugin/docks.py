"""How the dock widgets find one another in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["docked", "open_dock"]

Widget = TypeVar("Widget")


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
