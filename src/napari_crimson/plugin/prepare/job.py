"""The preparation of a stack off the main thread, as a new layer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.memory import memory_room
from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.layers import layer_data
from napari_crimson.plugin.placement import placement
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.pipeline import Pipeline
    from napari_crimson.stream import Progress

__all__ = ["PrepareJob"]


class PrepareJob(BackgroundJob):
    """Runs the steps of a recipe and adds the prepared stack as a layer, "<source> · prepared".

    A slider over lazy steps would do them again at each band, so the stack is computed into memory, as
    far as it fits; a larger one stays lazy.

    Parameters
    ----------
    viewer, source
        Where the result is shown, and the layer it is of.
    stack : xarray.Dataset
        The stack that `source` shows.
    pipeline : Pipeline
        Its steps are done; its remover waits.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.
    """

    title = "prepare_stack"

    def __init__(
        self,
        viewer: ViewerModel,
        source: Image,
        stack: xr.Dataset,
        pipeline: Pipeline,
        *,
        listener: Callable[[Report], None] | None = None,
    ) -> None:
        super().__init__(listener=listener)
        self._viewer, self._source, self._stack, self._pipeline = viewer, source, stack, pipeline
        self._layer: tuple[Any, dict[str, Any]] | None = None

    def _work(self) -> Generator[Any, None, None]:
        stack = self._pipeline.prepare(self._stack, progress=self._heed_step)
        if stack["cars"].nbytes <= memory_room():
            values = np.empty(stack["cars"].shape, stack["cars"].dtype)
            yield from self._fill(values, stack)
            if self._stop.is_set():
                return
            stack = stack.copy()
            stack["cars"] = stack["cars"].copy(data=values)
        data, attributes, _ = layer_data(stack, "cars", name=f"{self._source.name} · prepared")
        if self._stop.is_set():
            return
        self._layer = data, attributes | placement(self._source, stack["wavenumber"].values)
        self._complete = True

    def _fill(self, values: NDArray[Any], stack: xr.Dataset) -> Generator[Any, None, None]:
        """Compute the intensities into `values`, block by block."""
        from napari_crimson.blocks import plan_blocks
        from napari_crimson.errors import DamagedError
        from napari_crimson.results.sinks import MemorySink
        from napari_crimson.stream import stream

        lazy, sink = stack["cars"].data, MemorySink(values.shape, [])
        sink.arrays["cars"] = values  # of the type it has: saturated counts are told by it
        with closing(stream(lazy, lambda spectra: {"cars": spectra}, sink, plan_blocks(lazy.shape, lazy.chunks))) as blocks:
            for progress in blocks:
                self._progress = progress
                if progress.damaged_blocks:  # integers have no NaN to leave a hole by
                    raise DamagedError(next(iter(sink.damaged().values())))
                if self._stop.is_set():
                    return
                yield progress

    def _show(self, news: Progress) -> None:
        self._report("running")

    def _end(self) -> None:
        if self._layer:
            data, attributes = self._layer
            self._viewer.add_image(data, **attributes)
