"""The physics check: from an answer back to the intensity, and which pixels it points at."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import CrimsonError, simulate_stack
from napari_crimson.prepare import NoiseModel
from napari_crimson.resynthesis import CheckSettings, check, intensity_ratio, residuals, run_check
from napari_crimson.resynthesis.spectra import fit_excitation, fit_noise

AXIS = np.linspace(500.0, 3500.0, 500)
LINES = ((1000.0, 12.0, 0.2), (1660.0, 18.0, 0.4), (2200.0, 10.0, 0.3), (2900.0, 25.0, 0.6))


def chi3(phase: float = 0.0) -> np.ndarray:
    """χ_R/χ_NR (W,) of some lines far from the ends."""
    return np.exp(1j * phase) * sum(height * hwhm / (place - AXIS - 1j * hwhm) for place, hwhm, height in LINES)


def excitation() -> np.ndarray:
    return 20_000 * np.exp(-0.5 * ((AXIS - 1800) / 1100) ** 2) + 500


@pytest.fixture(scope="module")
def corrected() -> xr.Dataset:
    """A stack of 24 × 24 pixels with its true answer: what is left over is noise."""
    return simulate_stack((24, 24), wavenumber=AXIS, seed=3)


def changed(ds: xr.Dataset, bad: np.ndarray, *, cars: Any = None, raman: Any = None) -> xr.Dataset:
    """The stack with some pixels (n,) replaced: functions of their counts without dark, or of their answer, (n, W)."""
    dark = ds["dark"].values
    counts, answer = (ds[name].values.reshape(-1, AXIS.size).astype(float) for name in ("cars", "raman"))
    if cars is not None:
        counts[bad] = cars(counts[bad] - dark) + dark
    if raman is not None:
        answer[bad] = raman(answer[bad])
    shape, dims = ds["cars"].shape, ds["cars"].dims
    return ds.assign(cars=(dims, counts.reshape(shape)), raman=(dims, answer.reshape(shape)))


def test_the_true_answer_gives_the_line_shape_back_away_from_the_ends() -> None:
    chi = chi3()
    inner = slice(25, -25)
    assert_allclose(intensity_ratio(chi.imag[None])[0, inner], np.abs(1 + chi[inner]) ** 2, rtol=0.01)


def test_a_line_of_the_wrong_sign_gives_another_line_shape() -> None:
    chi = chi3()
    off = np.abs(intensity_ratio(-chi.imag[None])[0] - np.abs(1 + chi) ** 2)
    assert off.max() > 0.5


def test_excitation_and_levels_are_found_from_noise_free_spectra() -> None:
    levels = np.linspace(0.5, 2, 40)[:, None]
    found = fit_excitation(levels * excitation())
    assert_allclose(found / found.max(), excitation() / excitation().max(), rtol=1e-9)


@pytest.mark.parametrize(("gain", "read"), [(1.0, 6.0), (4.0, 20.0), (0.3, 0.0)])
def test_noise_is_found_from_the_counts(gain: float, read: float) -> None:
    rng = np.random.default_rng(0)
    fine = np.linspace(AXIS[0], AXIS[-1], 1500)  # a step of a fifth of the narrowest half width
    mean = np.interp(fine, AXIS, excitation() * np.abs(1 + chi3()) ** 2)
    counts = gain * rng.poisson(mean / gain, (200, fine.size)) + read * rng.normal(size=(200, fine.size))
    found = fit_noise(counts)
    light = np.array([1000.0, 20_000.0])
    assert_allclose(found.gain * light + found.read_noise**2, gain * light + read**2, rtol=0.1)


@pytest.mark.parametrize("with_reference", [True, False])
def test_residuals_of_the_true_answer_are_noise_and_of_another_are_not(with_reference: bool) -> None:
    rng = np.random.default_rng(1)
    mean = np.linspace(0.8, 1.2, 60)[:, None] * excitation() * np.abs(1 + chi3()) ** 2
    counts = mean + np.sqrt(mean + 36) * rng.normal(size=mean.shape)
    answer = np.repeat(chi3().imag[None], 60, axis=0)
    answer[7] *= 0.5
    reference = 3 * excitation() * np.linspace(0.9, 1.1, AXIS.size) if with_reference else None
    left = residuals(counts, answer, AXIS, reference)[:, 25:-25]
    chi2 = (left**2).mean(axis=1)
    assert_allclose(np.delete(chi2, 7), 1.0, atol=0.35)
    assert chi2[7] > 5


def test_the_true_answer_is_calm_and_its_residual_is_noise(corrected: xr.Dataset) -> None:
    found = run_check(corrected)
    assert found.attrs["usual_chi2"] == pytest.approx(1.0, abs=0.2)
    assert found.attrs["gain"] == pytest.approx(1.0, abs=0.15)
    assert np.median(found["distrust"]) < 0.5
    assert (found["distrust"] > 1).mean() < 0.05
    assert found["distrust"].dims == ("y", "x")


def test_scaling_the_intensities_changes_nothing(corrected: xr.Dataset) -> None:
    twice = corrected.assign(cars=corrected["cars"].astype(float) * 2, dark=corrected["dark"] * 2)
    assert_allclose(run_check(twice)["distrust"], run_check(corrected)["distrust"], rtol=1e-3, atol=1e-3)


def _ray(counts: np.ndarray) -> np.ndarray:
    counts = counts.copy()
    counts[:, 210:212] += 20 * np.sqrt(counts[:, 210:212])
    return counts


def _saturated(counts: np.ndarray) -> np.ndarray:
    return np.minimum(counts, 0.8 * counts.max(axis=1, keepdims=True))


def _fluorescent(counts: np.ndarray) -> np.ndarray:
    return counts + 0.1 * counts.max(axis=1, keepdims=True) * np.exp(-(AXIS - AXIS[0]) / 1200)


def _out_of_phase(counts: np.ndarray) -> np.ndarray:
    line = 0.2j * 12 / (2150.0 - AXIS - 12j)
    return counts * np.abs(1 + line) ** 2


def _incoherent(counts: np.ndarray) -> np.ndarray:
    return counts * (1 + 0.1 * np.exp(-4 * np.log(2) * ((AXIS - 2150) / 30) ** 2))


@pytest.mark.parametrize("corrupt", [_ray, _saturated, _fluorescent, _out_of_phase, _incoherent])
def test_each_corruption_of_the_counts_stands_out(corrected: xr.Dataset, corrupt: Any) -> None:
    bad = np.arange(5, 576, 24)
    found = run_check(changed(corrected, bad, cars=corrupt))["distrust"].values.ravel()
    sound = np.delete(found, bad)
    assert np.median(found[bad]) > max(1.0, np.quantile(sound, 0.9))
    assert (found[bad][:, None] > sound).mean() > 0.9


@pytest.mark.parametrize("answer", [lambda r: r + 0.03 * np.cos(AXIS / 64), lambda r: 0.5 * r, lambda r: r + 0.1 * (abs(AXIS - 2150) < 15)])
def test_an_answer_that_does_not_fit_its_spectrum_stands_out(corrected: xr.Dataset, answer: Any) -> None:
    strong = np.argsort(corrected["raman"].values.reshape(-1, AXIS.size).max(axis=1))
    bad = strong[-100::4]
    found = run_check(changed(corrected, bad, raman=answer))["distrust"].values.ravel()
    assert (found[bad][:, None] > np.delete(found, bad)).mean() > 0.9


def test_an_answer_that_follows_every_spike_is_seen_through(corrected: xr.Dataset) -> None:
    """Kramers–Kronig explains any spectrum; what it needs for a cosmic ray is narrower than a line."""
    from napari_crimson import remove_background

    bad = np.arange(5, 576, 24)
    hit = changed(corrected, bad, cars=_ray).drop_vars("raman")
    found = run_check(remove_background(hit, "kk"))["distrust"].values.ravel()
    assert (found[bad][:, None] > np.delete(found, bad)).mean() > 0.9


def test_pixels_without_an_answer_stay_nan_alone(corrected: xr.Dataset) -> None:
    ds = corrected.load().copy(deep=True)
    ds["raman"][2, 3, :] = np.nan
    ds["cars"][4, 5, :] = 65_535
    found = run_check(ds)
    for image in ("distrust", "chi2"):
        there = np.isfinite(found[image].values)
        assert_array_equal(np.argwhere(~there), [[2, 3], [4, 5]])


def test_bands_without_an_answer_are_left_out(corrected: xr.Dataset) -> None:
    ds = corrected.load().copy(deep=True)
    ds["raman"][..., :40] = np.nan
    found = check(ds, residual=True)
    assert np.isfinite(found["distrust"].values).all()
    assert_array_equal(np.isfinite(found["residual"].values[1, 1]), np.arange(AXIS.size) >= 40)
    assert_array_equal(np.isfinite(found["excitation"].values), np.arange(AXIS.size) >= 40)


def test_it_is_lazy_and_the_cut_changes_nothing(corrected: xr.Dataset) -> None:
    whole = check(corrected, residual=True)
    assert isinstance(whole["distrust"].data, da.Array)
    cut = corrected.assign(cars=corrected["cars"].chunk({"y": 7, "x": 24}), raman=corrected["raman"].chunk({"y": 24, "x": 5}))
    pieces = check(cut, residual=True)
    for name in ("distrust", "chi2", "residual"):
        assert_allclose(pieces[name], whole[name], rtol=1e-4, atol=1e-4)
    assert_allclose(run_check(cut)["chi2"], whole["chi2"], rtol=1e-4)


def test_progress_is_told_and_what_it_raises_ends_the_work(corrected: xr.Dataset) -> None:
    class StopHereError(Exception):
        pass

    def stop(part: float) -> None:
        raise StopHereError

    told: list[float] = []
    run_check(corrected, progress=told.append)
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] < 1
    with pytest.raises(StopHereError):
        run_check(corrected, progress=stop)


def test_a_noise_model_given_is_taken(corrected: xr.Dataset) -> None:
    quiet = check(corrected, CheckSettings(noise=NoiseModel(gain=0.25)))
    assert quiet.attrs["usual_chi2"] == pytest.approx(4.0, rel=0.25)


def test_what_cannot_be_checked_is_refused(corrected: xr.Dataset) -> None:
    with pytest.raises(CrimsonError, match="no raman"):
        check(corrected.drop_vars("raman"))
    with pytest.raises(CrimsonError, match="convention 'susceptibility'"):
        check(corrected.assign(raman=corrected["raman"].assign_attrs(convention="susceptibility")))
    with pytest.raises(CrimsonError, match="the check needs 64 pixels"):
        check(corrected.isel(y=slice(0, 2)))
    with pytest.raises(CrimsonError, match="a dark of shape"):
        check(corrected, dark=np.zeros(3))
    with pytest.raises(CrimsonError, match="resolution_cm1 -1"):
        CheckSettings(resolution_cm1=-1)
    with pytest.raises(CrimsonError, match="give both as"):
        residuals(np.ones((2, 30)), np.ones((2, 31)), np.arange(30.0))
    with pytest.raises(CrimsonError, match="above 0 in every band"):
        residuals(np.ones((2, 30)), np.zeros((2, 30)), np.arange(30.0), np.zeros(30))
