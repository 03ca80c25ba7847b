from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from napari_crimson import CrimsonError, simulate_stack
from napari_crimson.prepare import NoiseModel, SVDSettings, decompose, denoise_svd
from napari_crimson.stack import make_stack

AXIS = np.linspace(500, 3500, 250)


class Silent(np.random.Generator):
    """A generator that draws all but the noise."""

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        return np.zeros(size)


def noisy_and_clean(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], **words: float) -> tuple[xr.Dataset, np.ndarray]:
    noisy = simulate_stack(shape, wavenumber=AXIS, **words)
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "default_rng", lambda seed: Silent(np.random.PCG64(seed)))
        clean = simulate_stack(shape, wavenumber=AXIS, **words)["cars"].values.astype(float)
    return noisy, clean


@pytest.mark.parametrize("scaling", ["noise", "anscombe", "none"])
@pytest.mark.parametrize(
    ("side", "ratio", "photons", "seed"),
    [(40, 0.4, 40_000, 0), (40, 0.1, 40_000, 1), (40, 0.02, 40_000, 2), (40, 0.4, 4_000, 3), (40, 0.1, 400, 4), (14, 0.3, 20_000, 5)],
)
def test_the_automatic_choice_is_within_three_of_the_best(monkeypatch, scaling, side, ratio, photons, seed):
    ds, truth = noisy_and_clean(monkeypatch, (side, side), ratio=ratio, photons=photons, seed=seed)
    noise = np.sqrt((truth - 400).clip(0).mean((0, 1)) + 36)
    parts = decompose(ds, SVDSettings(scaling=scaling, noise_model=NoiseModel(read_noise=6)))
    error = [((parts.denoise(k)["cars"].values - truth) / noise).std() for k in range(1, parts.components + 5)]
    assert abs(parts.components - (1 + int(np.argmin(error)))) <= 3
    assert error[parts.components - 1] < (0.2 if side > 30 else 0.4)  # of the noise


def test_the_noise_of_each_band_is_found(monkeypatch):
    ds, truth = noisy_and_clean(monkeypatch, (50, 50), photons=20_000.0)
    expected = np.sqrt((truth - 400).clip(0).mean((0, 1)) + 36)
    assert np.median(np.abs(decompose(ds).noise / expected - 1)) < 0.03


def test_as_many_components_as_bands_give_the_stack_back():
    ds = simulate_stack((9, 10), wavenumber=AXIS[:60])
    np.testing.assert_allclose(denoise_svd(ds, SVDSettings(components=60))["cars"].values, ds["cars"].values, rtol=1e-4)


def test_it_is_the_svd():
    ds = simulate_stack((9, 12), wavenumber=AXIS[:40])
    parts = decompose(ds, SVDSettings(components=3, scaling="none"))
    flat = ds["cars"].values.reshape(-1, 40).astype(float)
    u, s, v = np.linalg.svd(flat, full_matrices=False)
    np.testing.assert_allclose(parts.singular_values[:5], s[:5], rtol=1e-6)
    np.testing.assert_allclose(np.abs(parts.vectors.values[:3]), np.abs(v[:3]), atol=1e-4)
    maps = parts.maps(3)
    assert maps.dims == ("y", "x", "component")
    np.testing.assert_allclose(np.abs(maps.values.reshape(-1, 3)), np.abs(u[:, :3] * s[:3]), atol=1)
    np.testing.assert_allclose(parts.denoise()["cars"].values.reshape(-1, 40), (u[:, :3] * s[:3]) @ v[:3], rtol=1e-3)
    assert parts.vectors.dims == ("component", "wavenumber")


def test_bad_pixels_are_left_out_and_told():
    ds = simulate_stack((12, 12), wavenumber=AXIS[:80])
    cars = ds["cars"].values.astype("f4")
    cars[3, 4, 5], cars[6] = np.nan, 0
    done = denoise_svd(ds.assign(cars=(ds["cars"].dims, cars)))
    assert done.attrs["history"][-1].endswith("13 of 144 pixels hold no spectrum")
    assert "chosen automatically" in done.attrs["history"][-1]
    assert np.isnan(done["cars"].values).all(axis=-1).sum() == 13


def test_fewer_pixels_than_components_are_refused():
    ds = simulate_stack((3, 4), wavenumber=AXIS)
    with pytest.raises(CrimsonError, match=r"13 components of 12 pixels.*give 1 to 12"):
        denoise_svd(ds, SVDSettings(components=13))
    with pytest.raises(CrimsonError, match="give 1 to 12"):
        decompose(ds).maps(40)
    with pytest.raises(CrimsonError, match="none of 4 pixels"):
        denoise_svd(make_stack(np.zeros((2, 2, 30)), np.arange(30.0)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 3)])
def test_a_handful_of_pixels_has_a_component(shape):
    ds = simulate_stack(shape, wavenumber=AXIS)
    assert np.isfinite(denoise_svd(ds)["cars"].values).all()


def test_data_without_noise_stay_as_they_are():
    flat = np.outer(np.linspace(1, 2, 30), 1000 + 500 * np.sin(AXIS / 100)).reshape(5, 6, -1)
    np.testing.assert_allclose(denoise_svd(make_stack(flat, AXIS))["cars"].values, flat, rtol=1e-4)


@pytest.mark.parametrize("words", [{"components": 0}, {"components": "most"}, {"components": 2.5}, {"scaling": "root"}])
def test_settings_out_of_range_are_refused(words):
    with pytest.raises(CrimsonError, match=next(iter(words))):
        SVDSettings(**words)


@pytest.mark.parametrize(("dark", "said"), [(5e5, "brighter than the data"), (np.nan, "the dark holds 250 values that are not finite")])
def test_a_dark_that_cannot_be_the_cameras_is_refused(dark, said):
    ds = simulate_stack((4, 5), wavenumber=AXIS)
    with pytest.raises(CrimsonError, match=said):
        decompose(ds.assign(dark=("wavenumber", np.full(250, dark))), SVDSettings(scaling="anscombe"))
