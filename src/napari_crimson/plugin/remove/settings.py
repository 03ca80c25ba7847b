"""The settings of a removal as a form: which stack, by what, where, with what, to where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, Label, LineEdit, PushButton
from napari.layers import Image
from napari.qt.threading import create_worker

from napari_crimson.errors import CrimsonError
from napari_crimson.io.axis import given_axis
from napari_crimson.plugin.garbage import hold_garbage
from napari_crimson.plugin.layers import (
    KEY,
    axis_of_layer,
    plane_shown,
    spectrum_from_layer,
    stack_from_layer,
    stack_from_layer_data,
)
from napari_crimson.plugin.looks import align_labels, fit_text
from napari_crimson.plugin.pointing.watch import Watch
from napari_crimson.plugin.preferences import offered_removers, preferences
from napari_crimson.plugin.readout import show_wavenumber
from napari_crimson.plugin.stack_layers import is_measured, is_stack, needs_axis
from napari_crimson.plugin.typed_axis import BUTTON, BUTTON_HELP, EXAMPLE, HELP, take_typed_axis, wavenumber_from_text
from napari_crimson.priority import window_in_use

if TYPE_CHECKING:
    import napari
    import xarray as xr

__all__ = ["RemovalSettings"]

_MEMORY, _FOLDER = "in memory", "in a zarr folder"
_OWN, _NONE = "auto", "none"
_MIN_WIDTH_PX = 360  # the title is seen whole
_SPECTRUM_HELP = "From the file, from another layer (the mean of its pixels), or none."


class RemovalSettings(Container):  # type: ignore[type-arg]
    """Form for one removal; `source` and `removal_options` give what is set."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        show_wavenumber(viewer)
        self._closed = False
        self._preferred = preferences()
        self._named = ""  # the folder that was suggested last
        self._devices = [("auto", "auto")]
        self._stack = ComboBox(name="stack", label="Stack", choices=self._stacks, tooltip="The measured CARS intensities.")
        self._plane = Label(name="plane", label="Shown", tooltip="The plane on the slider and its Raman shift.")
        self._axis = LineEdit(name="wavenumber", label="Axis", tooltip=HELP)
        self._axis_button = PushButton(name="axis_button", text=BUTTON, tooltip=BUTTON_HELP)
        about = "Trained networks; kk is Kramers–Kronig, mem maximum entropy."
        self._remover = ComboBox(name="remover", label="Remover", choices=offered_removers(), value=self._preferred.remover, tooltip=about)
        self._device = ComboBox(name="device", label="Device", choices=lambda _: self._devices, tooltip="Where networks run.")
        self._reference, self._dark = (
            ComboBox(name=name, label=label, choices=lambda box: self._spectra(box.name), tooltip=_SPECTRUM_HELP)
            for name, label in (("reference", "Reference"), ("dark", "Dark"))
        )
        where = _FOLDER if self._preferred.output_folder else _MEMORY
        tip = "A folder serves the largest stacks."
        self._output = ComboBox(name="output", label="Result", choices=[_MEMORY, _FOLDER], value=where, tooltip=tip)
        self._folder = FileEdit(name="folder", label="Folder", mode=FileDialogMode.OPTIONAL_FILE, tooltip="Such as tissue.zarr.")
        spectra = [self._reference, self._dark]
        self._axis_row = Container(name="axis_row", label=" ", layout="horizontal", labels=False, widgets=[self._axis_button])
        self._axis_row.margins = (0, 0, 0, 0)
        axis = [self._axis, self._axis_row]
        super().__init__(widgets=[self._stack, self._plane, *axis, self._remover, self._device, *spectra, self._output, self._folder])
        self.native.setMinimumWidth(_MIN_WIDTH_PX)
        self._axis.native.setPlaceholderText(EXAMPLE)
        fit_text(self._plane)
        align_labels(self)
        self._watch = Watch()
        self._axis_button.changed.connect(self._ask_for_axis)
        self._stack.changed.connect(self._stack_changed)
        heard = WeakMethod(self._index_changed)  # PySide would keep the whole form
        self._stack.native.currentIndexChanged.connect(lambda index: (call := heard()) and call(index))
        self._output.changed.connect(self._output_changed)
        self._remover.changed.connect(self._suggest_folder)
        self._viewer.dims.events.current_step.connect(self._slider_moved)
        self.native_parent_changed.connect(self._parent_changed)
        self.native.destroyed.connect(self._close)
        self._stack_changed()
        self._output_changed()
        self._find_devices()

    def choose(self, layer: str) -> None:
        """Choose the stack by the name of its layer.

        Raises
        ------
        CrimsonError
            If the layer cannot be a stack.
        """
        if layer not in self._stack.choices:
            there = ", ".join(map(str, self._stack.choices))
            raise CrimsonError(f"layer '{layer}' is no measured stack; {f'choose one of {there}' if there else 'open one'}")
        self._stack.value = layer

    def source(self) -> Image:
        """The layer to work on, with the axis that was typed if it has none of its own.

        Raises
        ------
        CrimsonError
            If there is none, or what was typed is no axis for it.
        """
        layer = self._layer()
        if layer is None:
            raise CrimsonError("there is no stack to work on; open one, or File › Open Sample › CRIMSON")
        take_typed_axis(layer, self._axis.value)
        self._show_wavenumber()
        return layer

    def removal_options(self, stack: xr.Dataset) -> dict[str, Any]:
        """Settings for `stack` as ``plan_removal`` takes them.

        Raises
        ------
        CrimsonError
            If no folder is named, or a layer does not fit as reference or dark.
        """
        output = None
        if self._output.value == _FOLDER:
            output = Path(str(self._folder.value))
            if not output.name:
                raise CrimsonError("no folder is chosen for the result; name one, such as tissue.zarr, or keep the result in memory")
            output = output.with_name(output.name.removesuffix(".zarr") + ".zarr")
        spectra = {
            name: choice if choice == _OWN else None if choice == _NONE else self._spectrum(choice, stack)
            for name, choice in (("reference", self._reference.value), ("dark", self._dark.value))
        }
        return {"remover": self._remover.value, "device": self._device.value, "output": output, **spectra}

    def _choices(self) -> tuple[Any, ...]:
        """What is chosen, but for the stack."""
        boxes = (self._remover, self._device, self._reference, self._dark, self._output)
        folder = str(self._folder.value) if self._output.value == _FOLDER else ""
        return (*(box.value for box in boxes), folder)

    def _stack_as_typed(self, layer: Image) -> xr.Dataset:
        """The stack of a layer, on the axis that is being typed where it has none of its own; the layer stays as it is."""
        typed = wavenumber_from_text(self._axis.value) if needs_axis(layer) else None
        if typed is None or layer.multiscale:
            return stack_from_layer(layer)
        ours = {"variable": "cars", "wavenumber": given_axis(typed, layer.data.shape[0])}
        attributes = {"name": layer.name, "scale": tuple(layer.scale), "units": layer.units, "metadata": {KEY: ours}}
        return stack_from_layer_data(layer.data, attributes)

    def _stacks(self, _: Any = None) -> list[str]:
        return [layer.name for layer in self._viewer.layers if is_measured(layer)]

    def _spectra(self, name: str) -> list[tuple[str, Any]]:
        """Choices for a reference or dark: the stack's own, none, or a layer with as many planes."""
        source = self._layer()
        if source is None:
            return [("none", _NONE)]
        others = [layer for layer in self._viewer.layers if is_stack(layer) and layer.name != source.name]
        fitting = [layer.name for layer in others if layer.data.shape[0] == source.data.shape[0]]
        own = [("from the file", _OWN)] if name in source.metadata.get(KEY, {}) else []
        return [*own, ("none", _NONE), *((f"layer {other}", ("layer", other)) for other in fitting)]

    def _spectrum(self, choice: tuple[str, str], stack: xr.Dataset) -> Any:
        return spectrum_from_layer(self._viewer.layers[choice[1]], stack)

    def _layer(self) -> Image | None:
        """The layer chosen as the stack, while it is there."""
        name = self._stack.value
        return self._viewer.layers[name] if name and name in self._viewer.layers else None

    def _find_devices(self) -> None:
        """Fill in the devices from a thread: asking for them imports torch, which takes seconds."""

        def find_devices() -> list[tuple[str, str]]:
            from napari_crimson.device import devices

            return devices()

        create_worker(find_devices, _connect={"returned": self._devices_found, "finished": hold_garbage()})

    def _devices_found(self, found: list[tuple[str, str]]) -> None:
        if not self._closed:
            self._devices = [(label, name) for name, label in found]
            self._device.reset_choices()
            self._device.value = next((name for name, _ in found if name.startswith(self._preferred.device)), "auto")

    def _stack_changed(self) -> None:
        self._reference.reset_choices()
        self._dark.reset_choices()
        layer = self._layer()
        self._axis.visible = self._axis_row.visible = layer is not None and needs_axis(layer)
        self._watch.clear()
        if layer is not None:
            self._watch.connect(layer.events.metadata, self._axis_given)
        self._suggest_folder()
        self._show_wavenumber()

    def _index_changed(self, index: int) -> None:
        """Hear that no stack is left, of which magicgui does not tell."""
        if index < 0:
            self._stack_changed()

    def _suggest_folder(self, _: Any = None) -> None:
        """Name a place in the preferred folder, until another is named."""
        layer, folder, named = self._layer(), self._preferred.output_folder, str(self._folder.value)
        if layer is not None and folder is not None and named in ("", ".", self._named):
            name = re.sub(r"[^\w.-]+", "_", f"{layer.name} {Path(str(self._remover.value)).stem}")
            self._folder.value = folder / f"{name}.zarr"
            self._named = str(self._folder.value)

    def _ask_for_axis(self) -> None:
        from napari_crimson.plugin.axis.dialog import ask_for_axis

        ask_for_axis(self._viewer, self._layer())

    def _axis_given(self, _: Any = None) -> None:
        """Take up an axis that the stack has got, here or elsewhere."""
        self._axis.value = ""
        self._show_wavenumber()

    def _output_changed(self) -> None:
        self._folder.visible = self._output.value == _FOLDER

    def _slider_moved(self, _: Any) -> None:
        window_in_use()
        self._show_wavenumber()

    def _show_wavenumber(self) -> None:
        layer = self._layer()
        axis = None if layer is None else axis_of_layer(layer)
        if layer is None or axis is None:
            self._plane.value = "–"
        else:
            plane = plane_shown(layer, self._viewer)
            self._plane.value = f"{axis[plane]:.1f} cm⁻¹ ({plane} of {axis.size})"

    def _parent_changed(self) -> None:
        if self.native.parent() is None:  # so napari parts a widget from a dock that is closed
            self._close()

    def _close(self) -> None:
        """Let go of the viewer when the dock is closed."""
        if not self._closed:
            self._closed = True
            self._watch.clear()
            self._viewer.dims.events.current_step.disconnect(self._slider_moved)
