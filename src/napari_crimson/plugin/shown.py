"""Which stack the slider is read for, where on its axis it is, and how it is brought elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_crimson.analysis.band_names import Band, BandLike, band_of, bands_at
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.layers import BAND_OF, KEY, axis_of_layer
from napari_crimson.plugin.stack_layers import is_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["band_on_axis", "go_to", "layer_meant", "plane_text", "show_plane", "stacks_seen"]


def layer_meant(viewer: ViewerModel) -> Layer | None:
    """The layer that a command is about: the selected one or, where that is hidden and no stack, the topmost that is seen.

    Of a sample that has just been opened, napari has selected a hidden map.
    """
    active = viewer.layers.selection.active
    if active is None or active.visible or is_stack(active):
        return active
    return next((layer for layer in reversed(viewer.layers) if layer.visible), active)


def stacks_seen(viewer: ViewerModel) -> Iterator[Image]:
    """Layers with a wavenumber axis that are visible, or whose band image is: the selected one first, then from the top.

    None where a stack without an axis is selected: what the slider means for that one, nobody has said.
    """
    active = viewer.layers.selection.active
    chosen = active if is_stack(active) else None
    if chosen is not None and axis_of_layer(chosen) is None:
        return
    instead = {layer.metadata.get(KEY, {}).get(BAND_OF) for layer in viewer.layers if layer.visible}
    for layer in (*([chosen] if chosen is not None else []), *reversed(viewer.layers)):
        axis = axis_of_layer(layer) if is_stack(layer) else None
        if axis is not None and len(axis) == layer.data.shape[0] and (layer.visible or layer.unique_id in instead):
            yield layer


def plane_text(axis: NDArray[np.float64], plane: int) -> str:
    """Say where on an axis (W,) a plane lies: Raman shift, the bands it lies in, and the plane as the slider counts."""
    at = float(axis[plane])
    reach = float(np.abs(np.gradient(axis)[plane])) / 2 if axis.size > 1 else 0.0
    names = " · ".join(band.name for band in bands_at(at, reach_cm1=reach))
    return f"{at:.1f} cm⁻¹{' · ' if names else ''}{names} (plane {plane} of {axis.size})"


def show_plane(viewer: ViewerModel, layer: Image, plane: int) -> None:
    """Bring the slider to a plane of a layer."""
    world = layer.data_to_world((plane, *(0,) * (layer.ndim - 1)))[0]
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim, float(world))


def band_on_axis(band: BandLike, axis: NDArray[np.float64]) -> Band:
    """Take a band's name, a number or both edges as a band of an axis (W,).

    Raises
    ------
    CrimsonError
        If it is none of these, or its centre lies outside of the axis.
    """
    found, first, last = band_of(band), float(axis.min()), float(axis.max())
    if not first <= found.centre_cm1 <= last:
        raise CrimsonError(f"{found.centre_cm1:g} cm⁻¹ lies outside of this stack; type a Raman shift from {first:.0f} to {last:.0f}")
    return found


def go_to(viewer: ViewerModel, band: BandLike, *, layer: Image | None = None) -> float:
    """Bring the slider to the plane nearest to a Raman shift or to the centre of a band; needs no window.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose slider moves.
    band : str, float or (float, float)
        A Raman shift in cm⁻¹, a name such as "amide I" or "CH2", or both edges of a band.
    layer : napari.layers.Image, optional
        The stack whose axis is meant; by default the selected one, or the topmost that is visible and has an axis.

    Returns
    -------
    float
        Raman shift of that plane in cm⁻¹.

    Raises
    ------
    CrimsonError
        If no stack with an axis is there, there is no such band, or it lies outside of the axis.
    """
    layer = next(stacks_seen(viewer), None) if layer is None else layer
    axis = None if layer is None else axis_of_layer(layer)
    if layer is None or axis is None:
        raise CrimsonError("no stack with a wavenumber axis is shown; select one, or give the one selected its axis")
    plane = int(np.abs(axis - band_on_axis(band, axis).centre_cm1).argmin())
    show_plane(viewer, layer, plane)
    return float(axis[plane])
