from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError, simulate_stack
from napari_crimson.prepare import SpikeSettings, remove_spikes
from napari_crimson.stack import make_stack


@pytest.fixture(scope="module")
def tissue():
    return simulate_stack((24, 30), ratio=0.4, photons=20_000, seed=1)


def spiked(ds, count=60, seed=0):
    """The stack with rays of one to three bands, 20 to 200 times the noise, and where they are."""
    rng = np.random.default_rng(seed)
    cars = ds["cars"].values.copy()
    hit = np.zeros(cars.shape, dtype=bool)
    for _ in range(count):
        y, x, w = (int(rng.integers(0, n)) for n in (24, 30, 995))
        hit[y, x, w : w + rng.integers(1, 4)] = True
    height = rng.uniform(20, 200, cars.shape) * np.sqrt(cars)
    cars[hit] = np.clip(cars[hit] + height[hit], 0, 65_535)
    return ds.assign(cars=(ds["cars"].dims, cars)), hit


def test_rays_are_found_counted_and_replaced_by_what_lies_below(tissue):
    ds, hit = spiked(tissue)
    done = remove_spikes(ds)
    cars, truth = done["cars"].values, tissue["cars"].values
    assert cars.dtype == truth.dtype
    assert (cars[hit] != ds["cars"].values[hit]).mean() > 0.99
    assert np.abs((cars[hit] - truth[hit].astype(float)) / np.sqrt(truth[hit])).max() < 8
    assert (cars[~hit] != truth[~hit]).sum() <= 3
    counted = done["spikes"].values
    assert abs(counted.sum() - hit.sum()) <= 3
    assert (counted > 0).sum() == pytest.approx(hit.any(axis=-1).sum(), abs=2)


def test_a_stack_without_rays_keeps_all_it_has(tissue):
    assert remove_spikes(tissue)["spikes"].values.sum() <= 1


def test_a_droplet_of_one_pixel_with_narrow_lines_is_no_ray():
    axis = np.arange(500, 1500, 3.0)
    cars = np.full((7, 7, axis.size), 5000.0)
    cars[3, 3] += 8000 * 16 / ((axis - 1004) ** 2 + 16)
    cars = np.random.default_rng(0).poisson(cars).astype("u2")
    np.testing.assert_array_equal(remove_spikes(make_stack(cars, axis))["cars"].values, cars)


def test_a_ray_that_saturates_is_healed(tissue):
    cars = tissue["cars"].values.copy()
    cars[5, 6, 300] = 65_535
    done = remove_spikes(tissue.assign(cars=(tissue["cars"].dims, cars)))["cars"].values
    assert abs(float(done[5, 6, 300]) - float(tissue["cars"].values[5, 6, 300])) < 1000


def test_a_line_of_spectra_is_enough(tissue):
    ds, hit = spiked(tissue)
    line = remove_spikes(ds.isel(y=[int(hit.any(axis=(1, 2)).argmax())]))
    assert line["spikes"].values.sum() > 0


@pytest.mark.parametrize("part", [{"y": slice(2), "x": slice(2)}, {"wavenumber": slice(14)}])
def test_too_few_neighbours_are_refused(tissue, part):
    with pytest.raises(CrimsonError, match="3 pixels one way and 15 bands"):
        remove_spikes(tissue.isel(part))


@pytest.mark.parametrize("words", [{"threshold": 0.0}, {"threshold": 2.0, "edge": 4.0}, {"most_bands": 0}])
def test_settings_out_of_range_are_refused(words):
    with pytest.raises(CrimsonError, match=next(iter(words))):
        SpikeSettings(**words)
