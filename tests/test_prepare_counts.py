from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError, remove_background
from napari_crimson.prepare import smooth_reference, subtract_dark, subtract_offset
from napari_crimson.stack import make_stack

AXIS = np.linspace(500, 3000, 100)
LIGHT = np.linspace(1000, 3000, 100)
DARK = np.linspace(90, 110, 100)
COUNTS = np.rint(np.random.default_rng(0).uniform(0.5, 1.5, (5, 6, 1)) * LIGHT + DARK).astype("u2")


def stack(**words):
    return make_stack(COUNTS, AXIS, **({"dark": DARK, "reference": 2 * LIGHT + DARK} | words))


def ratio(spectra, wavenumber, reference):
    return spectra / reference


def test_the_dark_is_subtracted_once_from_intensities_and_reference():
    done = subtract_dark(stack())
    np.testing.assert_allclose(done["cars"].values, COUNTS - DARK, rtol=1e-5)
    assert done["cars"].dtype == np.float32
    np.testing.assert_allclose(done["reference"].values, 2 * LIGHT)
    np.testing.assert_allclose(remove_background(done, ratio)["raman"].values, remove_background(stack(), ratio)["raman"].values, rtol=1e-5)


def test_noise_below_the_dark_is_kept_as_negative_light():
    rng = np.random.default_rng(1)
    dim = make_stack((100 + rng.normal(3, 10, (20, 20, 50))).round().astype("i4"), np.arange(50.0))
    light = subtract_dark(dim, 100)["cars"].values
    assert (light < 0).any()
    assert light.mean() == pytest.approx(3, abs=0.5)


def test_a_dark_brighter_than_the_data_is_refused():
    with pytest.raises(CrimsonError, match=r"brighter than the data.*subtracted already"):
        subtract_dark(stack(), 60_000)
    with pytest.raises(CrimsonError, match="no dark of its own"):
        subtract_dark(subtract_dark(stack()))


@pytest.mark.parametrize(("dark", "said"), [(np.ones(99), r"\(99,\)"), (np.where(AXIS < 600, np.nan, 1), "not finite")])
def test_a_dark_that_does_not_fit_is_refused(dark, said):
    with pytest.raises(CrimsonError, match=said):
        subtract_dark(stack(), dark)


def test_an_offset_is_the_same_everywhere_or_that_of_each_pixel():
    light = np.where(AXIS < 700, 0, LIGHT)
    offset = np.random.default_rng(2).uniform(5, 50, (4, 3, 1))
    ds = make_stack((light + offset).astype("f4"), AXIS)
    np.testing.assert_allclose(subtract_offset(ds, region_cm1=(500, 690))["cars"].values, np.broadcast_to(light, (4, 3, 100)), atol=1e-2)
    np.testing.assert_allclose(subtract_offset(ds, counts=5)["cars"].values, light + offset - 5, rtol=1e-5)


@pytest.mark.parametrize("words", [{}, {"counts": 1.0, "region_cm1": (500.0, 600.0)}, {"region_cm1": (10.0, 20.0)}])
def test_an_offset_that_is_not_one_is_refused(words):
    with pytest.raises(CrimsonError, match=r"give one of them|no band lies in 10 to 20 cm⁻¹: the axis goes from 500"):
        subtract_offset(stack(), **words)


def test_smoothing_lowers_the_noise_of_the_reference_and_keeps_its_course():
    rng = np.random.default_rng(3)
    noisy = stack(reference=2 * LIGHT + rng.normal(0, 30, 100))
    error = smooth_reference(noisy, window_cm1=600)["reference"].values - 2 * LIGHT
    assert error.std() < 15
    assert abs(error.mean()) < 10


@pytest.mark.parametrize("words", [{"window_cm1": 1.0}, {"window_cm1": 1e4}, {"window_cm1": np.nan}, {"order": -1}])
def test_a_window_that_holds_no_polynomial_is_refused(words):
    with pytest.raises(CrimsonError, match="change the window"):
        smooth_reference(stack(), **words)


def test_no_reference_to_smooth():
    with pytest.raises(CrimsonError, match="no reference"):
        smooth_reference(stack(reference=None))


def test_a_reference_that_is_not_finite_is_not_smoothed():
    with pytest.raises(CrimsonError, match=r"the reference holds 1 values that are not finite, the first at 601.01 cm⁻¹; mend it"):
        smooth_reference(stack(reference=np.where(np.arange(100) == 4, np.nan, LIGHT)))


def test_an_offset_that_is_not_finite_is_refused():
    with pytest.raises(CrimsonError, match="counts=nan: give a finite number"):
        subtract_offset(stack(), counts=np.nan)


def test_pixels_without_a_spectrum_have_no_say_in_whether_the_dark_is_too_bright():
    cars = COUNTS.astype("f4")
    cars[2, :4], cars[2, 4] = 0, np.nan  # of the middle row; one good pixel is left
    done = subtract_dark(make_stack(cars, AXIS, dark=DARK))["cars"].values
    np.testing.assert_allclose(done[2, 5], COUNTS[2, 5] - DARK, rtol=1e-5)
    assert np.isnan(done).all(axis=-1).sum() == 1
    with pytest.raises(CrimsonError, match="brighter than the data"):
        subtract_dark(make_stack(cars, AXIS, dark=DARK + 9000))
