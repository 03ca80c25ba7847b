"""The view with bands in front: equal to the turned array, and reading no more than is shown."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_crimson.plugin.bands_front import BandsFront

PLAIN = np.arange(4 * 5 * 6).reshape(4, 5, 6)


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        slice(2, 5),
        (3,),
        (slice(None), 2),
        (1, 2, 3),
        (slice(None), slice(1, 3), 4),
        ...,
        (..., 2),
        (2, ...),
        (1, ..., 0),
        np.int64(2),
    ],
)
def test_any_index_gives_what_the_turned_array_gives(key: Any) -> None:
    np.testing.assert_array_equal(BandsFront(da.from_array(PLAIN))[key], np.moveaxis(PLAIN, -1, 0)[key])


def test_it_is_an_array_to_numpy() -> None:
    view = BandsFront(da.from_array(PLAIN))
    assert view.shape == (6, 4, 5)
    assert len(view) == 6
    np.testing.assert_array_equal(np.asarray(view, dtype="f4"), np.moveaxis(PLAIN, -1, 0).astype("f4"))


def test_one_band_shown_is_one_band_read() -> None:
    read: list[tuple[int, ...]] = []

    class Counting:
        shape, dtype, ndim, size = PLAIN.shape, PLAIN.dtype, PLAIN.ndim, PLAIN.size

        def __getitem__(self, key: Any) -> Any:
            read.append(PLAIN[key].shape)
            return PLAIN[key]

    lazy = da.from_array(Counting(), chunks=(2, 5, 6), name=False, meta=PLAIN[:0, :0, :0])
    np.testing.assert_array_equal(BandsFront(lazy)[3], PLAIN[..., 3])
    assert sum(int(np.prod(shape)) for shape in read) == 4 * 5
