from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError
from napari_crimson.prepare import NoiseModel, anscombe, inverse_anscombe, restore_counts, stabilise_variance
from napari_crimson.stack import make_stack


def measured(electrons: float, noise: NoiseModel, dark: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return noise.gain * rng.poisson(electrons, 200_000) + dark + rng.normal(0, noise.read_noise, 200_000)


@pytest.mark.parametrize("noise", [NoiseModel(), NoiseModel(gain=2.5, read_noise=8.0), NoiseModel(gain=0.4, read_noise=1.0)])
@pytest.mark.parametrize("electrons", [5, 30, 1000, 40_000])
def test_the_noise_is_one_whatever_the_light(noise: NoiseModel, electrons: float) -> None:
    assert anscombe(measured(electrons, noise, 400), noise=noise, dark=400).std() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("noise", [NoiseModel(), NoiseModel(gain=2.5, read_noise=3.0)])
@pytest.mark.parametrize("electrons", [1, 3, 10, 100, 10_000])
def test_the_inverse_of_the_mean_is_the_mean_of_the_counts(noise: NoiseModel, electrons: float) -> None:
    """Which the inverse of the root, low by a quarter of an electron, is not."""
    mean = anscombe(measured(electrons, noise), noise=noise).mean(dtype=float)
    assert inverse_anscombe(mean, noise=noise) / noise.gain == pytest.approx(electrons, rel=0.002, abs=0.06)


def test_a_stack_goes_there_and_back() -> None:
    counts = np.random.default_rng(1).integers(600, 60_000, (4, 5, 20)).astype("u2")
    ds = make_stack(counts, np.arange(20.0), dark=np.full(20, 400.0))
    there = stabilise_variance(ds, NoiseModel(gain=2, read_noise=5))
    back = restore_counts(there)
    np.testing.assert_allclose(back["cars"].values, counts, rtol=0, atol=1.0)  # half an electron: it undoes the mean, not the root
    assert "noise_model" not in back["cars"].attrs
    with pytest.raises(CrimsonError, match="stabilised already"):
        stabilise_variance(there)
    with pytest.raises(CrimsonError, match="counts already"):
        restore_counts(ds)


@pytest.mark.parametrize("words", [{"gain": 0.0}, {"gain": np.inf}, {"read_noise": -1.0}, {"read_noise": np.nan}])
def test_a_camera_that_cannot_be_is_refused(words: dict[str, float]) -> None:
    with pytest.raises(CrimsonError, match=next(iter(words))):
        NoiseModel(**words)


@pytest.mark.parametrize(("dark", "said"), [(5000.0, "brighter than the data"), (np.nan, "the dark holds 40 values that are not finite")])
def test_a_dark_that_cannot_be_the_cameras_is_refused(dark, said):
    counts = np.random.default_rng(6).poisson(300, (4, 5, 40)).astype("u2") + 100
    with pytest.raises(CrimsonError, match=said):
        stabilise_variance(make_stack(counts, np.arange(40.0), dark=np.full(40, dark)))
