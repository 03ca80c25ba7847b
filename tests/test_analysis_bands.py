"""Bands by name, their images and ratios, and normalisation."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import CrimsonError
from napari_crimson.analysis import NAMED_BANDS, band_image, band_of, band_ratio, image_noise, normalise
from napari_crimson.io import open_stack, save_stack
from napari_crimson.stack import make_stack

AXIS = np.linspace(2700.0, 3100.0, 401)


def corrected(raman: np.ndarray, axis: np.ndarray = AXIS, **more: np.ndarray) -> xr.Dataset:
    """A corrected stack (Y, X, W)."""
    stack = make_stack(raman.astype(np.float32), axis, step_um={"y": 0.5, "x": 0.25}, source="cell", history=["corrected"])
    return stack.rename(cars="raman").assign({name: (stack["cars"].dims, values) for name, values in more.items()})


def line(centre: float, width: float = 8.0, axis: np.ndarray = AXIS) -> np.ndarray:
    return np.exp(-(((axis - centre) / width) ** 2))


def two_lines(rng: np.random.Generator, shape: tuple[int, int] = (12, 15)) -> tuple[np.ndarray, np.ndarray]:
    """Amounts (2, Y, X) of a line at 2850 and one at 2935, and the spectra."""
    amounts = rng.uniform(0.2, 1.0, (2, *shape))
    return amounts, np.einsum("kyx,kw->yxw", amounts, np.stack([line(2850), line(2935)]))


@pytest.mark.parametrize(("text", "name"), [("CH₂ 2850", "CH2"), ("amide I 1655", "amide I"), ("Phe 1004", "phenylalanine")])
def test_a_name_may_have_its_place_behind_it(text: str, name: str) -> None:
    assert band_of(text).name == name


@pytest.mark.parametrize("name", ["CH2", "ch2", "CH₂", " ch2 "])
def test_a_band_is_known_in_any_spelling(name: str) -> None:
    assert band_of(name) == NAMED_BANDS["CH2"]


def test_a_band_by_number_and_by_edges() -> None:
    assert band_of(1004).edges_cm1 == (994, 1014)
    assert band_of("1004 cm⁻¹", width_cm1=4).edges_cm1 == (1002, 1006)
    assert band_of("2840-2860").edges_cm1 == band_of("2840–2860").edges_cm1 == band_of((2860, 2840)).edges_cm1 == (2840, 2860)
    assert band_of("O–H") == NAMED_BANDS["OH"]
    assert band_of("amide-i") == NAMED_BANDS["amide I"]


def test_an_unknown_band_is_told_with_the_close_ones() -> None:
    with pytest.raises(CrimsonError, match=r"'phenylalanin' is no band .did you mean phenylalanine.*CH2.*2840-2860"):
        band_of("phenylalanin")
    with pytest.raises(CrimsonError, match="width"):
        band_of(2850, width_cm1=0)


def test_the_image_of_a_band_is_its_amount_and_knows_where_it_is_from() -> None:
    amounts, spectra = two_lines(np.random.default_rng(0))
    image = band_image(corrected(spectra), "CH2")
    assert image.dims == ("y", "x")
    assert image.dtype == np.float32
    assert isinstance(image.data, da.Array)
    assert_allclose(image / image.mean(), amounts[0] / amounts[0].mean(), rtol=1e-4)
    assert image["x"].values[1] == 0.25
    assert image.attrs["history"] == ["corrected", "mean of the band CH2 2840–2860 cm⁻¹"]


def test_the_area_is_that_of_the_line_on_an_uneven_axis() -> None:
    axis = 2700 + 400 * np.linspace(0, 1, 900) ** 1.5
    image = band_image(corrected(np.tile(3 * line(2850, axis=axis), (2, 2, 1)), axis), 2850, width_cm1=80, value="area")
    assert_allclose(image.values, 3 * 8 * np.sqrt(np.pi), rtol=2e-3)


@pytest.mark.parametrize("anchors", ["linear", (2820, 2880)])
def test_a_line_through_anchors_takes_a_slope_away(anchors: str | tuple[float, float]) -> None:
    amounts, spectra = two_lines(np.random.default_rng(1))
    slope = np.random.default_rng(2).uniform(-2, 2, (12, 15, 1)) * (AXIS - 2700) / 400 + 5
    plain = band_image(corrected(spectra), 2850, width_cm1=30, baseline=anchors)
    sloping = band_image(corrected(spectra + slope), 2850, width_cm1=30, baseline=anchors)
    assert_allclose(sloping, plain, atol=1e-5)
    assert np.corrcoef(plain.values.ravel(), amounts[0].ravel())[0, 1] > 0.999
    assert "above a line through anchors" in sloping.attrs["history"][-1]


def test_a_band_narrower_than_the_axis_is_the_nearest_point() -> None:
    spectra = np.random.default_rng(3).normal(size=(2, 3, 401))
    assert_allclose(band_image(corrected(spectra), 2850.3, width_cm1=0.1), spectra[..., 150], rtol=1e-6)


def test_nan_concern_only_the_bands_they_are_in() -> None:
    _, spectra = two_lines(np.random.default_rng(4))
    spectra[0, 0] = np.nan
    spectra[..., :20] = np.nan
    spectra[1, 1, 150] = np.nan
    image = band_image(corrected(spectra), "CH2")
    assert_array_equal(np.argwhere(np.isnan(image.values)), [[0, 0], [1, 1]])
    assert np.isnan(band_image(corrected(spectra), 2710)).all()


@pytest.mark.parametrize(
    ("band", "options", "said"),
    [
        (1004, {}, "outside of the axis; give one from 2700 to 3100"),
        (2705, {"baseline": "linear"}, "anchor .* outside of the axis"),
        (2850, {"baseline": (2860, 2900)}, "do not enclose"),
        (2850, {"baseline": "rubber"}, "'rubber': give 'linear', two anchors"),
        (2850, {"value": "max"}, "give one of mean, area"),
    ],
)
def test_what_cannot_be_is_told_before_any_work(band: float, options: dict[str, object], said: str) -> None:
    lazy = da.map_blocks(lambda _: 1 / 0, da.zeros((4, 4, 401)), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    stack = make_stack(lazy, AXIS).rename(cars="raman")
    with pytest.raises(CrimsonError, match=said):
        band_image(stack, band, **options)  # type: ignore[arg-type]


def test_a_stack_without_results_is_told_of() -> None:
    with pytest.raises(CrimsonError, match="remove_background"):
        band_image(xr.Dataset({"other": ("x", [1.0])}), 2850)


def test_only_the_band_is_read_from_disk(tmp_path: object) -> None:
    _, spectra = two_lines(np.random.default_rng(5))
    path = save_stack(corrected(spectra), f"{tmp_path}/a.zarr")
    assert_allclose(band_image(open_stack(path), "CH3"), band_image(corrected(spectra), "CH3"), rtol=1e-6)


def test_a_ratio_is_that_of_the_amounts_and_nan_where_there_is_only_noise() -> None:
    rng = np.random.default_rng(6)
    amounts, _ = two_lines(rng, (40, 50))
    amounts[1, :, 25:] = 0
    spectra = np.einsum("kyx,kw->yxw", amounts, np.stack([line(2850), line(2935)])) + 0.01 * rng.normal(size=(40, 50, 401))
    smooth = corrected(spectra)
    ratio = band_ratio(smooth, "CH2", "CH3", least=0.1)
    assert np.isnan(ratio.values[:, 25:]).all()
    assert_allclose(ratio.values[:, :25], amounts[0, :, :25] / amounts[1, :, :25], rtol=0.1)
    assert ratio.name == "CH2 / CH3"


def test_the_noise_that_a_ratio_is_masked_by_is_that_of_the_image() -> None:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:64, :80] / 64
    image = 5 * np.sin(3 * y) * x + (x > 0.5) + 0.02 * rng.normal(size=(64, 80))
    assert image_noise(image) == pytest.approx(0.02, rel=0.1)
    assert image_noise(image[:1]) == pytest.approx(0.02, rel=0.6)
    assert image_noise(np.full((1, 2), 3.0)) == 0
    spectra = np.broadcast_to(image[..., None], (64, 80, 401)).copy()
    spectra[..., 200:] = (np.where(x < 0.5, 1.0, 0.0) + 0.02 * rng.normal(size=(64, 80)))[..., None]
    ratio = band_ratio(corrected(spectra), 2750, 3050)
    assert ratio.attrs["least"] == pytest.approx(0.06, rel=0.2)
    assert np.isfinite(ratio.values[:, :32]).all()
    assert np.isnan(ratio.values[:, 32:]).mean() > 0.99


def test_a_negative_least_is_refused() -> None:
    with pytest.raises(CrimsonError, match="0 or more"):
        band_ratio(corrected(two_lines(np.random.default_rng(8))[1]), "CH2", "CH3", least=-1.0)


@pytest.mark.parametrize("by", ["area", "max", "vector", "CH3", (2925.0, 2945.0)])
def test_normalised_spectra_do_not_depend_on_the_amount(by: str | tuple[float, float]) -> None:
    _, spectra = two_lines(np.random.default_rng(9))
    spectra[..., :9] = np.nan
    amount = np.random.default_rng(10).uniform(0.1, 9, (12, 15, 1))
    spread = np.ones_like(spectra)
    once, more = (normalise(corrected(s, uncertainty=u), by) for s, u in ((spectra, spread), (amount * spectra, amount * spread)))
    assert isinstance(once["raman"].data, da.Array)
    assert_allclose(once["raman"], more["raman"], rtol=1e-4, atol=1e-6)
    assert_allclose(once["uncertainty"], more["uncertainty"], rtol=1e-4)
    assert len(once.attrs["history"]) == 2
    assert "divided by" in once.attrs["history"][-1]


def test_normalised_means_what_it_says() -> None:
    _, spectra = two_lines(np.random.default_rng(11))
    stack = corrected(spectra)
    assert_allclose(normalise(stack, "max")["raman"].max("wavenumber"), 1, rtol=1e-6)
    assert_allclose((normalise(stack, "vector")["raman"] ** 2).sum("wavenumber"), 1, rtol=1e-5)
    assert_allclose(normalise(stack, "area")["raman"].integrate("wavenumber"), 1, rtol=1e-4)
    assert_allclose(band_image(normalise(stack, "CH3"), "CH3"), 1, rtol=1e-5)


def test_nothing_is_divided_by_what_is_not_positive() -> None:
    _, spectra = two_lines(np.random.default_rng(12))
    spectra[2, 3] = -1
    spectra[4, 5] = 0
    spectra[6, 7] = np.nan
    found = normalise(corrected(spectra), "area")["raman"].values
    assert_array_equal(np.argwhere(np.isnan(found).all(axis=-1)), [[2, 3], [4, 5], [6, 7]])
    assert np.isfinite(found).all(axis=-1).sum() == 12 * 15 - 3
