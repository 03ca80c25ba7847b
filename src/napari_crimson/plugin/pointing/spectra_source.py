"""Single spectra of a layer, as they are asked for: by a worker's thread, a few pixels at a time.

A pixel is read alone, to be seen at once. Its neighbours mostly lie in the same piece of the file: they are read after it and
kept for a while, so that the next spectrum under a moving cursor is there already.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.bands_front import BandsFront, read_now
from napari_crimson.plugin.layers import KEY, stack_from_layer
from napari_crimson.stack import PIXEL_DIMS

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["Pixel", "SpectraSource", "place_text"]

Pixel = tuple[int, ...]  # ([t,] [z,] y, x)

_TILE = 16  # pixels: reading 16 × 16 of them takes little more than reading one
_KEPT_BYTES = 64 * 2**20


def place_text(pixel: Sequence[int] | NDArray[np.int64]) -> str:
    """A pixel ([t,] [z,] y, x) in words."""
    return ", ".join(f"{dim} {at}" for dim, at in zip(PIXEL_DIMS[-len(pixel) :], pixel, strict=True))


class SpectraSource:
    """Spectra of an image layer with axes (wavenumber, [t,] [z,] y, x).

    Made on the main thread, which reads nothing; the methods are for one thread at a time.

    Parameters
    ----------
    layer : napari.layers.Image
        Ours, or one with `give_axis`. What is taken of it stays as it is when the layer is deleted.

    Attributes
    ----------
    stack : xarray.Dataset
        The whole, lazily.
    wavenumber : ndarray, shape (W,)
        Ascending, cm⁻¹.
    shape : tuple
        Pixels, ([t,] [z,] y, x).
    measured : bool
        Whether it holds CARS intensities, and not a result.

    Raises
    ------
    CrimsonError
        If the layer is no stack, or does not say its wavenumbers.
    """

    def __init__(self, layer: Image) -> None:
        self.stack = stack_from_layer(layer)
        self.wavenumber: NDArray[np.float64] = self.stack["wavenumber"].values
        self.variable = str(layer.metadata[KEY].get("variable", "cars"))
        self.measured = self.variable == "cars"
        self._data: Any = layer.data[0] if layer.multiscale else layer.data
        self._falls = layer.metadata[KEY]["wavenumber"][0] > self.wavenumber[0]
        self.shape: Pixel = tuple(int(size) for size in self._data.shape[1:])
        self._tiles: OrderedDict[Pixel, NDArray[Any]] = OrderedDict()

    def __contains__(self, pixel: Pixel) -> bool:
        return len(pixel) == len(self.shape) and all(0 <= at < size for at, size in zip(pixel, self.shape, strict=True))

    def plane(self, band: int) -> int:
        """Plane of the layer that shows a band; bands are counted upwards in wavenumber."""
        return self.wavenumber.size - 1 - band if self._falls else band

    def bands_between(self, first_cm1: float, last_cm1: float) -> slice:
        """Bands from one wavenumber to another, or the nearest one where there is none."""
        first = int(np.searchsorted(self.wavenumber, first_cm1, side="left"))
        last = int(np.searchsorted(self.wavenumber, last_cm1, side="right"))
        if first < last:
            return slice(first, last)
        nearest = self.nearest((first_cm1 + last_cm1) / 2)
        return slice(nearest, nearest + 1)

    def nearest(self, wavenumber: float) -> int:
        """Band nearest to a wavenumber in cm⁻¹."""
        return int(np.abs(self.wavenumber - wavenumber).argmin())

    def spectrum(self, pixel: Pixel) -> NDArray[Any]:
        """Read the spectrum (W,) of one pixel, as stored.

        Raises
        ------
        CrimsonError
            If the file cannot be read any more.
        """
        *lead, y, x = pixel
        corner = (*lead, y // _TILE * _TILE, x // _TILE * _TILE)
        tile = self._tiles.get(corner)
        spectrum: NDArray[Any] = self._read(pixel) if tile is None else tile[y % _TILE, x % _TILE]
        return spectrum

    def read_around(self, pixel: Pixel) -> None:
        """Read and keep the pixels around one, where the cursor is likely to come next; of what is in memory or being written, none.

        Raises
        ------
        CrimsonError
            If the file cannot be read any more.
        """
        if isinstance(self._data, BandsFront | da.Array):
            *lead, y, x = pixel
            self._tile((*lead, y // _TILE * _TILE, x // _TILE * _TILE))

    def spectra(self, pixels: NDArray[np.int64]) -> NDArray[Any]:
        """Read the spectra (N, W) of pixels (N, ndim), as stored."""
        found = []
        for pixel in (tuple(int(i) for i in one) for one in pixels):
            self.read_around(pixel)
            found.append(self.spectrum(pixel))
        return np.stack(found)

    def band(self, rows: slice, bands: slice, lead: Pixel) -> NDArray[Any]:
        """Read some bands (W', y', x) of some rows of the plane `lead` ([t,] [z]), bands counted upwards."""
        if self._falls:
            last = self.wavenumber.size
            bands = slice(last - bands.stop, last - bands.start)
        if isinstance(self._data, BandsFront):
            return np.moveaxis(read_now(self._data.spectra_last[(*lead, rows, slice(None), bands)]), -1, 0)
        block = read_now(self._data[(bands, *lead, rows)])
        return block[::-1] if self._falls else block

    def _tile(self, corner: Pixel) -> NDArray[Any]:
        """Give a tile (y, x, W), read now or not long ago."""
        tile = self._tiles.pop(corner, None)
        if tile is None:
            *lead, y, x = corner
            tile = self._read((*lead, slice(y, y + _TILE), slice(x, x + _TILE)))
            while self._tiles and sum(kept.nbytes for kept in self._tiles.values()) + tile.nbytes > _KEPT_BYTES:
                self._tiles.popitem(last=False)
        self._tiles[corner] = tile
        return tile

    def _read(self, box: tuple[Any, ...]) -> NDArray[Any]:
        if isinstance(self._data, BandsFront):
            return self._upwards(self._data.spectra(box))
        return self._upwards(np.moveaxis(read_now(self._data[(slice(None), *box)]), 0, -1))

    def _upwards(self, spectra: NDArray[Any]) -> NDArray[Any]:
        return spectra[..., ::-1] if self._falls else spectra
