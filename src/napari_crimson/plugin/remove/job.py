"""One run of a removal off the main thread, with its layer filling in."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.plugin.background import BackgroundJob, tell
from napari_crimson.plugin.remove.live import LiveLayer, growing_data, sample_block, take_note
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.pipeline import Pipeline
    from napari_crimson.remove import Removal

__all__ = ["RemovalJob", "tell"]

_SHOW_EVERY_S = 0.1


class RemovalJob(BackgroundJob):
    """Runs ``plan_removal`` and its loop in a thread.

    Parameters
    ----------
    viewer, source
        Where the result is shown, and the layer it is of.
    stack : xarray.Dataset
        The stack that `source` shows.
    options : mapping
        Keyword arguments of ``plan_removal``.
    recipe : Pipeline, optional
        Steps that go ahead, and the removal; where it is given, only output, device and spectra of the options count.
    listener : callable, optional
        Called with each `Report`; set it to None to be left alone.
    """

    title = "remove_background"

    def __init__(
        self,
        viewer: ViewerModel,
        source: Image,
        stack: xr.Dataset,
        options: Mapping[str, Any],
        *,
        recipe: Pipeline | None = None,
        listener: Callable[[Report], None] | None = None,
    ) -> None:
        super().__init__(listener=listener)
        self.live: LiveLayer | None = None
        self._viewer, self._source, self._stack, self._options = viewer, source, stack, dict(options)
        self._recipe = recipe

    def start(self) -> None:
        """Begin; returns at once."""
        self._viewer.layers.events.removed.connect(self._layer_removed)
        super().start()

    def _work(self) -> Generator[Any, None, None]:
        """Plan and run."""
        removal = self._plan()
        with closing(removal.sink):
            if self._stop.is_set():
                return
            data = growing_data(removal)
            yield removal, data
            yield from self._blocks(removal, data)

    def _plan(self) -> Removal:
        if self._recipe is None:
            from napari_crimson.remove import plan_removal

            return plan_removal(self._stack, **self._options)
        layers = {name: self._options[name] for name in ("reference", "dark") if isinstance(self._options[name], xr.DataArray)}
        files = self._recipe.with_changes(**dict.fromkeys(layers, "none")).read_spectra(self._stack["wavenumber"].values)
        return self._recipe.plan(
            self._stack,
            output=self._options["output"],
            device=self._options["device"],
            spectra={**files, **layers},
            progress=self._heed_step,
        )

    def _blocks(self, removal: Removal, data: Any) -> Generator[Any, None, None]:
        """Run to the end or until told to stop, yielding at most ten times a second."""
        shown = 0.0
        with closing(removal.run()) as blocks:
            for progress in blocks:
                self._progress = progress
                take_note(data, progress.region)
                if self._stop.is_set():
                    return
                if time.monotonic() - shown >= _SHOW_EVERY_S or progress.blocks_done == progress.blocks:
                    shown = time.monotonic()
                    yield sample_block(data, progress.region)
        self._complete = True

    def _show(self, news: tuple[Removal, Any] | NDArray[np.float32]) -> None:
        """First the plan and what to show of it, then samples of what is done."""
        if isinstance(news, tuple):
            self.live = LiveLayer(self._viewer, self._source, *news)
        elif self.live:
            self.live.show(news)
            self._report("running")

    def _end(self) -> None:
        """Mark the layer."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        if self.live:
            self.live.finish(complete=self._complete)

    def _layer_removed(self, event: Any) -> None:
        if self.live and event.value == self.live.layer:
            self.cancel()
