from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError
from napari_crimson.prepare import calibrate_axis, crop, replace_axis, resample, shift_from_wavelengths, wavelength_from_shift
from napari_crimson.stack import make_stack

AXIS = np.linspace(600, 1800, 301)


def line(axis, at=1004.0, hwhm=8.0):
    return 1000 + 500 * hwhm**2 / ((axis - at) ** 2 + hwhm**2)


def stack(cars=None, **words):
    return make_stack(np.broadcast_to(line(AXIS), (3, 4, 301)).copy() if cars is None else cars, AXIS, **words)


def test_shift_of_pump_and_stokes():
    assert shift_from_wavelengths(800, 1040) == pytest.approx(2884.6, abs=0.1)
    tuned = shift_from_wavelengths(np.array([780.0, 800.0]), 1040)
    np.testing.assert_allclose(wavelength_from_shift(tuned, 1040), [780, 800])


@pytest.mark.parametrize(("short", "long"), [(1040, 800), (0, 800), (np.nan, 800)])
def test_wavelengths_that_are_none_are_refused(short, long):
    with pytest.raises(CrimsonError, match="nm"):
        shift_from_wavelengths(short, long)


@pytest.mark.parametrize(("shift", "long"), [(-2e4, 800), (1000, 0)])
def test_a_shift_beyond_all_light_is_refused(shift, long):
    with pytest.raises(CrimsonError, match="no wavelength"):
        wavelength_from_shift(shift, long)


def test_two_lines_put_the_axis_right():
    true = 5 + 0.99 * AXIS
    lines = {float(AXIS[60]): float(true[60]), float(AXIS[250]): float(true[250])}
    np.testing.assert_allclose(calibrate_axis(stack(), lines)["wavenumber"], true)
    bent = AXIS + 1e-5 * (AXIS - 900) ** 2
    seen = {float(AXIS[i]): float(bent[i]) for i in (10, 90, 200, 280)}
    np.testing.assert_allclose(calibrate_axis(stack(), seen, degree=2)["wavenumber"], bent)


@pytest.mark.parametrize(
    ("lines", "degree", "said"),
    [
        ({1004.0: 1003.0}, 1, "at least 2"),
        ({700.0: 701.0, 1004.0: 1003.0}, 2, "more than the degree"),
        ({1004.0: 1003.0, 2850.0: 2852.0}, 1, "off the axis, 600 to 1800"),
        ({700.0: 1003.0, 1004.0: 701.0}, 1, "would turn"),
        ({700.0: np.nan, 1004.0: 701.0}, 1, "finite"),
    ],
)
def test_lines_that_make_no_axis_are_refused(lines, degree, said):
    with pytest.raises(CrimsonError, match=said):
        calibrate_axis(stack(), lines, degree=degree)


def test_a_falling_axis_is_turned_with_its_data():
    cars = np.arange(2 * 2 * 301.0).reshape(2, 2, 301)
    done = replace_axis(stack(cars, reference=np.arange(301.0)), 10_000 - AXIS)
    np.testing.assert_array_equal(done["wavenumber"], (10_000 - AXIS)[::-1])
    np.testing.assert_array_equal(done["cars"].values, cars[..., ::-1])
    np.testing.assert_array_equal(done["reference"], np.arange(301.0)[::-1])
    with pytest.raises(CrimsonError, match="300"):
        replace_axis(stack(), AXIS[:300])


def test_cropping_keeps_the_ends_and_all_that_belongs_to_them():
    done = crop(stack(reference=line(AXIS)), 700, 1000)
    assert (float(done["wavenumber"][0]), float(done["wavenumber"][-1])) == (700, 1000)
    np.testing.assert_array_equal(done["cars"].values[0, 0], line(done["wavenumber"].values))
    assert done["reference"].size == done.sizes["wavenumber"]
    with pytest.raises(CrimsonError, match="no band lies from 2800 to 3000"):
        crop(stack(), 2800, 3000)


@pytest.mark.parametrize("points", [150, 301, 777])
def test_resampling_keeps_a_line(points):
    new = np.linspace(610, 1790, points)
    done = resample(stack(reference=line(AXIS)), new)
    for spectrum in (done["cars"].values[1, 2], done["reference"].values):
        share = new[1] - new[0] if points < 301 else 0  # of the axis, over which a coarser point averages
        np.testing.assert_allclose(spectrum, line(new[:, None] + share * np.linspace(-0.5, 0.5, 101)).mean(axis=1), atol=2)
    assert done["wavenumber"].attrs["units"] == "1/cm"


def test_resampling_to_the_same_axis_changes_nothing():
    np.testing.assert_allclose(resample(stack(), AXIS)["cars"].values, stack()["cars"].values, rtol=1e-5)


def test_a_coarser_axis_averages_the_noise():
    noise = np.random.default_rng(0).normal(1000, 100, (8, 8, 301))
    coarse = resample(stack(noise), np.linspace(640, 1760, 29))["cars"].values
    assert coarse.std() == pytest.approx(100 / np.sqrt(10), rel=0.15)
    assert coarse.mean() == pytest.approx(1000, abs=5)


@pytest.mark.parametrize("new", [[500, 700], [700, 1900], [700, 700], [700, np.nan], []])
def test_an_axis_that_is_not_covered_is_refused(new):
    with pytest.raises(CrimsonError, match=r"covers 600 to 1800|axis|points"):
        resample(stack(), new)


@pytest.mark.parametrize("name", ["dark", "reference"])
def test_a_spectrum_that_is_not_finite_is_not_spread_over_a_new_axis(name):
    axis = np.linspace(500, 1500, 30)
    ds = make_stack(np.ones((2, 3, 30)), axis, **{name: np.where(np.arange(30) == 29, np.inf, 1.0)})
    with pytest.raises(CrimsonError, match=f"the {name} holds 1 values that are not finite, the first at 1500 cm⁻¹"):
        resample(ds, axis[5:20])
