"""Removers side by side."""

from __future__ import annotations

from shutil import copy
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import remove_background, score, simulate_stack, weights
from napari_crimson.compare import agreements, average, compare, has_truth
from napari_crimson.errors import CrimsonError
from napari_crimson.remover import FunctionRemover, Remover

PIXELS = [(3, 4), (10, 2), (15, 15)]


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    """Simulated tissue with its truth, one pixel of it saturated, bands at the end without light."""
    ds = simulate_stack((16, 16), wavenumber=np.linspace(600, 3400, 400), seed=3)
    cars = ds["cars"].values.copy()
    cars[0, 0] = np.iinfo(np.uint16).max
    cars[..., -20:] = 120
    light = ds["reference"].values.copy()
    light[-20:] = ds["dark"].values[-20:]
    return ds.assign(cars=(ds["cars"].dims, cars), reference=("wavenumber", light))


def doubled(spectra: np.ndarray, *_: Any) -> np.ndarray:
    return 2 * spectra


def plain(spectra: np.ndarray, *_: Any) -> np.ndarray:
    return spectra


class Unsure(Remover):
    """Gives a deviation, in units of its own."""

    name, gives_uncertainty, convention = "unsure", True, "susceptibility"

    def correct(self, spectra: Any, wavenumber: Any, reference: Any) -> tuple[Any, Any]:
        return 5 * spectra, np.full_like(spectra, 0.25)


@pytest.mark.parametrize("names", [["kk"], ["cnn", "kk"]])
def test_spectra_are_those_of_the_whole_removal(stack: xr.Dataset, names: list[str]) -> None:
    result = compare(stack, names, pixels=[*PIXELS, (0, 0)], precision="float32")  # bfloat16 differs from batch to batch
    assert result["raman"].dims == ("remover", "spectrum", "wavenumber")
    for name in names:
        whole = remove_background(stack, name, precision="float32")["raman"].values
        expected = np.stack([whole[pixel] for pixel in [*PIXELS, (0, 0)]])
        assert_allclose(result["raman"].sel(remover=name), expected, rtol=1e-3, atol=1e-4)
        assert np.isnan(result["raman"].sel(remover=name, spectrum=3)).all()
        assert np.isnan(result["raman"].sel(remover=name)[:, -20:]).all()
        assert np.isfinite(result["raman"].sel(remover=name)[:3, :-20]).all()
    assert_array_equal(result["cars"][:3], [stack["cars"].values[pixel] for pixel in PIXELS])
    assert_array_equal(result["y"], [3, 10, 15, 0])
    assert_array_equal(result["x"], [4, 2, 15, 0])


def test_dark_and_reference_are_as_asked_for(stack: xr.Dataset) -> None:
    seen: list[Any] = []

    def watching(spectra: np.ndarray, wavenumber: np.ndarray, reference: Any) -> np.ndarray:
        seen.append(reference)
        return spectra

    own = compare(stack, [watching], pixels=PIXELS)
    assert_allclose(seen[-1], (stack["reference"] - stack["dark"])[:-20], rtol=1e-5)
    assert_allclose(own["raman"][0, 0, :-20], (stack["cars"] - stack["dark"])[3, 4, :-20], rtol=1e-5)
    without = compare(stack, [watching], pixels=PIXELS, reference=None, dark=None)
    assert seen[-1] is None
    assert_allclose(without["raman"][0, 0, :-20], stack["cars"][3, 4, :-20], rtol=1e-5)


def test_difference_is_to_the_truth_where_there_is_one(stack: xr.Dataset) -> None:
    result = compare(stack, ["kk", plain], pixels=PIXELS)
    assert result.attrs["against"] == "truth"
    assert_array_equal(result["truth"], [stack["raman"].values[pixel] for pixel in PIXELS])
    assert_allclose(result["difference"], result["raman"] - result["truth"])


@pytest.mark.parametrize("marked", ["dataset", "variable", "absent"])
def test_difference_is_to_the_first_remover_otherwise(stack: xr.Dataset, marked: str) -> None:
    result = stack.drop_vars("raman") if marked == "absent" else stack.copy()
    if marked == "dataset":
        result.attrs["remover"] = "cnn"
    if marked == "variable":
        result["raman"] = result["raman"].assign_attrs(remover="cnn")
    assert has_truth(stack)
    assert not has_truth(result)
    found = compare(result, [plain, doubled], pixels=PIXELS)
    assert found.attrs["against"] == "plain"
    assert "truth" not in found
    assert_allclose(found["difference"].sel(remover="plain")[:, :-20], 0)
    assert_allclose(found["difference"].sel(remover="doubled"), found["raman"].sel(remover="plain"), rtol=1e-6)


def test_figures_are_those_of_score(stack: xr.Dataset) -> None:
    result = compare(stack, ["kk", "cnn"], region=(slice(4, 8), slice(4, 10)))
    to_truth, _, between = agreements(result)
    assert (to_truth.first, to_truth.second, to_truth.spectra) == ("truth", "kk", 24)
    assert (between.first, between.second) == ("kk", "cnn")
    lit = slice(None, -20)
    expected = score(result["truth"][:, lit], result["raman"].sel(remover="kk")[:, lit])
    assert to_truth.r == pytest.approx(expected["r_median"])
    assert to_truth.nrmse == pytest.approx(expected["nrmse"])
    assert to_truth.slope == pytest.approx(expected["slope"])


def test_figures_of_a_doubled_answer(stack: xr.Dataset) -> None:
    (pair,) = agreements(compare(stack.drop_vars("raman"), [plain, doubled], pixels=[*PIXELS, (0, 0)]))
    assert (pair.first, pair.second, pair.spectra, pair.scaled) == ("plain", "doubled", 3, False)
    assert pair.r == pytest.approx(1)
    assert pair.slope == pytest.approx(2)
    assert pair.nrmse == pytest.approx(1)


def test_other_convention_is_scaled_and_its_deviation_kept(stack: xr.Dataset) -> None:
    result = compare(stack.drop_vars("raman"), [plain, Unsure()], pixels=PIXELS)
    assert_allclose(result["raman"].sel(remover="unsure"), 5 * result["raman"].sel(remover="plain"), rtol=1e-5)
    assert_allclose(result["difference"].sel(remover="unsure")[:, :-20], 0, atol=1e-2)
    assert_allclose(result["uncertainty"].sel(remover="unsure")[:, :-20], 0.25)
    assert np.isnan(result["uncertainty"].sel(remover="plain")).all()
    (pair,) = agreements(result)
    assert pair.scaled
    assert np.isnan(pair.slope)
    assert pair.nrmse == pytest.approx(0, abs=1e-5)


def test_pixels_without_a_spectrum_have_no_figures(stack: xr.Dataset) -> None:
    (pair,) = agreements(compare(stack.drop_vars("raman"), [plain, doubled], pixels=[(0, 0)]))
    assert pair.spectra == 0
    assert np.isnan([pair.r, pair.nrmse, pair.slope]).all()


def test_default_pixels_are_told(stack: xr.Dataset) -> None:
    result = compare(stack, ["kk"])
    assert result.sizes["spectrum"] == 3
    assert "brightest" in result.attrs["chosen"]
    light = result["cars"].mean("wavenumber").values
    assert light[0] > light[1] > light[2]


def test_plain_array_and_speed(stack: xr.Dataset) -> None:
    axis = stack["wavenumber"].values
    result = compare(stack["cars"].values, [plain, doubled], wavenumber=axis, pixels=[(3, 4)], speed=True)
    assert result["spectra_per_s"].dims == ("remover",)
    assert (result["spectra_per_s"] > 0).all()
    assert "spectra_per_s" not in compare(stack, [plain], pixels=[(3, 4)])


@pytest.mark.parametrize(
    ("removers", "options", "message"),
    [
        ([], {}, "name two or more"),
        (["kk", "kk"], {}, "kk is named twice"),
        ([plain, FunctionRemover(doubled, "plain")], {}, "plain is named twice"),
        (["kk", "wizard"], {}, "no remover 'wizard'"),
        (["kk"], {"pixels": [(99, 0)]}, "not in the stack"),
        (["kk"], {"pixels": [(1, 1)], "region": (slice(1), slice(1))}, "give one of them"),
    ],
)
def test_what_cannot_be_compared_is_refused(stack: xr.Dataset, removers: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(CrimsonError, match=message):
        compare(stack, removers, **options)


def test_remover_that_cannot_do_with_the_stack_refuses_ahead_of_work(stack: xr.Dataset) -> None:
    class Choosy(FunctionRemover):
        fewest_points = 5000

    with pytest.raises(CrimsonError, match="at least 5000"):
        compare(stack, [plain, Choosy(doubled)], pixels=PIXELS)


def test_weights_of_one_name_are_told_apart_by_their_paths(stack: xr.Dataset, tmp_path: Any) -> None:
    home = weights.locate("cnn")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for suffix in (".safetensors", ".toml"):
            copy(home.with_suffix(suffix), tmp_path / folder / f"cnn{suffix}")
    paths = [tmp_path / folder / "cnn.safetensors" for folder in ("a", "b")]
    result = compare(stack, paths, pixels=PIXELS)
    assert list(result["remover"].values) == [str(path) for path in paths]


def test_average_is_over_the_pixels_that_hold_a_spectrum(stack: xr.Dataset) -> None:
    result = compare(stack, [plain, "cnn"], pixels=[*PIXELS, (0, 0)])
    mean = average(result)
    raman = result["raman"].values[:, :3].astype(float)
    assert mean["raman"].dims == ("remover", "wavenumber")
    assert_allclose(mean["raman"], raman.mean(axis=1), rtol=1e-5)
    assert_allclose(mean["raman_sd"], raman.std(axis=1, ddof=1), rtol=1e-5)
    assert_allclose(mean["cars"], result["cars"].values[:3].mean(axis=0))
    assert_allclose(
        mean["difference_sd"].sel(remover="cnn")[:-20], result["difference"].sel(remover="cnn")[:3, :-20].std(axis=0, ddof=1), rtol=1e-4
    )
    assert mean.attrs == result.attrs
    assert "uncertainty" not in mean


@pytest.mark.parametrize("pixel", [(0, 0), (3, 4)])
def test_average_of_one_pixel_has_no_deviation(stack: xr.Dataset, pixel: tuple[int, int]) -> None:
    mean = average(compare(stack, [plain], pixels=[pixel]))
    assert np.isnan(mean["raman_sd"]).all()
    assert np.isfinite(mean["raman"][0, :-20]).all() == (pixel != (0, 0))


def test_unexplained_intensity_tells_the_truth_from_a_wrong_answer(stack: xr.Dataset) -> None:
    truth = stack["raman"].values[2:8, 2:8].reshape(36, -1)[:, :-20]

    def right(spectra: np.ndarray, *_: Any) -> np.ndarray:
        return truth

    def wrong(spectra: np.ndarray, *_: Any) -> np.ndarray:
        return np.roll(truth, 25, axis=1)

    region = (slice(2, 8), slice(2, 8))
    result = compare(stack.drop_vars("raman"), [right, wrong, Unsure()], region=region)
    left = (result["unexplained"].values[..., :-20] ** 2).mean(axis=-1)
    assert 0.7 < np.median(left[0]) < 1.5
    assert np.median(left[1]) > 3
    assert np.isnan(left[2]).all()
    without = compare(stack.drop_vars("raman"), [right], region=region, reference=None)
    assert np.isnan(without["unexplained"]).all()
