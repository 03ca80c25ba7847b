"""What holds for every step of the preparation: the seam, the bad pixels, the chunks."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from napari_crimson import prepare, simulate_stack
from napari_crimson.stack import make_stack

AXIS = np.linspace(2700, 3100, 90)
STEPS: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "dark": prepare.subtract_dark,
    "offset": lambda ds: prepare.subtract_offset(ds, counts=10),
    "offset by region": lambda ds: prepare.subtract_offset(ds, region_cm1=(2700, 2750)),
    "reference": prepare.smooth_reference,
    "spikes": prepare.remove_spikes,
    "anscombe": prepare.stabilise_variance,
    "anscombe and back": lambda ds: prepare.restore_counts(prepare.stabilise_variance(ds)),
    "svd": prepare.denoise_svd,
    "svd anscombe": lambda ds: prepare.denoise_svd(ds, prepare.SVDSettings(components=3, scaling="anscombe")),
    "crop": lambda ds: prepare.crop(ds, 2800, 3000),
    "resample": lambda ds: prepare.resample(ds, np.linspace(2750, 3050, 40)),
    "calibrate": lambda ds: prepare.calibrate_axis(ds, {2850: 2852, 2930: 2931}),
    "axis": lambda ds: prepare.replace_axis(ds, AXIS + 3),
}


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((11, 14), wavenumber=AXIS, seed=3)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_is_lazy_recorded_and_leaves_what_it_is_given(step: Callable[[xr.Dataset], xr.Dataset], tissue: xr.Dataset) -> None:
    before = tissue.copy(deep=True)
    done = step(tissue)
    assert isinstance(done["cars"].data, da.Array)
    assert done["cars"].chunks[-1] == (done.sizes["wavenumber"],)
    assert len(done.attrs["history"]) > len(tissue.attrs["history"]) == 1
    assert done.attrs["history"][0] == tissue.attrs["history"][0]
    assert done["cars"].compute().dtype == done["cars"].dtype
    assert (np.diff(done["wavenumber"]) > 0).all()
    assert tissue.identical(before)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_chunks_change_nothing(step: Callable[[xr.Dataset], xr.Dataset], tissue: xr.Dataset) -> None:
    whole = step(tissue.chunk(y=-1, x=-1))["cars"].values
    cut = step(tissue.chunk(y=4, x=5))["cars"].values
    np.testing.assert_allclose(cut, whole, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_bad_pixel_stays_bad_and_spoils_no_other(step: Callable[[xr.Dataset], xr.Dataset], tissue: xr.Dataset) -> None:
    cars = tissue["cars"].values.astype("f4")
    holed = cars.copy()
    holed[4, 5] = np.nan
    holed[7, 8, 40] = np.inf
    sound, bad = (step(tissue.assign(cars=(tissue["cars"].dims, values)).chunk(y=6))["cars"].values for values in (cars, holed))
    assert not np.isfinite(bad[4, 5]).any()
    assert not np.isfinite(bad[7, 8]).all()
    others = np.isfinite(bad).all(axis=-1)
    assert others.sum() >= cars[..., 0].size - 2
    np.testing.assert_allclose(bad[others], sound[others], rtol=0.02, atol=60)  # two pixels fewer, little else


@pytest.mark.parametrize("name", ["dark", "offset", "anscombe", "svd", "resample"])
def test_a_saturated_pixel_is_not_forgotten_when_counts_become_floats(name: str, tissue: xr.Dataset) -> None:
    cars = tissue["cars"].values.copy()
    cars[2, 3, 50] = 65535
    done = STEPS[name](tissue.assign(cars=(tissue["cars"].dims, cars)))["cars"].values
    assert not np.isfinite(done[2, 3]).any()
    assert np.isfinite(done).all(axis=-1).sum() == cars[..., 0].size - 1


def test_steps_follow_each_other_and_the_stack_still_is_one(tissue: xr.Dataset) -> None:
    done = prepare.resample(prepare.denoise_svd(prepare.remove_spikes(prepare.subtract_dark(tissue))), np.linspace(2720, 3080, 60))
    assert [line.split()[0] for line in done.attrs["history"]] == ["simulated", "dark", "cosmic", "denoised", "resampled"]
    again = make_stack(done["cars"].data, done["wavenumber"].values, reference=done["reference"].values)
    assert np.isfinite(again["cars"].values).all()
    assert done["raman"].shape == (11, 14, 60)
    assert done["concentration_lipid"].shape == (11, 14)


def test_planes_are_prepared_as_well_as_images() -> None:
    ds = simulate_stack((3, 6, 7), wavenumber=AXIS)
    done = prepare.denoise_svd(prepare.remove_spikes(prepare.subtract_dark(ds)))
    assert done["cars"].values.shape == (3, 6, 7, 90)
    assert done["spikes"].values.shape == (3, 6, 7)
