"""A result layer that fills in while the work goes on.

The layer shows the sink itself, the array in memory or the zarr on disk with the planes around the one that is looked at kept in
memory: a dask array over it would keep planes it has read before they were written. All but `sample_block` and
`take_note` belongs to the main thread.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.bands_front import PlanesOnDisk
from napari_crimson.plugin.contrast import limits
from napari_crimson.plugin.layers import KEY, PARTIAL, bands_front, metadata_from_stack, plane_shown
from napari_crimson.plugin.placement import placement
from napari_crimson.plugin.preferences import preferences
from napari_crimson.plugin.readout import show_wavenumber

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.blocks import Region
    from napari_crimson.remove import Removal
    from napari_crimson.results.sinks import MemorySink

__all__ = ["LiveLayer", "growing_data", "sample_block", "stopped_sinks", "take_note"]

_SAMPLE_PIXELS = 64  # of a block, looked at for the contrast
_SAMPLE_BLOCKS = 64
_MARK = re.compile(re.escape(PARTIAL) + r"(?: \[\d+\])?$")  # with the number that napari gives to a name there is already
_SEEN = 0.02  # of the contrast; a smaller change would only have the window painted once more


_stopped: WeakKeyDictionary[Image, MemorySink | Path] = WeakKeyDictionary()  # of runs that can be taken up, by their layer


class LiveLayer:
    """The layer of a running removal; that which an earlier run of the same job has left is taken up.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets the new layer.
    source : napari.layers.Image
        Lends scale, translate, units and axis labels (see `placement`).
    removal : Removal
        The planned work.
    data : array
        What is shown: its `growing_data`.
    """

    def __init__(self, viewer: ViewerModel, source: Image, removal: Removal, data: Any) -> None:
        self._viewer, self._source = viewer, source
        self._removal = removal
        self._samples: list[NDArray[np.float32]] = []
        self._limits = (0.0, 1.0)
        show_wavenumber(viewer)
        earlier = self._earlier()
        self.layer: Image = self._add(data) if earlier is None else self._take_up(earlier, data)

    @property
    def shown(self) -> bool:
        """Whether anything of the result has been shown."""
        return bool(self._samples)

    @property
    def folder(self) -> Path | None:
        """Where the result is on the disk; None of one in memory."""
        place = _place(self._removal)
        return place if isinstance(place, Path) else None

    def show(self, sample: NDArray[np.float32]) -> None:
        """Show what has been written since; a sample of it (W, n) sets the contrast, unless the user has."""
        if len(self._samples) < _SAMPLE_BLOCKS:
            self._samples.append(sample)
            plane = plane_shown(self.layer, self._viewer)  # edges without light may hold anything; the user looks at this one
            self._stretch(limits(np.concatenate([values[plane] for values in self._samples])))
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def finish(self, *, complete: bool) -> None:
        """Show the end: the whole result, or what there is of it, marked as a part."""
        if self.layer not in self._viewer.layers:
            return
        _stopped.pop(_itself(self.layer), None)
        name = _MARK.sub("", self.layer.name)
        if complete:
            if not isinstance(self._removal.sink.arrays["raman"], np.ndarray):
                self.layer.data = bands_front(self._removal.dataset["raman"].data)
            self.layer.metadata = {**self.layer.metadata, KEY: self._record("complete")}
            self.layer.name = name
        else:
            if isinstance(self.layer.data, _Growing):  # a block may have been written as the run was stopped
                self.layer.data.planes.forget()
            self.layer.name = name + PARTIAL
            _stopped[_itself(self.layer)] = _place(self._removal)
        self.layer.refresh()

    def _earlier(self) -> Image | None:
        """The layer that a run of the same job has left, if it is there."""
        place = _place(self._removal)
        return next((layer for layer, stopped in _stopped.items() if stopped == place and layer in self._viewer.layers), None)

    def _add(self, data: Any) -> Image:
        return self._viewer.add_image(
            data,
            name=self._name(),
            **self._placement(),
            contrast_limits=self._limits,
            colormap=preferences().colormap("raman"),
            rgb=False,
            metadata={KEY: self._record("partial")},
        )

    def _take_up(self, layer: Image, data: Any) -> Image:
        """Show the data in a layer there is, which keeps its looks."""
        layer.data = data
        self._limits = layer.contrast_limits
        return layer

    def _name(self) -> str:
        return f"{self._source.name} · {self._removal.remover.name}"

    def _placement(self) -> dict[str, Any]:
        return placement(self._source, self._removal.dataset["wavenumber"].values)

    def _record(self, status: str) -> dict[str, Any]:
        record = metadata_from_stack(self._removal.dataset, "raman")
        record["provenance"]["status"] = status
        return record

    def _stretch(self, found: tuple[float, float]) -> None:
        seen = _SEEN * (self._limits[1] - self._limits[0])
        if np.allclose(self.layer.contrast_limits, self._limits) and not np.allclose(found, self._limits, rtol=0, atol=seen):
            self.layer.contrast_limits = found
            self._limits = found


def stopped_sinks(viewer: ViewerModel) -> list[MemorySink]:
    """The sinks in memory behind partial layers of a viewer."""
    return [place for layer, place in _stopped.items() if not isinstance(place, Path) and layer in viewer.layers]


def _itself(layer: Image) -> Image:
    """The layer behind the proxy that napari hands to widgets, which lives no longer than it is held."""
    real: Image = getattr(layer, "__wrapped__", layer)
    return real


def _place(removal: Removal) -> MemorySink | Path:
    """Where results are: the same for the same job."""
    sink: Any = removal.sink
    place: MemorySink | Path = getattr(sink, "path", sink)
    return place


def growing_data(removal: Removal) -> Any:
    """Give the sink's array in a layer's order (wavenumber, [t,] [z,] y, x); what is written later shows in it."""
    array = removal.sink.arrays["raman"]
    if isinstance(array, np.ndarray):
        return bands_front(array)
    return _Growing(array, time_first="t" in removal.dataset["cars"].dims)


def take_note(data: Any, region: Region) -> None:
    """Have `growing_data` show a block that has been written; for the thread that wrote it."""
    if isinstance(data, _Growing):
        data.planes.renew(region)


def sample_block(data: Any, region: Region) -> NDArray[np.float32]:
    """Read some spectra (W, n) of the middle row of a block from `growing_data`; for the worker's thread."""
    *lead, rows, columns = region
    every = max(1, (columns.stop - columns.start) // _SAMPLE_PIXELS)
    index = (*(part.start for part in lead), (rows.start + rows.stop) // 2, slice(columns.start, columns.stop, every))
    return np.asarray(data[(slice(None), *index)])


class _Growing(PlanesOnDisk):
    """A result on disk while it is being written, ([t,] W, [z,] y, x) there, seen as (W, [t,] [z,] y, x)."""

    def __init__(self, array: Any, *, time_first: bool) -> None:
        self._array, self._time_first = array, time_first
        stored = tuple(array.shape)
        super().__init__((stored[1], stored[0], *stored[2:]) if time_first else stored, array.dtype)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        if not self._time_first:
            return np.asarray(self._array[key])
        band, time, *rest = key
        values = np.asarray(self._array[(time, band, *rest)])
        return values.swapaxes(0, 1) if isinstance(band, slice) and isinstance(time, slice) else values
