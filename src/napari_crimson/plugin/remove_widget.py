"""The dock widget *Plugins › CRIMSON › Remove background*."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, Label, LineEdit, ProgressBar, PushButton
from napari.layers import Image
from napari.qt.threading import create_worker
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.job import RemovalJob, tell
from napari_crimson.plugin.layers import KEY, axis_of_layer, give_axis, spectrum_from_layer, stack_from_layer
from napari_crimson.plugin.report import Report, status_text
from napari_crimson.plugin.typed_axis import EXAMPLE, HELP, wavenumber_from_text
from napari_crimson.remover import removers

if TYPE_CHECKING:
    import napari

__all__ = ["RemoveWidget"]

_MEMORY, _FOLDER = "in memory", "in a zarr folder"
_OWN, _NONE = "auto", "none"
_STEPS = 1000  # of the progress bar


class RemoveWidget(Container):  # type: ignore[type-arg]
    """Controls, progress and cancel of one removal at a time."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._job: RemovalJob | None = None
        self._closed = False
        self._stack = ComboBox(name="stack", label="Stack", choices=self._stacks, nullable=False, tooltip="The measured CARS intensities.")
        self._shown = Label(name="shown", label="Shown", tooltip="The plane on the slider and its Raman shift.")
        self._axis = LineEdit(name="wavenumber", label="Axis", tooltip=HELP)
        self._remover = ComboBox(name="remover", label="Remover", choices=removers(), tooltip="Trained networks; kk is Kramers–Kronig.")
        self._device = ComboBox(name="device", label="Device", choices=[("auto", "auto")], tooltip="Where networks run.")
        help_text = "From the file, from another layer (the mean of its pixels), or none."
        self._reference = ComboBox(name="reference", label="Reference", choices=lambda _: self._spectra("reference"), tooltip=help_text)
        self._dark = ComboBox(name="dark", label="Dark", choices=lambda _: self._spectra("dark"), tooltip=help_text)
        self._output = ComboBox(
            name="output", label="Result", choices=[_MEMORY, _FOLDER], tooltip="A folder serves stacks larger than memory."
        )
        self._folder = FileEdit(
            name="folder", label="Folder", mode=FileDialogMode.OPTIONAL_FILE, filter="*.zarr", tooltip="A new folder, such as tissue.zarr."
        )
        self._run_button = PushButton(name="run_button", text="Run")
        self._cancel_button = PushButton(name="cancel_button", text="Cancel", enabled=False)
        self._bar = ProgressBar(name="bar", label="Progress", min=0, max=_STEPS, value=0)
        self._status = Label(name="status", label=" ", value="")
        buttons = Container(name="buttons", label=" ", layout="horizontal", labels=False, widgets=[self._run_button, self._cancel_button])
        buttons.margins = (0, 0, 0, 0)
        controls = [
            self._stack,
            self._shown,
            self._axis,
            self._remover,
            self._device,
            self._reference,
            self._dark,
            self._output,
            self._folder,
        ]
        super().__init__(widgets=controls)
        self.extend([buttons, self._bar, self._status])  # what is added later makes magicgui align the labels
        self._axis.native.setPlaceholderText(EXAMPLE)
        for text in (self._shown, self._status):
            text.native.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            text.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            text.native.setWordWrap(True)
        self._connect()
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
            raise CrimsonError(
                f"layer '{layer}' is no measured stack; choose one of {', '.join(map(str, self._stack.choices)) or 'none yet'}"
            )
        self._stack.value = layer

    def run(self) -> None:
        """Begin with the settings shown; errors are told as notifications."""
        if self._job and self._job.running:
            return
        try:
            source = self._source()
            self._take_axis(source)
            stack = stack_from_layer(source)
            options = self._options(stack)
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        self._job = RemovalJob(self._viewer, source, stack, options, listener=self._report)
        self._job.start()

    def cancel(self) -> None:
        """Stop the run, if there is one, within a block."""
        if self._job and self._job.running:
            self._job.cancel()
            self._status.value = "Stopping after this block …"

    # settings

    def _source(self) -> Image:
        layer = self._layer()
        if layer is None:
            raise CrimsonError("there is no stack to work on; open one, or File › Open Sample › CRIMSON")
        return layer

    def _take_axis(self, source: Image) -> None:
        """Give the layer the axis that was typed, if it has none of its own."""
        typed = wavenumber_from_text(self._axis.value) if _needs_axis(source) else None
        if typed is not None:
            from napari_crimson.io.axis import given_axis

            give_axis(source, given_axis(typed, source.data.shape[0]))

    def _options(self, stack: Any) -> dict[str, Any]:
        """Settings as ``plan_removal`` takes them."""
        output = None
        if self._output.value == _FOLDER:
            output = Path(str(self._folder.value))
            if not output.name:
                raise CrimsonError("no folder is chosen for the result; name one, such as tissue.zarr, or keep the result in memory")
            output = output.with_name(output.name.removesuffix(".zarr") + ".zarr")
        spectra = {
            name: choice if choice == _OWN else None if choice == _NONE else spectrum_from_layer(self._viewer.layers[choice[1]], stack)
            for name, choice in (("reference", self._reference.value), ("dark", self._dark.value))
        }
        return {"remover": self._remover.value, "device": self._device.value, "output": output, **spectra}

    def _stacks(self, _: Any = None) -> list[str]:
        return [
            layer.name
            for layer in self._viewer.layers
            if _is_stack(layer) and layer.metadata.get(KEY, {}).get("variable", "cars") == "cars"
        ]

    def _spectra(self, name: str) -> list[tuple[str, Any]]:
        """Choices for a reference or dark: the stack's own, none, or a layer with as many planes."""
        source = self._layer()
        if source is None:
            return [("none", _NONE)]
        others = [layer.name for layer in self._viewer.layers if _is_stack(layer) and layer.name != source.name]
        fitting = [other for other in others if self._viewer.layers[other].data.shape[0] == source.data.shape[0]]
        own = [("from the file", _OWN)] if name in source.metadata.get(KEY, {}) else []
        return [*own, ("none", _NONE), *((f"layer {other}", ("layer", other)) for other in fitting)]

    def _layer(self) -> Image | None:
        """The layer chosen as the stack, while it is there."""
        name = self._stack.value
        return self._viewer.layers[name] if name and name in self._viewer.layers else None

    # what happens

    def _connect(self) -> None:
        self._run_button.changed.connect(self.run)
        self._cancel_button.changed.connect(self.cancel)
        self._stack.changed.connect(self._stack_changed)
        self._output.changed.connect(self._output_changed)
        self._viewer.dims.events.current_step.connect(self._show_wavenumber)
        self.native.destroyed.connect(self._close)

    def _close(self) -> None:
        """Stop and let go of the viewer when the dock is closed."""
        self._closed = True
        self._viewer.dims.events.current_step.disconnect(self._show_wavenumber)
        if self._job:
            self._job.listener = None
            self._job.cancel()

    def _find_devices(self) -> None:
        """Fill in the devices from a thread: asking for them imports torch, which takes seconds."""

        def find_devices() -> list[tuple[str, str]]:
            from napari_crimson.device import devices

            return devices()

        def fill_in(found: list[tuple[str, str]]) -> None:
            if not self._closed:
                self._device.choices = [(label, name) for name, label in found]

        self._device_worker = create_worker(find_devices, _connect={"returned": fill_in})

    def _stack_changed(self) -> None:
        self._reference.reset_choices()
        self._dark.reset_choices()
        layer = self._layer()
        self._axis.visible = layer is not None and _needs_axis(layer)
        if not (self._job and self._job.running):
            self._bar.value, self._status.value = 0, ""
        if layer is not None and self._folder.value == Path():
            self._folder.value = Path.cwd() / f"{layer.name}.zarr"
        self._show_wavenumber()

    def _output_changed(self) -> None:
        self._folder.visible = self._output.value == _FOLDER

    def _show_wavenumber(self, _: Any = None) -> None:
        layer = self._layer()
        axis = None if layer is None else axis_of_layer(layer)
        if layer is None or axis is None:
            self._shown.value = "–"
            return
        place = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[0]
        band = int(np.clip(round(float(place)), 0, axis.size - 1))
        self._shown.value = f"{axis[band]:.1f} cm⁻¹ (plane {band + 1} of {axis.size})"

    def _report(self, report: Report) -> None:
        """Show how far the job is."""
        running = report.phase in ("starting", "running")
        self._run_button.enabled, self._cancel_button.enabled = not running, running
        for control in (self._stack, self._axis, self._remover, self._device, self._reference, self._dark, self._output, self._folder):
            control.enabled = not running
        self._bar.value = 0 if report.progress is None else _STEPS * report.progress.pixels_done // report.progress.pixels
        self._status.value = status_text(report)


def _is_stack(layer: Any) -> bool:
    return layer.as_layer_data_tuple()[2] == "image" and not layer.rgb and layer.ndim >= 3


def _needs_axis(layer: Image) -> bool:
    ours = layer.metadata.get(KEY, {})
    return "wavenumber" not in ours or "given" in ours
