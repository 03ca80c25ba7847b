"""Pixels of a stack: which are taken, and that no others are read."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_crimson.errors import CrimsonError
from napari_crimson.pixels import MOST_PIXELS, Pixels, choose_pixels, pixels_of_region, read_spectra
from napari_crimson.stack import make_stack

AXIS = np.linspace(2800.0, 3100.0, 6)


class Watched:
    """An array that notes what is read of it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.ndim = values, values.shape, values.dtype, values.ndim
        self.spectra_read = 0

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.values[key]
        self.spectra_read += part.size // self.shape[-1]
        return part


def counts(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(100, 1000, (*shape, AXIS.size)).astype(np.uint16)


def test_named_pixels_are_read_and_no_others() -> None:
    watched = Watched(counts(40, 50))
    stack = make_stack(watched, AXIS)
    pixels = Pixels.of([(3, 4), (39, 49), (0, 0)], stack)
    assert_array_equal(read_spectra(stack["cars"], pixels), watched.values[[3, 39, 0], [4, 49, 0]])
    assert watched.spectra_read == 3


def test_pixels_of_a_volume_have_their_plane() -> None:
    values = counts(2, 3, 4, 5)
    stack = make_stack(values, AXIS)
    pixels = Pixels.of([(1, 2, 3, 4)], stack)
    assert pixels.chosen == "pixel (1, 2, 3, 4)"
    assert_array_equal(read_spectra(stack["cars"], pixels), values[1, 2, 3, 4][None])
    with pytest.raises(CrimsonError, match=r"\(3, 4\).*\(t, z, y, x\)"):
        Pixels.of([(3, 4)], stack)


@pytest.mark.parametrize("pixel", [(4, 0), (0, 5), (-1, 0)])
def test_pixel_outside_of_the_stack_is_refused(pixel: tuple[int, int]) -> None:
    with pytest.raises(CrimsonError, match=r"not in the stack of 4 × 5 pixels"):
        Pixels.of([(0, 0), pixel], make_stack(counts(4, 5), AXIS))


def test_no_pixel_is_refused() -> None:
    with pytest.raises(CrimsonError, match=r"no pixel.*\(y, x\)"):
        Pixels.of([], make_stack(counts(4, 5), AXIS))


def test_region_takes_its_pixels() -> None:
    values = counts(6, 8)
    stack = make_stack(values, AXIS)
    pixels = pixels_of_region((slice(1, 4), slice(None, None, 2)), stack)
    assert_array_equal(read_spectra(stack["cars"], pixels), values[1:4, ::2].reshape(-1, AXIS.size))
    assert pixels.chosen == "region 1:4, 0:8: 12 pixels"


def test_large_region_is_taken_evenly() -> None:
    stack = make_stack(da.zeros((300, 300, AXIS.size), chunks=(50, 300, -1)), AXIS)
    pixels = pixels_of_region((slice(100, 300), slice(0, 300)), stack)
    assert len(pixels.index) == MOST_PIXELS
    assert "60000 pixels, 4096 of them evenly spread" in pixels.chosen
    assert_array_equal(pixels.index.min(axis=0), (100, 0))
    assert_array_equal(pixels.index.max(axis=0), (299, 299))
    assert len(np.unique(pixels.index, axis=0)) == MOST_PIXELS
    for axis, middle in ((0, 199.5), (1, 149.5)):
        assert abs(pixels.index[:, axis].mean() - middle) < 3
    assert read_spectra(stack["cars"], pixels).shape == (MOST_PIXELS, AXIS.size)


@pytest.mark.parametrize("region", [(slice(4, 4), slice(None)), (slice(9, 12), slice(None)), (slice(0, 2),)])
def test_region_without_pixels_is_refused(region: tuple[slice, ...]) -> None:
    with pytest.raises(CrimsonError, match="region"):
        pixels_of_region(region, make_stack(counts(4, 5), AXIS))


def test_chosen_pixels_are_bright_median_and_dim_and_sound() -> None:
    values = np.full((8, 11, AXIS.size), 500, dtype=np.uint16)
    values[2] += 10 * np.arange(11, dtype=np.uint16)[:, None]
    values[4, 3] = 2000
    values[6, 1] = 20
    values[6, 2] = 0
    values[4, 5] = np.iinfo(np.uint16).max
    pixels = choose_pixels(make_stack(values, AXIS))
    bright, median, dim = map(tuple, pixels.index)
    assert bright == (4, 3)
    assert dim == (6, 1)
    assert (values[median] == 500).all()
    assert "33 pixels in three rows" in pixels.chosen


def test_a_single_pixel_is_chosen_once() -> None:
    assert_array_equal(choose_pixels(make_stack(counts(1, 1), AXIS)).index, [[0, 0]])


def test_nothing_to_choose_is_told() -> None:
    with pytest.raises(CrimsonError, match="none of the 15 pixels"):
        choose_pixels(make_stack(np.full((3, 5, AXIS.size), np.nan), AXIS))
