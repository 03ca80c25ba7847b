"""The preview of a removal: what the canvas shows of the stack, corrected at the settings as they are."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_crimson.plugin.layers import KEY
from napari_crimson.plugin.remove.job import RemovalJob
from napari_crimson.plugin.remove.live import LiveLayer
from napari_crimson.plugin.remove.request import Request
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.blocks import Region
    from napari_crimson.remove import Removal

__all__ = ["PreviewJob", "visible_region"]

MOST_PIXELS = 10_000


class PreviewJob(RemovalJob):
    """Removes the background of some pixels into the layer "<source> · <remover> (preview)".

    Parameters
    ----------
    viewer
        Where it is shown.
    request : Request
        For the whole stack.
    region : tuple of slice
        Of `visible_region`.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.
    """

    title = "preview_removal"

    def __init__(self, viewer: ViewerModel, request: Request, region: Region, *, listener: Callable[[Report], None] | None = None) -> None:
        super().__init__(viewer, request.of_region(region), listener=listener)
        self._region = region

    def _plan(self) -> Removal:
        return self.request.plan(progress=self._heed_step)

    def _layer_of(self, removal: Removal, data: Any) -> LiveLayer:
        return _PreviewLayer(self._viewer, self.request.source, removal, data, self._region)


class _PreviewLayer(LiveLayer):
    """One layer for a source, which each preview puts its result into."""

    def __init__(self, viewer: ViewerModel, source: Image, removal: Removal, data: Any, region: Region) -> None:
        self._region = region
        super().__init__(viewer, source, removal, data)

    def finish(self, *, complete: bool) -> None:
        """Show the end; a preview that was stopped is a smaller one, and none if nothing had been shown of it."""
        if self.layer not in self._viewer.layers:
            return
        if complete or self.shown:
            self.layer.refresh()
        else:
            self._viewer.layers.remove(self.layer)

    def _earlier(self) -> Image | None:
        mine = str(self._source.unique_id)
        return next((layer for layer in self._viewer.layers if layer.metadata.get(KEY, {}).get("preview_of") == mine), None)

    def _take_up(self, layer: Image, data: Any) -> Image:
        same = layer.name == self._name()
        place = self._placement()
        layer.data = data
        layer.scale, layer.translate, layer.units = place["scale"], place["translate"], place["units"]
        layer.name, layer.metadata = self._name(), {**layer.metadata, KEY: self._record("partial")}
        if same:
            self._limits = layer.contrast_limits
        else:
            layer.contrast_limits = self._limits
        return layer

    def _name(self) -> str:
        return f"{super()._name()} (preview)"

    def _placement(self) -> dict[str, Any]:
        place = super()._placement()
        starts = np.array([part.start for part in self._region])
        place["translate"] = place["translate"] + np.array([0.0, *(place["scale"][1:] * starts)])
        return place

    def _record(self, status: str) -> dict[str, Any]:
        return {**super()._record(status), "preview_of": str(self._source.unique_id)}


def visible_region(layer: Image, viewer: ViewerModel) -> Region:
    """What the canvas shows of a stack, ([t,] [z,] y, x); of more than 10,000 pixels the middle.

    Where the layer is shown in three dimensions, or not at all, it counts as wholly visible.
    """
    first = viewer.dims.ndim - layer.ndim
    displayed = [axis - first for axis in viewer.dims.displayed if axis > first]  # the first of ours is the wavenumber
    point = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    flat = viewer.dims.ndisplay == 2
    region = []
    for axis in range(1, layer.ndim):
        size = layer.data.shape[axis]
        low, high = floor(layer.corner_pixels[0, axis]), ceil(layer.corner_pixels[1, axis]) + 1
        if axis not in displayed:
            low = min(max(round(float(point[axis])), 0), size - 1)
            high = low + 1
        elif not flat or min(high, size) <= max(low, 0):
            low, high = 0, size
        region.append(slice(max(low, 0), min(high, size)))
    return _middle(tuple(region))


def _middle(region: Region) -> Region:
    """The middle of a region with no more pixels than a preview may have, square where it can be."""
    sizes = [part.stop - part.start for part in region]
    left = float(MOST_PIXELS)
    for count, axis in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        sizes[axis] = min(sizes[axis], floor(left ** (1 / (len(sizes) - count))))
        left /= sizes[axis]
    starts = [part.start + (part.stop - part.start - size) // 2 for part, size in zip(region, sizes, strict=True)]
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
