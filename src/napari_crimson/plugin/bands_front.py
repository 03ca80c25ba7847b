"""`BandsFront`: a lazy stack seen with its bands in front, reading one band when one is asked for.

Dask cannot move a slice through a transposition: of ``cars.transpose(...)[k]`` it computes every band. Here the
slice is turned instead of the data.
"""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["BandsFront"]


class BandsFront:
    """View of a dask array ([t,] [z,] y, x, W) as (W, [t,] [z,] y, x).

    Indexing with integers and slices reads what it names and returns NumPy.
    """

    def __init__(self, spectra_last: da.Array) -> None:
        self.spectra_last = spectra_last
        self.shape: tuple[int, ...] = (spectra_last.shape[-1], *spectra_last.shape[:-1])
        self.ndim = spectra_last.ndim
        self.dtype = spectra_last.dtype
        self.size = spectra_last.size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        bands, *pixels = self._full(key if isinstance(key, tuple) else (key,))
        found: NDArray[Any] = np.asarray(self.spectra_last[(*pixels, bands)])
        return found if isinstance(bands, int | np.integer) else np.moveaxis(found, -1, 0)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a stack on disk cannot be an array without reading it")
        return np.asarray(self[()], dtype=dtype)

    def _full(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """Write out an ellipsis and the axes a key leaves out."""
        dots = [place for place, part in enumerate(key) if part is Ellipsis]
        for at in dots[:1]:
            key = (*key[:at], *(slice(None),) * (self.ndim - len(key) + 1), *key[at + 1 :])
        return (*key, *(slice(None),) * (self.ndim - len(key)))
