"""The dock widget *Plugins › CRIMSON › Open stack*: for files that need a word more than a name.

napari's own reader takes ``.tif`` first, and a file may hold several stacks or no wavenumbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, LineEdit, PushButton

from napari_crimson.errors import CrimsonError, NoAxisError
from napari_crimson.plugin.axis.dialog import ask_for_axis
from napari_crimson.plugin.axis.without import layers_without_axis
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.plugin.looks import align_labels, explain_rows
from napari_crimson.plugin.preferences import keep_memory_limit
from napari_crimson.plugin.readout import show_wavenumber
from napari_crimson.plugin.remove.job import tell
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.stack_layers import needs_axis
from napari_crimson.plugin.typed_axis import HELP, wavenumber_from_text

if TYPE_CHECKING:
    import napari

__all__ = ["OpenWidget"]

_FILE, _FOLDER = "file", "folder"


class OpenWidget(Container):  # type: ignore[type-arg]
    """Asks for a file or folder and which stack of it, opens it lazily, and asks for wavenumbers that it does not tell."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        show_wavenumber(napari_viewer)
        self._kind = ComboBox(name="kind", label="Open a", choices=[_FILE, _FOLDER], tooltip="A folder is a Zarr, or holds numbered TIFFs.")
        self._path = FileEdit(name="path", label="Path", mode=FileDialogMode.EXISTING_FILE, tooltip="What to open.")
        self._axis = LineEdit(name="wavenumber", label="Axis", tooltip=HELP + "\nEmpty: as the file says.")
        self._array = LineEdit(name="array", label="Array", tooltip="Which stack of the file; empty where it holds one.")
        self._open = PushButton(name="open_button", text="Open", tooltip="Open it as layers; what is not looked at stays in the file.")
        super().__init__(widgets=[self._kind, self._path, self._axis, self._array])
        align_labels(self)
        self.append(self._open)
        explain_rows(self)
        self._axis.native.setPlaceholderText("as the file says")
        self._array.native.setPlaceholderText("the only one")
        self._kind.changed.connect(self._kind_changed)
        self._open.changed.connect(self.open)
        find_room(self.native, napari_viewer)

    def _kind_changed(self, kind: str) -> None:
        self._path.mode = FileDialogMode.EXISTING_DIRECTORY if kind == _FOLDER else FileDialogMode.EXISTING_FILE

    def open(self) -> None:
        """Open what is named; errors are told as notifications."""
        from napari_crimson.io import open_stack

        keep_memory_limit()
        try:
            path = Path(str(self._path.value))
            if path == Path():
                raise CrimsonError("no file is chosen; name a file, or a folder that is a Zarr or holds numbered TIFFs")
            wavenumber, name = wavenumber_from_text(self._axis.value), self._array.value.strip() or None
            try:
                layers = layer_data_from_stack(open_stack(path, wavenumber=wavenumber, name=name))
            except NoAxisError as error:
                layers = layers_without_axis(path, name=name, wavelength_nm=error.wavelength_nm)
        except CrimsonError as error:
            tell(error)
            return
        added = [self._viewer.add_image(data, **attributes) for data, attributes, _ in layers]
        if needs_axis(added[0]):
            ask_for_axis(self._viewer, added[0])
