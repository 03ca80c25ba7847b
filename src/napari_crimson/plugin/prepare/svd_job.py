"""The decomposition of a stack off the main thread, for the dialog that shows it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.array.core import slices_from_chunks
from numpy.typing import NDArray

from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    import xarray as xr

    from napari_crimson.pipeline import Pipeline
    from napari_crimson.prepare import Decomposition, SVDSettings

__all__ = ["Parts", "SVDJob"]

MAPS = 40  # components to look at: 40 MB for a megapixel of each four bytes wide


@dataclass(frozen=True, eq=False)
class Parts:
    """A decomposition, and spatial maps (Y, X, K) of its leading components in one plane; those still to come are NaN."""

    decomposition: Decomposition
    maps: NDArray[np.float32]


class SVDJob(BackgroundJob):
    """Prepares a stack, decomposes it and maps its leading components; yields `Parts` to `taker` as they come.

    Parameters
    ----------
    stack : xarray.Dataset
    before : Pipeline
        The steps ahead of this one.
    settings : SVDSettings
    plane : mapping
        Index of the plane to map along ``t`` and ``z``, where the stack has them.
    taker : callable
        Takes the `Parts` on the main thread.
    """

    title = "decompose"

    def __init__(
        self,
        stack: xr.Dataset,
        before: Pipeline,
        settings: SVDSettings,
        plane: Mapping[str, int],
        taker: Callable[[Parts], None],
        *,
        listener: Callable[[Report], None] | None = None,
    ) -> None:
        super().__init__(listener=listener)
        self._stack, self._before, self._settings, self._plane, self.taker = stack, before, settings, plane, taker

    def _work(self) -> Generator[Any, None, None]:
        from napari_crimson.prepare import decompose

        stack = self._before.prepare(self._stack, progress=self._heed_step)
        found = decompose(stack, self._settings, progress=partial(self._heed, "decomposition"))
        lazy = found.maps(min(MAPS, found.singular_values.size)).isel(self._plane).data
        parts = Parts(found, np.full(lazy.shape, np.nan, dtype=np.float32))
        yield parts
        regions = list(slices_from_chunks(lazy.chunks))  # type: ignore[no-untyped-call]
        for done, region in enumerate(regions):
            self._heed("maps", done / len(regions))
            parts.maps[region] = lazy[region].compute()
        yield parts
        self._complete = True

    def _show(self, news: Parts) -> None:
        if self.listener:
            self.taker(news)
