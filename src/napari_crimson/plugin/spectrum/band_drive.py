"""The line and the band in the spectrum drive the image, and the slider drives them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_crimson.plugin.layers import plane_shown
from napari_crimson.plugin.shown import show_plane
from napari_crimson.plugin.spectrum.band_image import BandImage
from napari_crimson.plugin.spectrum.looking import BandRows, average_band

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_crimson.analysis.band_names import Band
    from napari_crimson.plugin.pointing.newest import Newest
    from napari_crimson.plugin.pointing.spectra_source import Pixel, SpectraSource
    from napari_crimson.plugin.spectrum.plots import SpectrumPlots

__all__ = ["BAND", "BandDrive"]

BAND = "band"  # the key of this work
_WIDTH = 0.02  # of the axis: the band at first
_REST_MS = 100  # a line that is dragged goes to the slider when it rests: napari reads planes on the main thread


class BandDrive(QObject):
    """Keeps slider, line, band and band image of one stack together until `close`.

    Attributes
    ----------
    edges : tuple of float, optional
        The band in cm⁻¹ while its image is shown.
    """

    def __init__(self, viewer: ViewerModel, plots: SpectrumPlots, newest: Newest) -> None:
        super().__init__()
        self.edges: tuple[float, float] | None = None
        self._viewer, self._plots, self._newest = viewer, plots, newest
        self._layer: Image | None = None
        self._source: SpectraSource | None = None
        self._image: BandImage | None = None
        self._aim = 0.0
        self._moving = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._arrive)
        for plot in (plots.measured, plots.raman):
            plot.marker_dragged.connect(self._line_dragged)
            plot.band_dragged.connect(self._band_dragged)
        viewer.dims.events.current_step.connect(self._slider_moved)

    @property
    def wavenumber(self) -> float | None:
        """Where the slider is, in cm⁻¹."""
        if self._layer is None or self._source is None:
            return None
        return float(self._source.wavenumber[self._source.plane(plane_shown(self._layer, self._viewer))])

    @property
    def lead(self) -> Pixel:
        """The plane ([t,] [z]) that is shown."""
        if self._layer is None or self._source is None:
            return ()
        at = self._layer.world_to_data(self._viewer.dims.point[-self._layer.ndim :])[1:-2]
        return tuple(min(max(round(float(one)), 0), size - 1) for one, size in zip(at, self._source.shape, strict=False))

    def begin(self, layer: Image | None, source: SpectraSource | None) -> None:
        """Drive this stack, or none."""
        self.show_band(on=False)
        self._layer, self._source = layer, source
        self._plots.set_marker(self.wavenumber)

    def close(self) -> None:
        """Let go of the viewer; the stack is shown again."""
        self._viewer.dims.events.current_step.disconnect(self._slider_moved)
        with suppress(RuntimeError):  # where Qt has gone first
            self._rest.stop()
        if self._image is not None:
            self._image.close()
        self._layer = self._source = self._image = self.edges = None

    def go_to(self, wavenumber: float) -> None:
        """Bring slider, line and, while it is shown, the band to a wavenumber in cm⁻¹."""
        if self._layer is None or self._source is None:
            return
        show_plane(self._viewer, self._layer, self._source.plane(self._source.nearest(wavenumber)))
        self._slider_moved()

    def go_to_band(self, band: Band) -> None:
        """Bring slider, line and, while it is shown, the band to a band of the analysis."""
        if self.edges is not None:
            self._moving = True
            self.go_to(band.centre_cm1)
            self._moving = False
            self.edges = band.edges_cm1
            self._plots.set_band(self.edges)
            self._ask()
        else:
            self.go_to(band.centre_cm1)

    def show_band(self, *, on: bool) -> None:
        """Show the mean over the band in place of single planes, or stop that."""
        if on and self._layer is not None and self._source is not None and self._image is None and self.wavenumber is not None:
            self._image = BandImage(self._viewer, self._layer)
            axis, at = self._source.wavenumber, self.wavenumber
            half = _WIDTH / 2 * float(axis[-1] - axis[0])
            self.edges = (at - half, at + half)
            self._ask()
        elif not on and self._image is not None:
            self._newest.drop(BAND)
            image, self._image, self.edges = self._image, None, None
            image.close()
        self._plots.set_band(self.edges)

    def take(self, rows: BandRows) -> None:
        """Show rows of the band's image that have been read."""
        if self._image is not None:
            self._image.take(rows)

    def holds(self, layer: Any) -> bool:
        """Tell whether a layer is the band's image."""
        return self._image is not None and layer is self._image.layer

    def _ask(self) -> None:
        if self._image is not None and self._source is not None and self.edges is not None:
            source, lead = self._source, self.lead
            bands = source.bands_between(*self.edges)
            self._image.begin(float(source.wavenumber[bands.start]), float(source.wavenumber[bands.stop - 1]))
            self._newest.ask(BAND, lambda: average_band(source, bands, lead))

    def _line_dragged(self, wavenumber: float) -> None:
        self._plots.set_marker(wavenumber)
        self._aim = wavenumber
        self._centre_band(wavenumber)
        if self._layer is not None and isinstance(self._layer.data, np.ndarray) and self.edges is None:
            self._arrive()  # nothing to read
        else:
            self._rest.start()

    def _band_dragged(self, first: float, last: float) -> None:
        self.edges = (first, last)
        self._plots.set_band(self.edges)
        self._aim = (first + last) / 2
        self._rest.start()

    def _arrive(self) -> None:
        self._rest.stop()
        self._moving = True
        self.go_to(self._aim)
        self._moving = False
        self._ask()

    def _slider_moved(self, _: Any = None) -> None:
        at = self.wavenumber
        self._plots.set_marker(at)
        if not self._moving and at is not None:
            self._centre_band(at)
            self._ask()

    def _centre_band(self, at: float) -> None:
        if self.edges is not None:
            half = (self.edges[1] - self.edges[0]) / 2
            self.edges = (at - half, at + half)
            self._plots.set_band(self.edges)
