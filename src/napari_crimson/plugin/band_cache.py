"""`BandCache`: planes of a stack on disk, kept for the slider.

A file gives many bands in little more time than one, as its pieces hold many. The first plane that is asked for is read at
once; those around it are read meanwhile in a thread, which is there only while there is work, and so are those
that a moving slider comes to next.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.garbage import start_thread

__all__ = ["BandCache"]

Place = tuple[int, tuple[int, ...]]  # number of a slab along the wavenumbers, and where it is in ([t,] [z])

_SLAB_BYTES = 64 * 2**20
_DEPTH = 128  # bands: as many as a chunk of counts of ours has
_KEPT = 2  # slabs: the one that is looked at and the next
_ROWS = 64  # read at a time, so that nobody waits long for a file that serves one reader only


class BandCache:
    """Planes (y, x) of an array (W, [t,] [z,] y, x), as they are asked for.

    Parameters
    ----------
    read : callable
        ``read(key)`` gives a part of the array: a slice of bands, integers for t and z, slices of rows and columns.
    shape : tuple
        Of the array.
    dtype : numpy.dtype
    """

    def __init__(self, read: Callable[[Any], NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._read, self._shape, self._dtype = read, shape, dtype
        plane_bytes = max(1, shape[-2] * shape[-1] * dtype.itemsize)
        self.depth = max(1, min(_DEPTH, _SLAB_BYTES // plane_bytes, shape[0]))
        self._slabs: OrderedDict[Place, _Slab] = OrderedDict()
        self._wanted: list[Place] = []
        self._last = 0
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether planes are being read ahead."""
        return self._thread is not None

    def planes(self, bands: range, lead: tuple[int, ...] = ()) -> NDArray[Any]:
        """Give the planes (n, y, x) of some neighbouring bands, from memory if they are there."""
        number, at = divmod(bands[0], self.depth)
        forwards, self._last = bands[0] >= self._last, bands[0]
        beyond = number + 1 if forwards else number - 1
        near = at >= self.depth // 2 if forwards else at < self.depth // 2
        wanted = [(number, lead), *([(beyond, lead)] if near else [])]
        with self._lock:
            slabs = [self._slabs.get((band // self.depth, lead)) for band in bands]
        found = [slab.values[band % self.depth] for slab, band in zip(slabs, bands, strict=True) if slab is not None and slab.complete]
        if len(found) == len(bands):
            self._want(wanted)
            return np.stack(found)
        with self._lock:  # what is looked at now goes ahead of what is not wanted any more
            self._wanted = [place for place in self._wanted if place in wanted]
        planes = self._read((slice(bands.start, bands.stop), *lead, slice(None), slice(None)))
        self._want(wanted)
        return planes

    def renew(self, region: tuple[slice, ...]) -> None:
        """Read a part ([t,] [z,] y, x) of what is kept once more, after it has been written; for the thread that wrote it."""
        *outer, rows, columns = region
        with self._lock:
            slabs = list(self._slabs.items())
        for (number, lead), slab in slabs:
            if all(part.start <= at < part.stop for part, at in zip(outer, lead, strict=True)):
                with self._reading:  # else what was read before it was written may come after
                    slab.values[:, rows, columns] = self._read((self._bands(number), *lead, rows, columns))

    def forget(self) -> None:
        """Keep nothing of what has been read: more may have been written since than was told."""
        with self._lock:
            self._slabs.clear()
            self._wanted = []

    def _bands(self, number: int) -> slice:
        return slice(number * self.depth, min((number + 1) * self.depth, self._shape[0]))

    def _want(self, places: list[Place]) -> None:
        """Have slabs read, in place of what was wanted before."""
        there = [place for place in places if 0 <= place[0] * self.depth < self._shape[0]]
        with self._lock:
            for place in reversed(there):
                if place in self._slabs:
                    self._slabs.move_to_end(place)
            self._wanted = [place for place in there if place not in self._slabs or not self._slabs[place].complete]
            if self._wanted and self._thread is None and self.depth > 1:
                self._thread = start_thread(self._run, "crimson-bands")

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                place = self._wanted[0]
                bands = self._bands(place[0])
                slab = _Slab(np.empty((bands.stop - bands.start, *self._shape[-2:]), dtype=self._dtype))
                self._slabs[place] = slab
                while len(self._slabs) > _KEPT:
                    self._slabs.popitem(last=False)
            try:
                slab.complete = self._fill(slab, place)
            except Exception:  # the plane itself is read where it is asked for, and tells
                slab.complete = False
            with self._lock:
                self._wanted = [one for one in self._wanted if one != place]
                if not slab.complete and self._slabs.get(place) is slab:
                    del self._slabs[place]

    def _fill(self, slab: _Slab, place: Place) -> bool:
        """Read a slab some rows at a time, as long as it is wanted; whether it is all there."""
        number, lead = place
        for row in range(0, self._shape[-2], _ROWS):
            if place not in self._wanted:
                return False
            rows = slice(row, min(row + _ROWS, self._shape[-2]))
            with self._reading:
                slab.values[:, rows] = self._read((self._bands(number), *lead, rows, slice(None)))
        return True


class _Slab:
    """Neighbouring bands (depth, y, x) of one place in time and depth."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values
        self.complete = False
