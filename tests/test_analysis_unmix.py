"""Unmixing: known spectra and abundances are found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment, nnls

from napari_crimson import CrimsonError, simulate_stack
from napari_crimson.analysis import UNMIXING, components, unmix
from napari_crimson.analysis.nonnegative import nonnegative_least_squares, shares_of
from napari_crimson.analysis.sample import draw_sample
from napari_crimson.stack import make_stack
from refusing import refused

AXIS = np.linspace(600.0, 1800.0, 240)
LINES = ((700, 1004, 1300), (785, 1100, 1655), (850, 1200, 1445))


def pure_spectra() -> np.ndarray:
    """Three spectra (3, W) of lines that overlap a little, on broad wings that overlap more."""
    return np.stack([sum(np.exp(-(((AXIS - at) / 18) ** 2)) + 0.2 * np.exp(-(((AXIS - at) / 90) ** 2)) for at in lines) for lines in LINES])


def mixtures(
    *, shape: tuple[int, int] = (30, 36), noise: float = 0.03, seed: int = 0, sharp: bool = False
) -> tuple[np.ndarray, xr.Dataset]:
    """Shares (3, Y, X) that sum to one, with pure pixels, and the corrected stack."""
    rng = np.random.default_rng(seed)
    fields = gaussian_filter(rng.normal(size=(3, *shape)), (0, 3, 3))
    shares = np.exp((60.0 if sharp else 12.0) * fields / fields.std())
    shares = shares / shares.sum(axis=0)
    if sharp:
        shares = (shares == shares.max(axis=0)).astype(float)
    spectra = np.einsum("kyx,kw->yxw", shares, pure_spectra()) + noise * rng.normal(size=(*shape, AXIS.size))
    stack = make_stack(spectra.astype(np.float32), AXIS, step_um={"y": 0.5, "x": 0.5}, history=["corrected"])
    return shares, stack.rename(cars="raman")


def agreement(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Correlation of each true row with the found row that is its own, one for one."""
    flat = [part.reshape(len(part), -1) for part in (true, found)]
    r = np.corrcoef(*flat)[: len(true), len(true) :]
    return r[linear_sum_assignment(-r)]


@pytest.mark.parametrize("method", ["mcr", "nmf", "nfindr"])
def test_mixtures_are_taken_apart(method: Any) -> None:
    shares, stack = mixtures()
    found = unmix(stack, method, components=3)
    assert found["abundance"].dims == ("component", "y", "x")
    assert isinstance(found["abundance"].data, da.Array)
    assert found["abundance"].dtype == np.float32
    assert agreement(found["spectra"].values, pure_spectra()).min() > 0.99
    assert agreement(found["abundance"].values, shares).min() > 0.99
    assert found["abundance"].min() >= 0
    assert found["abundance"]["y"][1] == 0.5
    assert_array_equal(found["wavenumber"], AXIS)
    assert f"unmixed by {method} into 3 components, from 1080 of 1080 pixels: lack of fit" in found.attrs["history"][-1]


def test_groups_of_pixels_are_found() -> None:
    shares, stack = mixtures(sharp=True, noise=0.1)
    found = unmix(stack, "kmeans", components=3)
    assert_array_equal(np.unique(found["abundance"]), [0, 1])
    assert_array_equal(found["abundance"].sum("component"), 1)
    assert agreement(found["abundance"].values, shares).min() > 0.999
    assert agreement(found["spectra"].values, pure_spectra()).min() > 0.99


@pytest.mark.parametrize("method", ["mcr", "nmf"])
def test_species_of_a_tissue_are_found(method: Any) -> None:
    stack = simulate_stack((40, 40), wavenumber=np.linspace(600, 3400, 350), seed=1)
    names = [name for name in stack if str(name).startswith("concentration")]
    true = np.stack([stack[name].values for name in names])
    pure = np.linalg.lstsq(true.reshape(4, -1).T, stack["raman"].values.reshape(1600, -1))[0]
    noisy = stack["raman"] + 0.01 * np.random.default_rng(0).normal(size=stack["raman"].shape).astype(np.float32)
    found = unmix(xr.Dataset({"raman": noisy}), method, components=4)
    assert agreement(found["spectra"].values, pure).min() > 0.95
    assert agreement(found["abundance"].values, true).min() > 0.93


@pytest.mark.parametrize("method", ["mcr", "nmf", "nfindr"])
def test_spectra_times_abundance_are_the_stack(method: Any) -> None:
    _, stack = mixtures(noise=0.01)
    noise = 0.01 / np.sqrt(float((stack["raman"] ** 2).mean()))
    found = unmix(stack, method, components=3)
    again = np.einsum("kyx,kw->yxw", found["abundance"].values, found["spectra"].values)
    assert np.linalg.norm(again - stack["raman"]) / np.linalg.norm(stack["raman"]) < 1.05 * noise
    assert float(found["lack_of_fit"]) == pytest.approx(
        100 * np.linalg.norm(again - stack["raman"]) / np.linalg.norm(stack["raman"]), rel=1e-3
    )
    if method != "nfindr":
        assert_allclose(found["spectra"].max("wavenumber"), 1)


def test_lack_of_fit_tells_the_noise() -> None:
    _, stack = mixtures(noise=0.1)
    noise = 100 * 0.1 / np.sqrt(float((stack["raman"] ** 2).mean()))
    assert float(unmix(stack, "mcr", components=3)["lack_of_fit"]) == pytest.approx(noise, rel=0.03)
    assert float(unmix(stack, "mcr", components=2)["lack_of_fit"]) > 1.5 * noise


@pytest.mark.parametrize("method", UNMIXING)
def test_the_same_seed_gives_the_same_however_the_stack_is_cut(method: Any) -> None:
    _, stack = mixtures()
    cut = stack.chunk({"y": 7, "x": 11})
    first, second = (unmix(one, method, components=3, most_pixels=400, iterations=60, seed=3) for one in (stack, cut))
    assert_allclose(first["spectra"], second["spectra"], rtol=1e-10)
    assert_allclose(first["abundance"], second["abundance"], rtol=1e-6)
    assert "from 400 of 1080 pixels" in first.attrs["history"][-1]


@pytest.mark.parametrize("method", UNMIXING)
def test_nan_pixels_are_left_out_and_nan_bands_stay(method: Any) -> None:
    _, stack = mixtures()
    whole = unmix(stack.isel(wavenumber=slice(20, None)), method, components=3)
    raman = stack["raman"].values.copy()
    raman[..., :20] = np.nan
    raman[2, 3] = np.nan
    raman[4, 5, 100] = np.nan
    found = unmix(stack.assign(raman=(stack["raman"].dims, raman)), method, components=3)
    assert_array_equal(np.argwhere(np.isnan(found["abundance"].values).any(axis=0)), [[2, 3], [4, 5]])
    assert np.isnan(found["spectra"].values[:, :20]).all()
    assert agreement(found["spectra"].values[:, 20:], whole["spectra"].values).min() > 0.999
    assert "1 hold no spectrum" in found.attrs["history"][-1]


def test_shares_can_be_held_to_a_sum_of_one() -> None:
    shares, stack = mixtures()
    found = unmix(stack, "nfindr", components=3, sum_to_one=True)
    assert_allclose(found["abundance"].sum("component"), 1, atol=1e-3)
    assert agreement(found["abundance"].values, shares).min() > 0.99


def test_stacks_of_planes_and_measured_ones_are_taken() -> None:
    _, stack = mixtures(shape=(12, 14))
    deep = make_stack(np.stack([stack["raman"].values] * 2), AXIS)
    found = unmix(deep, "nfindr", components=3)
    assert found["abundance"].dims == ("component", "z", "y", "x")
    assert_allclose(found["abundance"][:, 0], found["abundance"][:, 1])


def test_progress_comes_and_what_it_raises_ends_the_work() -> None:
    _, stack = mixtures()
    seen: list[float] = []
    for method in UNMIXING:
        seen.clear()
        unmix(stack.chunk({"y": 10}), method, components=3, iterations=60, progress=seen.append)  # type: ignore[arg-type]
        assert seen == sorted(seen)
        assert seen[-1] == 1
        assert len(seen) >= 4

    def stop(part: float) -> None:
        if part > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unmix(stack, "mcr", components=3, progress=stop)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "pca"}, "give one of mcr, nmf, nfindr, kmeans"),
        ({"components": 1}, "at least 2 components"),
        ({"iterations": 0}, "1 iteration"),
        ({"components": 9, "most_pixels": 7}, "9 components of 7 pixels .* 240 bands: give 2 to 7"),
    ],
)
def test_unusable_choices_are_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(CrimsonError, match=said):
        unmix(mixtures(shape=(6, 6))[1], **options)


def test_a_stack_of_nan_is_told_of() -> None:
    with pytest.raises(CrimsonError, match="none of 6 pixels holds a spectrum"):
        unmix(make_stack(np.full((2, 3, 240), np.nan), AXIS), "nfindr")


@pytest.mark.parametrize(("method", "package"), [("mcr", "scikit-learn"), ("nmf", "scikit-learn"), ("kmeans", "scikit-learn")])
def test_a_missing_extra_is_one_line_with_the_cure(method: Any, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(components, "import_module", missing)
    monkeypatch.chdir(tmp_path)
    with refused(tmp_path, rf'{package}, .* pip install "napari-crimson\[analysis\]"'):
        unmix(mixtures(shape=(6, 6))[1], method, components=2)
    assert unmix(mixtures(shape=(6, 6))[1], "nfindr", components=2)["spectra"].shape == (2, 240)  # needs none


def test_pymcr_does_not_write_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    unmix(mixtures(shape=(8, 8))[1], "mcr", components=3, iterations=5)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("kind", ["mixed", "all negative", "twice the same", "many components"])
def test_nonnegative_shares_are_those_of_scipy(kind: str) -> None:
    rng = np.random.default_rng(1)
    spectra = np.abs(rng.normal(size=(14 if kind == "many components" else 5, 40)))
    if kind == "twice the same":
        spectra[1] = spectra[0]
    values = rng.normal(size=(300, len(spectra))) @ spectra + 0.5 * rng.normal(size=(300, 40))
    if kind == "all negative":
        values = -np.abs(values)
    found = shares_of(values, spectra)
    assert found.min() >= 0
    best = np.array([nnls(spectra.T, one)[0] for one in values])
    residual = [np.linalg.norm(values - one @ spectra, axis=1) for one in (found, best)]
    assert_allclose(*residual, rtol=1e-9)
    if kind != "twice the same":
        assert_allclose(found, best, atol=1e-9)
    assert_allclose(nonnegative_least_squares(spectra.T, values.T), found.T)


def test_a_sample_is_drawn_evenly_from_sound_pixels() -> None:
    values = np.arange(2000, dtype=np.float32).reshape(40, 50, 1) * np.ones(3, dtype=np.float32)
    values[:20] = np.nan
    sample = draw_sample(da.from_array(values, chunks=(9, 50, 3)), 200, np.random.default_rng(0))
    assert sample.spectra.shape == (200, 3)
    assert (sample.pixels, sample.bad_pixels) == (2000, 1000)
    assert len(np.unique(sample.spectra[:, 0])) == 200
    assert abs(sample.spectra[:, 0].mean() - 1500) < 4 * 289 / np.sqrt(200)


def test_random_pixels_of_a_large_stack_are_read_block_by_block() -> None:
    reading: list[int] = []

    def block(_: np.ndarray, block_id: tuple[int, ...] = ()) -> np.ndarray:
        reading.append(block_id[0])
        return np.random.default_rng(block_id[0]).random((1, 400, 24)).astype(np.float32)

    make: Callable[..., da.Array] = da.map_blocks
    lazy = make(
        block, da.zeros((30, 400, 24), chunks=(1, 400, 24), dtype=np.float32), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    found = unmix(make_stack(lazy, np.arange(24.0) + 600), "nfindr", components=3, most_pixels=50)
    assert sorted(reading) == list(range(30))  # once each, and none for the shares yet
    assert found["abundance"].isel(y=3).values.shape == (3, 400)
    assert sorted(reading) == sorted([*range(30), 3])
