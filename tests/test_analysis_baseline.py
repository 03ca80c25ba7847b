"""Baselines of pybaselines."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from pybaselines import Baseline

from napari_crimson import CrimsonError
from napari_crimson.analysis import baseline_methods, subtract_baseline
from napari_crimson.analysis.baseline import baseline_options, options_from_text
from napari_crimson.stack import make_stack

AXIS = np.linspace(600.0, 1800.0, 500)
RNG = np.random.default_rng(0)


def lines_on_a_bend(shape: tuple[int, ...] = (4, 5)) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of narrow lines (Y, X, W), and what a broad bend is below them."""
    lines = sum(np.exp(-(((AXIS - at) / 8) ** 2)) for at in (785, 1004, 1445, 1655))
    amounts = RNG.uniform(0.5, 2, (*shape, 1))
    bend = RNG.uniform(1, 3, (*shape, 1)) * np.sin((AXIS - 600) / 500) + RNG.uniform(-1, 1, (*shape, 1))
    return amounts * lines, bend + 0.005 * RNG.normal(size=(*shape, AXIS.size))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def corrected(raman: np.ndarray) -> xr.Dataset:
    return make_stack(raman.astype(np.float32), AXIS, history=["corrected"]).rename(cars="raman")


@pytest.mark.parametrize(
    ("method", "options"), [("arpls", {"lam": 1e5}), ("asls", {"lam": 1e5, "p": 0.001}), ("snip", {"max_half_window": 30})]
)
def test_a_bend_goes_and_the_lines_stay(method: str, options: dict[str, float]) -> None:
    lines, bend = lines_on_a_bend()
    stack = corrected(lines + bend)
    done = subtract_baseline(stack, method, **options)
    assert isinstance(done["raman"].data, da.Array)
    assert rms(done["raman"].values - lines) < 0.12 * rms(bend)
    assert np.abs(stack["raman"] - lines).max() > 1  # the one given is as it was
    assert done.attrs["history"][0] == "corrected"
    assert done.attrs["history"][-1].startswith(f"baseline subtracted: {method}, ")


def test_it_is_the_baseline_of_pybaselines() -> None:
    lines, bend = lines_on_a_bend((1, 1))
    spectrum = (lines + bend).astype(np.float32)
    done = subtract_baseline(corrected(spectrum), "airpls", lam=1e5)["raman"].values[0, 0]
    assert_allclose(done, spectrum[0, 0] - Baseline(AXIS).airpls(spectrum[0, 0].astype(float), lam=1e5)[0], atol=1e-6)


def test_nan_stay_where_they_are() -> None:
    lines, bend = lines_on_a_bend()
    spectra = lines + bend
    spectra[..., :30] = np.nan
    spectra[0, 0] = np.nan
    spectra[1, 1, 250] = np.nan
    spectra[2, 2, 9:] = np.nan
    done = subtract_baseline(corrected(spectra), "arpls", lam=1e5)["raman"].values
    assert_array_equal(np.isnan(done), np.isnan(spectra) | (np.isfinite(spectra).sum(axis=-1, keepdims=True) < 10))
    assert_allclose(np.delete(done[1, 1, 40:], 210), np.delete(lines[1, 1, 40:], 210), atol=0.12)


def test_constant_spectra_have_nothing_above_their_baseline() -> None:
    done = subtract_baseline(corrected(np.full((1, 2, 500), 3.0)), "asls")["raman"].values
    assert_allclose(done, 0, atol=1e-4)


def test_the_methods_are_those_of_the_library() -> None:
    assert {"arpls", "asls", "airpls", "snip", "modpoly", "mor", "rubberband"} <= set(baseline_methods())
    assert "collab_pls" not in baseline_methods()
    assert baseline_options("asls")["p"] == 0.01


def test_an_unknown_method_is_told_with_the_close_ones() -> None:
    with pytest.raises(CrimsonError, match=r"no baseline method 'arpl'; did you mean .*arpls"):
        subtract_baseline(corrected(np.ones((1, 1, 500))), "arpl")
    with pytest.raises(CrimsonError, match=r"pybaselines has .*asls"):
        subtract_baseline(corrected(np.ones((1, 1, 500))), "___")


def test_an_unknown_option_and_a_bad_value_are_told() -> None:
    with pytest.raises(CrimsonError, match=r"asls has no option 'lamb', did you mean lam.; its options: lam, p"):
        subtract_baseline(corrected(np.ones((1, 1, 500))), "asls", lamb=3)
    with pytest.raises(CrimsonError, match=r"asls: p must be between 0 and 1"):
        subtract_baseline(corrected(np.ones((1, 1, 500))), "asls", p=3)
    with pytest.raises(CrimsonError, match="interp_pts: "):
        subtract_baseline(corrected(np.ones((1, 1, 500))), "interp_pts")


def test_options_are_read_as_typed() -> None:
    typed = options_from_text("lam=1e6, p = 0.01, weights=None, method=asls, num_knots=[3, 4], ")
    assert typed == {"lam": 1e6, "p": 0.01, "weights": None, "method": "asls", "num_knots": [3, 4]}
    assert options_from_text("") == {}
    with pytest.raises(CrimsonError, match=r"'1e6' is no option; write name=value"):
        options_from_text("1e6")
