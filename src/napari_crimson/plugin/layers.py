"""A stack as napari layers, and back: the one place that turns the wavenumber axis to the front.

A layer of ours has axes (wavenumber, [t,] [z,] y, x). napari knows only evenly spaced axes, so the true
wavenumber axis travels in ``layer.metadata["crimson"]``, with everything else that makes a stack of it
again; scale and translate show it where it is even.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.bands_front import BandsFront
from napari_crimson.plugin.contrast import contrast
from napari_crimson.plugin.preferences import preferences
from napari_crimson.printable import printable
from napari_crimson.stack import check_axis, make_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = [
    "BAND_OF",
    "KEY",
    "PARTIAL",
    "axis_falls",
    "axis_of_layer",
    "bands_front",
    "even_step",
    "give_axis",
    "layer_data",
    "layer_data_from_stack",
    "metadata_from_stack",
    "plane_shown",
    "spectrum_from_layer",
    "stack_from_layer",
    "stack_from_layer_data",
]

KEY = "crimson"
BAND_OF = "band of"  # in what a layer carries: that it stands for this stack (`unique_id`), which is hidden meanwhile
PARTIAL = " (partial)"  # at the end of the name of a result that was stopped
LayerData = tuple[Any, dict[str, Any], str]

IMAGES = ("cars", "raman", "uncertainty")
SPECTRA = ("dark", "reference")
_TITLES = {"cars": "", "raman": " · raman", "uncertainty": " · uncertainty"}
_EVEN = 0.1  # of a step: how far a point may lie from an evenly spaced axis that stands in for it


def layer_data_from_stack(stack: xr.Dataset, *, name: str | None = None) -> list[LayerData]:
    """Make layers, one for each image of a stack, without reading it beyond a few rows.

    Parameters
    ----------
    stack : xarray.Dataset
        With at least one of ``cars``, ``raman``, ``uncertainty``.
    name : str, optional
        Name of the first layer; by default that of the source.

    Returns
    -------
    list of (data, attributes, "image")
        Data lazy, a band read when it is shown, axes (wavenumber, [t,] [z,] y, x).
    """
    images = [variable for variable in IMAGES if variable in stack]
    if not images:
        raise CrimsonError(f"the dataset has variables {list(stack)}, expected at least one of {', '.join(IMAGES)}")
    base = printable(name or Path(str(stack.attrs.get("source", ""))).stem or "CARS")
    base += PARTIAL if stack.attrs.get("status") == "partial" else ""
    return [layer_data(stack, variable, name=base if variable == images[0] else base + _TITLES[variable]) for variable in images]


def layer_data(stack: xr.Dataset, variable: str, *, name: str) -> LayerData:
    """Make the layer of one image of a stack."""
    cars = stack[variable]
    axis = cars["wavenumber"].values
    even = even_step(axis)
    dims = ("wavenumber", *cars.dims[:-1])
    steps = {dim: float(cars[dim][1] - cars[dim][0]) for dim in dims[1:] if dim in cars.coords and cars.sizes[dim] > 1}
    attributes = {
        "name": name,
        "axis_labels": dims,
        "units": ("1/cm" if even else "pixel", *("um" if dim in steps else "pixel" for dim in dims[1:])),
        "scale": (even or 1.0, *(steps.get(dim, 1.0) for dim in dims[1:])),
        "translate": (float(axis[0]) if even else 0.0, *(0.0 for _ in dims[1:])),
        "contrast_limits": contrast(cars.data),
        "colormap": preferences().colormap(variable),
        "rgb": False,  # a last axis of 3 or 4 pixels is no colour
        "metadata": {KEY: metadata_from_stack(stack, variable)},
    }
    return bands_front(cars.data), attributes, "image"


def metadata_from_stack(stack: xr.Dataset, variable: str) -> dict[str, Any]:
    """Gather what a layer must carry to become a stack again: the true axis, its spectra, where it is from."""
    record = {**stack.attrs, **stack[variable].attrs}
    return {
        "variable": variable,
        "wavenumber": stack["wavenumber"].values.copy(),
        **{name: stack[name].values.copy() for name in SPECTRA if name in stack},
        "source": str(record.pop("source", "")),
        "history": list(record.pop("history", ())),
        "provenance": record,
    }


def give_axis(layer: Image, wavenumber: ArrayLike) -> None:
    """Give a layer its axis: Raman shift (W,) in cm⁻¹ of the first axis of its data.

    One that we opened is placed on it, as it would be had its file told; one of another reader stays where it is, since
    other layers may lie on it.

    Raises
    ------
    CrimsonError
        If the axis is of another length, not finite, or turns.
    """
    axis = np.asarray(wavenumber, dtype=np.float64)
    check_axis(axis, layer.data.shape[0], source=f"layer '{layer.name}'")
    ours = layer.metadata.get(KEY, {})
    if "source" in ours:
        even = even_step(axis)
        layer.units = ("1/cm" if even else "pixel", *layer.units[1:])
        layer.scale = (even or 1.0, *layer.scale[1:])
        layer.translate = (float(axis[0]) if even else 0.0, *layer.translate[1:])
    layer.metadata = {**layer.metadata, KEY: {"variable": "cars", **ours, "wavenumber": axis, "given": True}}


def axis_of_layer(layer: Image) -> NDArray[np.float64] | None:
    """Raman shift (W,) in cm⁻¹ of the planes of a layer, or None where it does not say."""
    axis: NDArray[np.float64] | None = layer.metadata.get(KEY, {}).get("wavenumber")
    return axis


def axis_falls(layer: Image) -> bool:
    """Tell whether the planes of a layer go down in wavenumber, as a given axis may."""
    axis = axis_of_layer(layer)
    return axis is not None and bool(axis[0] > axis[-1])


def plane_shown(layer: Image, viewer: ViewerModel) -> int:
    """Index of the plane of a layer that the viewer's slider is at, or of the nearest."""
    plane = round(float(layer.world_to_data(viewer.dims.point[-layer.ndim :])[0]))
    last: int = layer.data.shape[0] - 1
    return min(max(plane, 0), last)


def stack_from_layer(layer: Image) -> xr.Dataset:
    """Make a stack of an image layer with axes (wavenumber, [t,] [z,] y, x), ours or one with `give_axis`.

    Raises
    ------
    CrimsonError
        If the layer is no stack, or does not say its wavenumbers.
    """
    if layer.rgb:
        raise CrimsonError(f"layer '{layer.name}' is a colour image; choose a stack with a wavenumber axis in front")
    data = layer.data[0] if layer.multiscale else layer.data
    attributes = {"name": layer.name, "scale": tuple(layer.scale), "units": layer.units, "metadata": layer.metadata}
    return stack_from_layer_data(data, attributes)


def stack_from_layer_data(data: Any, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Make a stack of a layer's data and attributes, as napari hands them to a writer; see `stack_from_layer`."""
    name = str(attributes.get("name", "layer"))
    ours = dict(attributes.get("metadata", {}).get(KEY, {}))
    axis = ours.get("wavenumber")
    shape = tuple(data.shape)
    if len(shape) < 3:
        raise CrimsonError(f"layer '{name}' has shape {shape}; a stack has at least three axes (wavenumber, y, x)")
    if axis is None:
        raise CrimsonError(
            f"layer '{name}' does not say its wavenumbers; give those of the first and last of its {shape[0]} planes, or a file"
        )
    if len(axis) != shape[0]:
        raise CrimsonError(
            f"layer '{name}' has {shape[0]} planes but {len(axis)} wavenumbers: it was cut after it was opened; open it again"
        )
    stack = make_stack(
        _bands_last(data),
        axis,
        **({spectrum: ours[spectrum] for spectrum in SPECTRA if spectrum in ours}),
        step_um=_steps_um(attributes, len(shape)),
        source=str(ours.get("source") or name),
        history=ours.get("history", ()),
    )
    stack.attrs |= ours.get("provenance", {})
    variable = ours.get("variable", "cars")
    return stack if variable == "cars" else stack.rename(cars=variable)


def spectrum_from_layer(layer: Image, stack: xr.Dataset) -> xr.DataArray:
    """Average a layer over all its pixels to one spectrum, lazily, to serve `stack` as reference or dark.

    Returns
    -------
    xarray.DataArray, shape (W,)
        On the layer's own wavenumber axis, or on that of `stack` where it has none.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    axis = axis_of_layer(layer)
    axis = stack["wavenumber"].values if axis is None else axis
    if len(axis) != data.shape[0]:
        raise CrimsonError(
            f"layer '{layer.name}' has {data.shape[0]} planes for {len(axis)} wavenumbers; choose one on the axis of the stack"
        )
    mean = _lazy(data).astype(np.float64).mean(axis=tuple(range(1, data.ndim)))
    return xr.DataArray(mean, {"wavenumber": np.asarray(axis)}, ("wavenumber",))


def bands_front(spectra_last: Any) -> Any:
    """Turn an array ([t,] [z,] y, x, wavenumber) to (wavenumber, [t,] [z,] y, x); a view, or lazy."""
    if isinstance(spectra_last, da.Array):
        return BandsFront(spectra_last)
    return spectra_last.transpose((spectra_last.ndim - 1, *range(spectra_last.ndim - 1)))


def _bands_last(data: Any) -> Any:
    """Turn a layer's data to spectra last; anything that is not NumPy stays lazy."""
    if isinstance(data, BandsFront):
        return data.spectra_last
    lazy = _lazy(data)
    return lazy.transpose((*range(1, lazy.ndim), 0))


def _lazy(data: Any) -> Any:
    """Give NumPy and dask as they are, and anything else, such as zarr, as dask."""
    if isinstance(data, BandsFront):
        return da.moveaxis(data.spectra_last, -1, 0)
    return data if isinstance(data, np.ndarray | da.Array) else da.from_array(data, chunks=getattr(data, "chunks", "auto"), name=False)  # type: ignore[no-untyped-call]


def even_step(axis: NDArray[np.float64]) -> float | None:
    """Mean step of an axis (W,) that is even within tolerance, else None."""
    if axis.size < 2:
        return None
    line = np.linspace(axis[0], axis[-1], axis.size)
    step = float(line[1] - line[0])
    return step if np.abs(axis - line).max() <= _EVEN * abs(step) else None


def _steps_um(attributes: Mapping[str, Any], ndim: int) -> dict[str, float]:
    """Pixel steps in µm from a layer's scale, for the axes whose unit is a length."""
    scale, units = attributes.get("scale"), attributes.get("units")
    if scale is None or units is None:
        return {}
    from pint import application_registry

    found = {}
    for dim, step, unit in zip(("z", "y", "x")[-(ndim - 1) :], scale[-3:][-(ndim - 1) :], units[-3:][-(ndim - 1) :], strict=True):
        quantity = application_registry.Unit(str(unit))
        if quantity.is_compatible_with("um"):
            found[dim] = abs(float(step)) * float((1 * quantity).to("um").magnitude)
    return found
