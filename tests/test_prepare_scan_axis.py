"""The axis of a scan that brings none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_crimson import CrimsonError
from napari_crimson.prepare.scan_axis import axis_from_beams, axis_from_lines, check_scan_axis, nearest_maximum


@pytest.mark.parametrize("falling", [False, True])
def test_two_lines_make_an_even_axis(falling: bool) -> None:
    true = np.linspace(2800.0, 3100.0, 101)[:: -1 if falling else 1]
    lines = {20.5: float(np.interp(20.5, np.arange(101), true)), 70: float(true[70])}
    assert_allclose(axis_from_lines(lines, 101), true)
    assert_allclose(axis_from_lines(dict(reversed(lines.items())), 101), true)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({10: 2850.0}, "give two lines, on two planes"),
        ({10: 2850.0, 40: 2850.0}, "both lines are at 2850 cm⁻¹"),
        ({10: 2850.0, 100: 2930.0}, "planes from 0 to 99"),
        ({10: 2850.0, 40: np.nan}, "shifts in cm⁻¹"),
        ({10: 2850.0, 11: 2950.0}, "from 1850 to 11750 cm⁻¹"),
    ],
)
def test_lines_that_make_no_axis(lines: dict[float, float], said: str) -> None:
    with pytest.raises(CrimsonError, match=said):
        axis_from_lines(lines, 100)


@pytest.mark.parametrize(
    ("pump", "stokes"),
    [(797.0, (1031.0, 1050.0)), ((802.0, 790.0), 1031.2), ((790.0, 802.0), 1031.2), (np.linspace(790, 802, 30) ** 1.0001, 1031.2)],
)
def test_beams_make_the_difference_of_their_energies(pump: Any, stokes: Any) -> None:
    axis = axis_from_beams(30, pump_nm=pump, stokes_nm=stokes)
    first = 1e7 / np.ravel(pump)[0] - 1e7 / np.ravel(stokes)[0]
    last = 1e7 / np.ravel(pump)[-1] - 1e7 / np.ravel(stokes)[-1]
    assert axis.shape == (30,)
    assert_allclose(axis[[0, -1]], [first, last])


def test_even_steps_of_wavelength_are_not_even_in_wavenumber() -> None:
    steps = np.diff(axis_from_beams(50, pump_nm=(802.0, 770.0), stokes_nm=1031.2))
    assert steps.min() > 0
    assert steps[-1] / steps[0] == pytest.approx((802 / 770) ** 2, rel=1e-2)


@pytest.mark.parametrize(
    ("pump", "stokes", "said"),
    [
        (800.0, 800.0, "both wavelengths are 800 nm"),
        (800.0, 1040.0, "neither wavelength changes"),
        (1040.0, (790.0, 800.0), "pump then Stokes"),
        ((790.0, 800.0, 795.0), 1040.0, "3 wavelengths for 30 planes"),
        ((790.0, 790.0), 1040.0, "neither wavelength changes"),
        ((0.0, 800.0), 1040.0, "above 0"),
        ((300.0, 800.0), 1040.0, "lies from -2000 to 10000"),
        (np.r_[np.arange(790.0, 805.0), np.arange(804.0, 789.0, -1)], 1040.0, "turns at point"),
    ],
)
def test_beams_that_make_no_axis(pump: Any, stokes: Any, said: str) -> None:
    with pytest.raises(CrimsonError, match=said):
        axis_from_beams(30, pump_nm=pump, stokes_nm=stokes)


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ([1.0, 2.0], "2 values for 3 planes"),
        ([1.0, 1.0, 1.0], "every plane would be at 1"),
        ([1.0, 3.0, 2.0], "must only rise or only fall"),
        ([1.0, np.inf, 3.0], "not finite"),
        ([0.0, 1.0, 10_001.0], "check it, a Raman shift"),
    ],
)
def test_what_is_no_axis(axis: list[float], said: str) -> None:
    with pytest.raises(CrimsonError, match=said):
        check_scan_axis(axis, 3)


def test_ends_of_the_range_are_axes() -> None:
    assert_allclose(check_scan_axis([-2000.0, 0.0, 10_000.0], 3), [-2000, 0, 10_000])


@pytest.mark.parametrize(("clicked", "found"), [(15, 20.25), (30, 20.25), (45, 60.0), (99, 60.0)])
def test_click_takes_the_nearest_maximum_between_planes(clicked: float, found: float) -> None:
    plane = np.arange(100.0)
    spectrum = np.exp(-0.5 * ((plane - 20.25) / 3) ** 2) + 0.5 * np.exp(-0.5 * ((plane - 60) / 3) ** 2)
    spectrum += 1e-3 * np.cos(plane * np.pi)  # ripples are no lines
    assert nearest_maximum(spectrum, clicked) == pytest.approx(found, abs=0.1)


def test_where_there_is_no_maximum_the_click_stays() -> None:
    assert nearest_maximum(np.arange(10.0), 4.0) == 4.0
    assert nearest_maximum(np.full(10, np.nan), 40.0) == 9.0
    assert nearest_maximum(np.r_[np.nan, 1, 5, 1, np.nan], 3.0) == 2.0
