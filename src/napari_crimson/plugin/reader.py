"""napari's reader: files and folders `open_stack` knows, as lazy layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError, NoAxisError
from napari_crimson.io.formats import can_open

__all__ = ["get_reader", "read"]


def get_reader(path: str | Sequence[str] | None = None) -> Callable[[Any], list[Any]] | None:
    """Return `read` if `path` looks like a stack, else None; looks at a few bytes only.

    napari's command palette calls it with nothing: the dock widget that asks for a file opens.
    """
    if path is None:
        _ask_for_file()
        return None
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(can_open(one) for one in paths) else None


def read(path: str | Sequence[str]) -> list[Any]:
    """Open one stack or several as lazy layers; a window asks for wavenumbers that a file does not tell.

    Raises
    ------
    CrimsonError
        If a file is damaged, or there is no window to ask in.
    """
    from napari import current_viewer

    from napari_crimson.io import open_stack
    from napari_crimson.plugin.axis.without import open_and_ask
    from napari_crimson.plugin.layers import layer_data_from_stack
    from napari_crimson.plugin.preferences import keep_memory_limit
    from napari_crimson.plugin.readout import show_wavenumber

    keep_memory_limit()
    viewer, layers = current_viewer(), []
    show_wavenumber(viewer)
    try:
        for one in [path] if isinstance(path, str) else path:
            try:
                layers += layer_data_from_stack(open_stack(one))
            except NoAxisError as error:
                if viewer is None:
                    raise
                layers += open_and_ask(viewer, Path(one), wavelength_nm=error.wavelength_nm)
    except CrimsonError as error:
        if "wavenumber=" in str(error) or "name=" in str(error):  # a word more is needed than napari's File › Open can give
            raise CrimsonError(f"{error}. In napari, Plugins › CRIMSON › Open stack asks for it") from error
        raise
    return layers


def _ask_for_file() -> None:
    """Open the dock widget *Open stack*."""
    from napari import current_viewer

    from napari_crimson.plugin.docks import open_dock
    from napari_crimson.plugin.open_widget import OpenWidget

    viewer = current_viewer()
    if viewer is not None:
        open_dock(viewer, OpenWidget, "Open stack")
