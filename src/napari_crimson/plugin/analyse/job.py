"""One piece of the analysis off the main thread, its result as new layers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_crimson.plugin.analyse.tasks import NewImage, NewStack, Outcome, Task
from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.contrast import limits
from napari_crimson.plugin.layers import layer_data
from napari_crimson.plugin.placement import placement
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel

__all__ = ["AnalyseJob"]


class AnalyseJob(BackgroundJob):
    """Runs a task and adds its layers above the others; where they add up in colours, the images below are hidden.

    Parameters
    ----------
    viewer, source
        Where the result is shown, and the layer it is of.
    stack : xarray.Dataset
        The stack that `source` shows.
    task : Task
        What is to be done.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.

    Attributes
    ----------
    outcome : Outcome, optional
        What came of it, once it is complete.
    """

    title = "analyse_stack"

    def __init__(
        self, viewer: ViewerModel, source: Image, stack: xr.Dataset, task: Task, *, listener: Callable[[Report], None] | None = None
    ) -> None:
        super().__init__(listener=listener)
        self.outcome: Outcome | None = None
        self._viewer, self._source, self._stack, self._task = viewer, source, stack, task
        self._layers: list[tuple[Any, dict[str, Any]]] = []

    def _work(self) -> Generator[Any, None, None]:
        outcome = self._task.run(self._stack, self._heed)
        self._layers = [self._layer(new) for new in outcome.layers]
        self.outcome = outcome
        self._complete = True
        return
        yield  # a generator, as the others are

    def _end(self) -> None:
        if self.outcome is None:
            return
        if any(isinstance(new, NewImage) and new.colour for new in self.outcome.layers):
            for layer in self._viewer.layers:
                layer.visible = layer.visible and not isinstance(layer, Image)
        for data, attributes in self._layers:
            self._viewer.add_image(data, **attributes)

    def _layer(self, new: NewImage | NewStack) -> tuple[Any, dict[str, Any]]:
        """Data and attributes of a layer."""
        name = f"{self._source.name} · {new.title}"
        if isinstance(new, NewStack):
            variable = str(next(iter(new.stack.data_vars)))
            data, attributes, _ = layer_data(new.stack, variable, name=name)
            return data, attributes | placement(self._source, new.stack["wavenumber"].values)
        attributes = {
            "name": name,
            "scale": self._source.scale[1:],
            "translate": self._source.translate[1:],
            "units": tuple(map(str, self._source.units[1:])),
            "axis_labels": self._source.axis_labels[1:],
            "rgb": new.rgb,
            "metadata": {"crimson_history": new.history},
        }
        if not new.rgb:
            low, high = limits(new.data)
            attributes["contrast_limits"] = (0.0, max(high, 1e-6)) if new.from_zero else (low, high)
        if new.colour:
            attributes |= {"colormap": _to_colour(new.colour), "blending": "additive"}
        return new.data, attributes


def _to_colour(colour: str) -> Any:
    """A colormap from black to a colour."""
    from napari.utils import Colormap

    rgb = np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8) / 255
    return Colormap([[0, 0, 0, 1], [*rgb, 1]], name=colour)
