"""A stack saved, off the main thread."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

from napari_crimson.errors import CrimsonError
from napari_crimson.io import save_stack
from napari_crimson.io.save import WRITERS
from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.preferences import preferences

if TYPE_CHECKING:
    import xarray as xr
    from napari.viewer import Viewer

__all__ = ["SaveJob", "ask_path"]


class SaveJob(BackgroundJob):
    """Runs `save_stack`; a notification tells of its end."""

    title = "save_stack"

    def __init__(self, stack: xr.Dataset, path: Path, *, overwrite: bool) -> None:
        super().__init__()
        self._stack, self._path, self._overwrite = stack, path, overwrite

    def _work(self) -> Generator[Any, None, None]:
        self._path = save_stack(self._stack, self._path, overwrite=self._overwrite)
        self._complete = True
        return
        yield  # a generator, as the others are

    def _end(self) -> None:
        if self._complete:
            show_info(f"Saved {self._path}")


def ask_path(viewer: Viewer, name: str, suffixes: tuple[str, ...] = ()) -> Path | None:
    """Ask where to save a stack of this name, beginning in the folder of the preferences; None where the user thinks better of it.

    The path has one of `suffixes`, if these are given.

    Raises
    ------
    CrimsonError
        If the name was typed without a suffix, and there is a file of the whole name, of which nobody has been asked.
    """
    from qtpy.QtWidgets import QFileDialog

    start = (preferences().output_folder or Path.cwd()) / f"{name.replace('/', '_')}{suffixes[0] if suffixes else '.zarr'}"
    kinds = ";;".join(f"{suffix} (*{suffix})" for suffix in suffixes or WRITERS)
    parent = viewer.window.main_menu.window()
    chosen, kind = QFileDialog.getSaveFileName(parent, "Save the selected stack", str(start), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if not (path.name.lower().endswith(suffixes) if suffixes else path.suffix):
        path = path.with_name(path.name + (suffixes[0] if suffixes else kind.split()[0]))
        if path.exists():
            raise CrimsonError(f"{path}: is there already; give another name, or this one with its suffix to replace it")
    return path
