"""A stack saved, off the main thread."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

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


def ask_path(viewer: Viewer, name: str) -> Path | None:
    """Ask where to save a stack of this name, beginning in the folder of the preferences; None where the user thinks better of it."""
    from qtpy.QtWidgets import QFileDialog

    start = (preferences().output_folder or Path.cwd()) / f"{name.replace('/', '_')}.zarr"
    kinds = ";;".join(f"{suffix} (*{suffix})" for suffix in WRITERS)
    parent = viewer.window.main_menu.window()
    chosen, kind = QFileDialog.getSaveFileName(parent, "Save the selected stack", str(start), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix else path.with_suffix(kind.split()[0])
