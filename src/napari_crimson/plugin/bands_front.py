"""Stacks on disk as a layer wants them: bands in front, one read when one is asked for, those around it kept for the slider."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import dask.array as da
import numpy as np
from dask.local import get_sync
from dask.threaded import get as get_threaded
from napari.utils.notifications import show_error
from numpy.typing import DTypeLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import behind
from napari_crimson.plugin.band_cache import BandCache

__all__ = ["BandsFront", "PlanesOnDisk", "read_now"]


class PlanesOnDisk(ABC):
    """An array (W, [t,] [z,] y, x) on disk; indexing with integers and slices reads what it names and returns NumPy.

    Whole planes come from a `BandCache`; `_read` gives any part. What napari asks for and cannot be read is NaN, or zero where
    the values are integers, and told once, until something can be read again: an error would leave napari half way to the next
    plane.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.ndim, self.dtype = shape, len(shape), dtype
        self.planes = BandCache(self._read, shape, dtype)
        self._told = False

    @abstractmethod
    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Read the part that a key with an entry for each axis names."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        full = self._full(key if isinstance(key, tuple) else (key,))
        try:
            found = self._find(full)
        except CrimsonError as error:
            if not self._told:
                self._told = True
                show_error(str(error))
            shape = np.broadcast_to(np.zeros((), self.dtype), self.shape)[full].shape
            return np.full(shape, np.nan if np.issubdtype(self.dtype, np.inexact) else 0, dtype=self.dtype)
        self._told = False
        return found

    def _find(self, full: tuple[Any, ...]) -> NDArray[Any]:
        """Read what a key with an entry for each axis names, or take it from memory."""
        wanted = self._planes(full)
        if wanted is None:
            return self._read(full)
        found = self.planes.planes(*wanted)
        kept = [1] * (len(full) - 3)  # napari names each place with a slice of one
        return found.reshape(len(found), *kept, *found.shape[1:])[
            tuple(slice(None) if isinstance(part, slice) else 0 for part in full[:-2])
        ]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a stack on disk cannot be an array without reading it")
        return np.asarray(self._find(self._full(())), dtype=dtype)  # a whole that is asked for must not be NaN for a part

    def _full(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """Write out an ellipsis and the axes a key leaves out."""
        dots = [place for place, part in enumerate(key) if part is Ellipsis]
        for at in dots[:1]:
            key = (*key[:at], *(slice(None),) * (self.ndim - len(key) + 1), *key[at + 1 :])
        return (*key, *(slice(None),) * (self.ndim - len(key)))

    def _planes(self, key: tuple[Any, ...]) -> tuple[range, tuple[int, ...]] | None:
        """Bands and place in ([t,] [z]) of a key that names some whole planes at one place, else None."""
        if not all(
            isinstance(part, slice) and part.indices(size) == (0, size, 1) for part, size in zip(key[-2:], self.shape[-2:], strict=True)
        ):
            return None
        bands, *lead = (_span(part, size) for part, size in zip(key[:-2], self.shape[:-2], strict=True))
        if not 0 < len(bands) <= self.planes.depth or any(len(span) != 1 for span in lead):
            return None
        return bands, tuple(span[0] for span in lead)


def _span(part: Any, size: int) -> range:
    """The indices that an integer, or a slice of neighbours, takes of an axis; none where it is something else."""
    if isinstance(part, int | np.integer) and -size <= part < size:
        return range(int(part) % size, int(part) % size + 1)
    if isinstance(part, slice) and part.step in (None, 1):
        return range(*part.indices(size))
    return range(0)


class BandsFront(PlanesOnDisk):
    """View of a dask array ([t,] [z,] y, x, W) as (W, [t,] [z,] y, x).

    Dask cannot move a slice through a transposition: of ``cars.transpose(...)[k]`` it computes every band. Here the
    slice is turned instead of the data.
    """

    def __init__(self, spectra_last: da.Array) -> None:
        self.spectra_last = spectra_last
        self._file = behind(spectra_last)
        self.size = spectra_last.size
        super().__init__((spectra_last.shape[-1], *spectra_last.shape[:-1]), spectra_last.dtype)

    def spectra(self, pixels: tuple[Any, ...]) -> NDArray[Any]:
        """Read the spectra (…, W) of a few pixels ([t,] [z,] y, x), in this thread."""
        return read_now((self.spectra_last if self._file is None else self._file)[pixels])

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        bands, *pixels = key
        found = read_now(self.spectra_last[(*pixels, bands)], threads=True)
        return found if isinstance(bands, int | np.integer) else np.moveaxis(found, -1, 0)


def read_now(values: Any, *, threads: bool = False) -> NDArray[Any]:
    """Read what is lazy, in this thread unless `threads` are worth their while; NumPy passes as it is."""
    if isinstance(values, da.Array):  # a scheduler by name would have dask import distributed, where that is installed
        values = values.compute(scheduler=get_threaded if threads else get_sync)  # type: ignore[no-untyped-call]
    return np.asarray(values)
