"""Bad input of the classical removers, through a whole removal: an error ahead of any work, or pixels that are NaN and counted."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from napari_crimson import load_remover, open_stack, prepare, remove_background, save_stack
from napari_crimson.stack import make_stack
from refusing import refused, unchanged

AXIS = np.linspace(500, 2500, 200)
DARK = np.linspace(90, 110, 200)
REFERENCE = 4000 * np.exp(-(((AXIS - 1500) / 1200) ** 2))
LINE = 0.3 * 12 / (1450 - AXIS - 12j)
COUNTS = np.random.default_rng(0).poisson(REFERENCE * np.abs(1 + LINE) ** 2 * np.ones((6, 7, 1)) + DARK).astype("u2")


def stack(cars=COUNTS, **words):
    return make_stack(cars, AXIS, **({"dark": DARK, "reference": REFERENCE + DARK} | words))


@pytest.fixture(params=["kk", "mem"])
def remover(request):
    return request.param


@pytest.fixture
def saved(tmp_path):
    save_stack(stack(), tmp_path / "cell.h5")
    return tmp_path / "cell.h5"


def told(ds):
    return ds.attrs["history"][-1]


@pytest.mark.parametrize("value", [0.0, -30.0])
def test_bands_where_the_reference_has_no_light_are_bridged_and_counted(remover, value, saved):
    holed = REFERENCE.copy()
    holed[[50, 51, 140]] = value
    save_stack(stack(reference=holed + DARK), saved, overwrite=True)
    with unchanged(saved.parent):
        done = remove_background(open_stack(saved), remover)
    sound = remove_background(stack(), remover)
    assert "reference: stack (zero or negative at 3 bands)" in told(done)
    assert done["raman"].attrs["reference_dark_bands"] == 3
    assert "negative" not in told(sound)
    peak = sound["raman"].values.mean(axis=(0, 1)).max()
    assert np.abs(done["raman"].values - sound["raman"].values).mean(axis=(0, 1)).max() < 0.3 * peak
    assert np.isfinite(done["raman"].values).all()


@pytest.mark.parametrize("lazy", [True, False])
def test_a_reference_dark_at_most_bands_is_refused_ahead_of_any_work(remover, lazy, saved):
    holed = np.where((AXIS > 600) & (AXIS < 2200), 0.0, REFERENCE)
    save_stack(stack(reference=holed + DARK), saved, overwrite=True)
    words = {"lazy": True} if lazy else {"output": saved.parent / "out.zarr"}
    with refused(saved.parent, r"zero or negative at 160 of 200 points, the first at 6\d\d.* cm⁻¹; .*crop the axis .*, or leave .* out"):
        remove_background(open_stack(saved), remover, **words)


def test_a_reference_negative_after_dark_subtraction_is_refused(remover, saved):
    save_stack(stack(reference=DARK - 5), saved, overwrite=True)
    with refused(saved.parent, "nowhere positive or not finite after dark subtraction; measure it again or leave it out"):
        remove_background(open_stack(saved), remover, output=saved.parent / "out.zarr")


def test_a_reference_of_another_length_or_axis_is_refused(remover, saved):
    into = {"output": saved.parent / "out.zarr"}
    with refused(saved.parent, r"reference of shape \(199,\) for spectra of 200 points; give \(200,\)"):
        remove_background(open_stack(saved), remover, reference=REFERENCE[1:], **into)
    with refused(saved.parent, r"reference of shape \(199,\) for spectra of 200 points; give \(200,\)"):
        load_remover(remover)(COUNTS[0], AXIS, REFERENCE[1:])
    short = xr.DataArray(REFERENCE[40:], {"wavenumber": AXIS[40:]}, ["wavenumber"])
    with refused(saved.parent, r"the reference covers 902.01–2500 cm⁻¹, the stack 500–2500; give one that covers it"):
        remove_background(open_stack(saved), remover, reference=short, **into)


def test_a_reference_on_another_axis_that_covers_the_stack_is_interpolated(remover):
    wide = np.linspace(400, 2600, 700)
    other = xr.DataArray(np.interp(wide, AXIS, REFERENCE + DARK), {"wavenumber": wide}, ["wavenumber"])
    found, plain = remove_background(stack(), remover, reference=other), remove_background(stack(), remover)
    np.testing.assert_allclose(found["raman"].values, plain["raman"].values, atol=0.01 * float(plain["raman"].max()))


@pytest.mark.parametrize("reference", ["auto", None])
def test_a_dark_brighter_than_the_data_is_refused_ahead_of_any_work(remover, reference, saved):
    save_stack(stack(dark=np.full(200, 60_000.0), reference=REFERENCE + 60_000), saved, overwrite=True)
    with refused(saved.parent, r"the dark \(60000 counts on average\) is brighter than the data \(median \d+.*leave it out or give"):
        remove_background(open_stack(saved), remover, reference=reference, output=saved.parent / "out.zarr")


def test_a_scan_stopped_half_way_is_not_taken_for_a_dark_that_is_too_bright(remover, saved):
    cars = COUNTS.copy()
    cars[3:] = 0
    save_stack(stack(cars), saved, overwrite=True)
    with unchanged(saved.parent):
        done = remove_background(open_stack(saved), remover)
    assert "21 of 42 pixels hold no spectrum" in told(done)
    assert np.isfinite(done["raman"].values[:3]).all()


def test_pixels_that_are_no_spectrum_are_nan_alone_and_counted(remover, saved):
    cars = COUNTS.astype("f4")
    cars[0, 1, 7], cars[2, 3, :3], cars[4], cars[5, 5] = np.nan, np.inf, np.nan, DARK - 1
    save_stack(stack(cars), saved, overwrite=True)
    with unchanged(saved.parent):
        done = remove_background(open_stack(saved), remover)
    empty = np.isnan(done["raman"].values)
    assert set(zip(*np.nonzero(empty.any(-1)), strict=True)) == {(0, 1), (2, 3), (5, 5)} | {(4, x) for x in range(7)}
    assert (empty.any(-1) == empty.all(-1)).all()
    assert told(done).endswith("10 of 42 pixels hold no spectrum")
    good = ~empty.any(-1)
    np.testing.assert_allclose(done["raman"].values[good], remove_background(stack(), remover)["raman"].values[good], atol=1e-5)


def test_a_stack_without_any_spectrum_is_all_nan_and_says_so(remover, saved):
    save_stack(stack(np.zeros((2, 3, 200))), saved, overwrite=True)
    with unchanged(saved.parent):
        done = remove_background(open_stack(saved), remover)
    assert np.isnan(done["raman"].values).all()
    assert "6 of 6 pixels hold no spectrum" in told(done)


def test_bad_pixels_stay_alone_through_preparation_and_removal(remover):
    cars = COUNTS.copy()
    cars[1, 2, 30:40], cars[4, 0] = 65535, 0  # saturated over more bands than a cosmic ray hits, and empty
    ds = prepare.subtract_dark(prepare.remove_spikes(stack(cars)))
    ds = prepare.denoise_svd(prepare.resample(prepare.crop(ds, 600, 2400), np.linspace(650, 2350, 150)))
    assert told(ds).endswith("2 of 42 pixels hold no spectrum")
    done = remove_background(ds, remover)
    empty = np.isnan(done["raman"].values).all(axis=-1)
    assert set(zip(*np.nonzero(empty), strict=True)) == {(1, 2), (4, 0)}
    assert np.isfinite(done["raman"].values[~empty]).all()
    assert told(done).endswith("2 of 42 pixels hold no spectrum")


def test_more_components_than_pixels_are_refused(saved):
    with refused(saved.parent, r"43 components of 42 pixels with a spectrum and 200 bands: give 1 to 42"):
        prepare.denoise_svd(open_stack(saved), prepare.SVDSettings(components=43))
