"""What can be done with the layer that is selected: commands of the palette and of the *Layers* menus, and functions for scripts.

Each opens the dock widget that shows it, if it is not open, and tells as a notification where the layer does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.viewer import Viewer

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.docks import docked, open_dock
from napari_crimson.plugin.layers import KEY, plane_shown, stack_from_layer
from napari_crimson.plugin.shown import layer_meant

if TYPE_CHECKING:
    from napari_crimson.plugin.analyse.pages import Page
    from napari_crimson.plugin.analyse.widget import AnalyseWidget
    from napari_crimson.plugin.layer_box import LayerBox

__all__ = [
    "analyse",
    "ask_and_go_to",
    "ask_for_axis",
    "cancel",
    "check",
    "compare",
    "prepare",
    "preview",
    "save",
    "show_band",
    "show_ratio",
    "show_spectrum",
]


@contextmanager
def _telling() -> Iterator[None]:
    """Tell what the user can mend."""
    try:
        yield
    except CrimsonError as error:
        tell(error)


@_telling()
def show_spectrum(viewer: Viewer) -> None:
    """Open *Spectrum* on the selected layer: its spectra under the cursor."""
    from napari_crimson.plugin.spectrum.widget import SpectrumWidget

    layer = _selected(viewer)
    _choose(open_dock(viewer, SpectrumWidget, "Spectrum").controls.stack, layer, "stack")


@_telling()
def compare(viewer: Viewer) -> None:
    """Open *Compare removers* on the selected layer; a click in the image then compares them there."""
    from napari_crimson.plugin.compare.widget import CompareWidget

    layer = _selected(viewer)
    _choose(open_dock(viewer, CompareWidget, "Compare removers").controls.stack, layer, "measured stack")


@_telling()
def prepare(viewer: Viewer) -> None:
    """Open *Prepare* on the selected layer."""
    from napari_crimson.plugin.prepare.widget import PrepareWidget

    layer = _selected(viewer)
    _choose(open_dock(viewer, PrepareWidget, "Prepare").form.stack, layer, "measured stack")


@_telling()
def ask_for_axis(viewer: Viewer) -> None:
    """Ask for the wavenumber axis of the selected layer."""
    from napari_crimson.plugin.axis import dialog
    from napari_crimson.plugin.stack_layers import is_measured, needs_axis

    layer = _selected(viewer)
    if not (is_measured(layer) and needs_axis(layer)):
        raise CrimsonError(f"layer '{layer.name}' is no stack without an axis; select one that is")
    dialog.ask_for_axis(viewer, layer)


@_telling()
def ask_and_go_to(viewer: Viewer) -> None:
    """Ask for a Raman shift or a band, and bring the slider there."""
    from napari_crimson.plugin.go_to_dialog import GoToDialog
    from napari_crimson.plugin.shown import stacks_seen

    if next(stacks_seen(viewer), None) is None:
        raise CrimsonError("no stack with a wavenumber axis is shown; select one, or give the one selected its axis")
    GoToDialog(viewer, viewer.window.main_menu.window()).show()


@_telling()
def preview(viewer: Viewer) -> None:
    """Correct what the canvas shows of the selected layer, with the settings of *Remove background*."""
    from napari_crimson.plugin.remove.widget import RemoveWidget

    layer = _selected(viewer)
    widget = open_dock(viewer, RemoveWidget, "Remove background")
    widget.choose(layer.name)
    widget.preview()


@_telling()
def cancel(viewer: Viewer) -> None:
    """Stop the removal that is on; what it has done stays, and the next one in the queue begins."""
    from napari_crimson.plugin.remove.widget import RemoveWidget

    widget = docked(viewer, RemoveWidget)
    if widget is None or not widget.running:
        raise CrimsonError("no removal is running: open Remove background and press Run to begin one")
    widget.cancel()


@_telling()
def check(viewer: Viewer) -> None:
    """Show where the selected layer, a corrected stack, should not be trusted; the stack that it was made from must be there too."""
    from napari_crimson.plugin.check.widget import CheckWidget

    layer = _selected(viewer)
    widget = open_dock(viewer, CheckWidget, "Where not to trust")
    _choose(widget.answer, layer, "corrected stack")
    widget.run()


@_telling()
def analyse(viewer: Viewer) -> None:
    """Open *Analyse* on the selected layer."""
    _analyse(viewer)


@_telling()
def show_band(viewer: Viewer, band: str = "") -> None:
    """Make an image of a band of the selected layer; by default of the Raman shift that the slider is at."""
    from napari_crimson.plugin.analyse.pages import BandPage

    widget = _analyse(viewer)
    layer = widget.form.stack.layer
    _set(widget, BandPage, band=band or f"{layer.metadata[KEY]['wavenumber'][plane_shown(layer, viewer)]:.1f}")


@_telling()
def show_ratio(viewer: Viewer, above: str = "CH2", below: str = "CH3") -> None:
    """Make an image of the ratio of two bands of the selected layer."""
    from napari_crimson.plugin.analyse.pages import RatioPage

    _set(_analyse(viewer), RatioPage, above=above, below=below)


@_telling()
def save(viewer: Viewer, path: str | Path = "", *, suffixes: tuple[str, ...] = ()) -> None:
    """Save the selected layer with its axis and its record; asks where to if no path is given. The suffix decides the format.

    Where it asks, it offers all suffixes that can be written, or those that are given.

    Returns at once; a notification tells when it is done.
    """
    from napari_crimson.plugin.save_job import SaveJob, ask_path

    layer = _selected(viewer)
    if not isinstance(layer, Image):
        raise CrimsonError(f"layer '{layer.name}' is no image; select a stack")
    stack = stack_from_layer(layer)
    where = Path(path) if path else ask_path(viewer, layer.name, suffixes)
    if where is not None:
        SaveJob(stack, where, overwrite=not path).start()


def _analyse(viewer: Viewer) -> AnalyseWidget:
    from napari_crimson.plugin.analyse.widget import AnalyseWidget

    layer = _selected(viewer)
    widget = open_dock(viewer, AnalyseWidget, "Analyse")
    _choose(widget.form.stack, layer, "stack with a wavenumber axis")
    return widget


def _set(widget: AnalyseWidget, kind: type[Page], **bands: str) -> None:
    """Open a page, set its bands, and do it."""
    page = widget.form.open_page(kind)
    for name, band in bands.items():
        getattr(page, name).setCurrentText(band)
    widget.run()


def _selected(viewer: Viewer) -> Any:
    layer = layer_meant(viewer)
    if layer is None:
        raise CrimsonError("no layer is selected: click one in the layer list, or open a stack, such as File › Open Sample › CRIMSON")
    return layer


def _choose(box: LayerBox, layer: Any, wanted: str) -> None:
    box.layer = layer
    if box.layer != layer:  # the viewer of a command hands out proxies
        raise CrimsonError(f"layer '{layer.name}' is no {wanted}; select one that is")
