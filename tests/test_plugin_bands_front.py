"""The view with bands in front: equal to the turned array, and reading no more than is shown."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_crimson import save_stack
from napari_crimson.errors import CrimsonError, UnreachableError
from napari_crimson.plugin.band_cache import BandCache
from napari_crimson.plugin.bands_front import BandsFront
from napari_crimson.plugin.pointing.spectra_source import SpectraSource
from napari_crimson.stack import make_stack

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


class Counted:
    """An array that notes what is read of it."""

    shape, dtype, ndim, size = PLAIN.shape, PLAIN.dtype, PLAIN.ndim, PLAIN.size

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, key: Any) -> Any:
        self.read.append(PLAIN[key].size)
        return PLAIN[key]

    def view(self) -> BandsFront:
        return BandsFront(da.from_array(self, chunks=(2, 5, 6), name=False, meta=PLAIN[:0, :0, :0]))


def wait_for(view: BandsFront) -> None:
    end = time.monotonic() + 20
    while view.planes.busy and time.monotonic() < end:
        time.sleep(0.001)
    assert not view.planes.busy


def test_the_band_shown_is_read_first_and_its_neighbours_come_from_memory() -> None:
    counted = Counted()
    view = counted.view()
    np.testing.assert_array_equal(view[3], PLAIN[..., 3])
    wait_for(view)
    assert sum(counted.read) == 4 * 5 + PLAIN.size
    before = len(counted.read)
    for band in (4, 5, 0):
        np.testing.assert_array_equal(view[band], PLAIN[..., band])
    assert len(counted.read) == before


def test_a_plane_that_is_given_is_the_askers_own() -> None:
    view = Counted().view()
    view[3]
    wait_for(view)
    view[3][:] = 0
    np.testing.assert_array_equal(view[3], PLAIN[..., 3])


def plane(cache: BandCache, band: int) -> Any:
    return cache.planes(range(band, band + 1))[0]


def test_planes_kept_show_what_has_been_written_since() -> None:
    growing = PLAIN.astype("f4").transpose(2, 0, 1).copy()
    growing[:, 2:] = np.nan
    cache = BandCache(lambda key: growing[key], growing.shape, growing.dtype)
    plane(cache, 3)
    while cache.busy:
        time.sleep(0.001)
    growing[:, 2:] = 7
    assert np.isnan(plane(cache, 3)[2:]).all()  # it is in memory
    cache.renew((slice(2, 4), slice(0, 3)))
    shown = plane(cache, 3)
    assert (shown[2:, :3] == 7).all()
    assert np.isnan(shown[2:, 3:]).all()


def test_slices_of_bands_as_napari_asks_for_them_come_from_memory_too() -> None:
    deep = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)
    view = BandsFront(da.from_array(deep))
    view[2:3, 1:2]
    wait_for(view)
    view.spectra_last = da.zeros_like(deep)  # whatever is read from now on is none of it
    turned = np.moveaxis(deep, -1, 0)
    for key in ((slice(2, 3), slice(1, 2)), (slice(1, 4), 1), (np.int64(5), slice(1, 2)), (-1, 1)):
        np.testing.assert_array_equal(view[key], turned[key])


def test_a_stack_of_several_depths_keeps_them_apart() -> None:
    deep = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)
    view = BandsFront(da.from_array(deep))
    for z in (0, 2, 0):
        np.testing.assert_array_equal(view[2, z], deep[z, ..., 2])
        wait_for(view)
        np.testing.assert_array_equal(view[3, z], deep[z, ..., 3])


def test_planes_come_from_memory_when_the_slider_goes_on_into_the_next_bands() -> None:
    wide = np.arange(2 * 3 * 200).reshape(2, 3, 200)
    view = BandsFront(da.from_array(wide))
    for band in (0, 40):
        np.testing.assert_array_equal(view[band], wide[..., band])
        wait_for(view)
    view.spectra_last = da.zeros_like(wide)  # whatever is read from now on is none of it
    np.testing.assert_array_equal(view[70], wide[..., 70])


def test_what_cannot_be_read_is_told_where_it_is_asked_for() -> None:
    def read(_: Any) -> Any:
        raise OSError("gone")

    cache = BandCache(read, (6, 4, 5), np.dtype("f4"))
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            plane(cache, 3)
        while cache.busy:
            time.sleep(0.001)


class Leaving(Counted):
    """An array that can be gone."""

    gone = False

    def __getitem__(self, key: Any) -> Any:
        if self.gone:
            raise UnreachableError("scan.h5 is gone")
        return super().__getitem__(key)


@pytest.mark.parametrize("key", [3, slice(2, 5), (slice(3, 4), slice(None), slice(None)), (1, 2, 3), (slice(None), 2), ..., (..., 2)])
def test_what_is_gone_is_nothing_of_the_right_shape(key: Any) -> None:
    leaving = Leaving()
    leaving.gone = True
    view = leaving.view()
    turned = np.moveaxis(PLAIN, -1, 0)
    found = view[key]
    assert found.shape == turned[key].shape
    assert found.dtype == PLAIN.dtype
    assert not found.any()
    floats = BandsFront(view.spectra_last.astype("f4"))[key]
    assert floats.shape == turned[key].shape
    assert np.isnan(floats).all()


def test_what_is_gone_is_told_once_until_it_has_been_back(messages: list[str]) -> None:
    leaving = Leaving()
    view = leaving.view()
    for times in (1, 2):
        leaving.gone = True
        for band in (1, 2, 3):
            assert not view[band].any()
        assert messages == ["scan.h5 is gone"] * times
        leaving.gone = False
        np.testing.assert_array_equal(view[2], PLAIN[..., 2])
        wait_for(view)
        view.planes.forget()


def test_the_whole_of_what_is_gone_is_an_error_and_no_nan() -> None:
    leaving = Leaving()
    view = leaving.view()
    leaving.gone = True
    with pytest.raises(CrimsonError, match="gone"):
        np.asarray(view)


@pytest.mark.gui
@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_slider_over_a_stack_whose_file_is_gone(viewer: Any, messages: list[str], tmp_path: Path, suffix: str) -> None:
    axis = np.linspace(2700.0, 3100.0, 400)
    counts = np.random.default_rng(0).uniform(1, 9, (5, 6, axis.size)).astype("f4")
    path = tmp_path / f"scan{suffix}"
    save_stack(make_stack(counts, axis), path)
    (layer,) = viewer.open(path, plugin="napari-crimson")
    for plane in (399, 200):  # the two runs of planes that are kept then do not hold the first ones
        viewer.dims.set_current_step(0, plane)
        wait_for(layer.data)
    aside = path.rename(tmp_path / f"aside{suffix}")
    for plane in (10, 11, 12):
        viewer.dims.set_current_step(0, plane)
        assert viewer.dims.current_step[0] == plane
        assert f"(plane {plane} of 400)" in viewer.canvas.overlays["wavenumber"].text
        assert np.isnan(layer._slice.image.raw).all()
        assert layer._slice.image.raw.shape == (5, 6)
    (told,) = messages
    assert re.search(rf"scan\{suffix} is gone: put it back, or open it where it is now", told)
    assert "rrno" not in told
    with pytest.raises(UnreachableError, match="is gone"):
        SpectraSource(layer).spectrum((2, 3))
    aside.rename(path)
    viewer.dims.set_current_step(0, 11)
    np.testing.assert_array_equal(layer._slice.image.raw, counts[..., 11])
    assert len(messages) == 1
