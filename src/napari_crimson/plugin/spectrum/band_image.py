"""The mean over a band as an image of its own, read off the main thread, in place of the stack's single planes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_crimson.plugin.contrast import limits
from napari_crimson.plugin.layers import BAND_OF, KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_crimson.plugin.spectrum.looking import BandRows

__all__ = ["BandImage"]

_SHOW_EVERY_S = 0.1


class BandImage:
    """A 2-D layer above a stack's, which is hidden meanwhile: napari reads no planes of a hidden layer."""

    def __init__(self, viewer: ViewerModel, stack: Image) -> None:
        self._viewer, self._stack = viewer, stack
        self._limits = (0.0, 1.0)
        self._shown = 0.0
        self.layer = Image(
            np.full(stack.data.shape[-2:], np.nan, dtype=np.float32),
            name=f"{stack.name} · band",
            scale=stack.scale[-2:],
            translate=stack.translate[-2:],
            units=stack.units[-2:],
            axis_labels=stack.axis_labels[-2:],
            colormap=stack.colormap,
            contrast_limits=self._limits,
            metadata={KEY: {BAND_OF: stack.unique_id}},
            rgb=False,
        )
        active = viewer.layers.selection.active
        viewer.layers.insert(viewer.layers.index(stack) + 1, self.layer)
        viewer.layers.selection.active = active
        stack.visible = False

    def begin(self, first_cm1: float, last_cm1: float) -> None:
        """Name the band that is coming; the rows of the last one stay until theirs arrive."""
        band = f"{first_cm1:.0f}–{last_cm1:.0f}" if last_cm1 > first_cm1 else f"{first_cm1:.0f}"
        self.layer.name = f"{self._stack.name} · {band} cm⁻¹"

    def take(self, found: BandRows) -> None:
        """Show rows, at most ten times a second."""
        data: Any = self.layer.data
        data[found.rows] = found.mean
        last = found.rows.stop == len(data)
        if not last and time.monotonic() - self._shown < _SHOW_EVERY_S:
            return
        self._shown = time.monotonic()
        if np.allclose(self.layer.contrast_limits, self._limits):  # unless the user has set them
            self._limits = limits(data)
            self.layer.contrast_limits = self._limits
        self.layer.refresh(thumbnail=last, highlight=False, extent=False)

    def close(self) -> None:
        """Show the stack again, and leave no layer behind."""
        self._stack.visible = True
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
