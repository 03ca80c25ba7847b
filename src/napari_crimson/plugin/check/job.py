"""The physics check off the main thread, as a new layer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    import xarray as xr
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["CheckJob"]

_BRIGHT = 4.0  # distrust at the bright end of the colours; black up to 1


class CheckJob(BackgroundJob):
    """Runs `run_check` and adds its image as a layer, "<answer> · distrust".

    Parameters
    ----------
    viewer, answer
        Where the image is shown, and the layer that is checked.
    both : xarray.Dataset
        With `cars` and `raman`.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.

    Attributes
    ----------
    found : xarray.Dataset
        What the check gave, once complete.
    """

    title = "check_physics"

    def __init__(self, viewer: ViewerModel, answer: Image, both: xr.Dataset, *, listener: Callable[[Report], None] | None = None) -> None:
        super().__init__(listener=listener)
        self._viewer, self._answer, self._both = viewer, answer, both
        self.found: xr.Dataset | None = None

    def _work(self) -> Generator[Any, None, None]:
        from napari_crimson.resynthesis import run_check

        self._heed("a sample of the pixels", 0.0)
        self.found = run_check(self._both, progress=partial(self._heed, "the check"))
        self._complete = not self._stop.is_set()
        yield None

    def _end(self) -> None:
        if not self._complete or self.found is None:
            return
        layer = self._answer
        self._viewer.add_image(
            self.found["distrust"].values,
            name=f"{layer.name} · distrust",
            colormap="inferno",
            contrast_limits=(1.0, _BRIGHT),
            scale=layer.scale[1:],
            translate=layer.translate[1:],
            units=tuple(map(str, layer.units[1:])),
            axis_labels=layer.axis_labels[1:],
            rgb=False,
            metadata={"crimson_check": dict(self.found.attrs)},
        )
