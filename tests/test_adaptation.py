"""Adapting weights to one microscope: its axis, its excitation, its noise; never for the worse."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from napari_crimson import load_remover, remove_background, train, weights
from napari_crimson.__main__ import main
from napari_crimson.adaptation import adaptation_recipe
from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe
from napari_crimson.synthesis import draw, make_prior
from napari_crimson.training import Validation

AXIS = np.linspace(500.0, 1100.0, 301)
GLASS = xr.DataArray(900 * np.exp(-(((AXIS - 800) / 300) ** 2)) + 100, {"wavenumber": AXIS}, "wavenumber")
TINY = Recipe(
    name="tiny",
    network="cnn",
    arguments={"widths": [8, 8], "kernel": 3, "dilations": [1]},
    steps=4,
    validate_every=4,
    batch_points=4_000,
    points=(128, 192),
    validation_spectra=16,
)


@pytest.fixture
def start(tmp_path: Path) -> str:
    return str(train(TINY, tmp_path / "start", device="cpu"))


def test_the_recipe_says_what_is_the_microscopes_own(start: str) -> None:
    recipe = adaptation_recipe(start, GLASS, axis=(520, 1080, 2), photons=(1e3, 1e4))
    assert recipe.start == start
    assert recipe.points == (211, 281)  # stacks lose their dark ends
    assert recipe.step_cm1 == (2, 2)
    assert recipe.range_cm1 == (520, 1080)
    assert recipe.bounds["photons"] == [1e3, 1e4]
    assert recipe.arguments == TINY.arguments
    assert recipe.bounds["drawn_out_share"] == 0  # it measures on this axis


def test_spectra_are_drawn_under_the_measured_excitation(start: str) -> None:
    recipe = adaptation_recipe(start, GLASS)
    prior = make_prior(recipe.prior, {**recipe.bounds, "empty_share": 1.0, "photons": [1e9, 1e9], "offset_share": 0.0})
    batch = draw(prior, 64, torch.from_numpy(AXIS), generator=torch.Generator().manual_seed(0))
    median = (batch.cars / batch.cars.amax(1, keepdim=True)).median(0).values.numpy()
    np.testing.assert_allclose(median, GLASS / GLASS.max(), rtol=0.05)


def test_adapted_weights_are_better_than_before_and_a_remover(start: str, tmp_path: Path) -> None:
    seen: list[Validation] = []
    recipe = replace(adaptation_recipe(start, GLASS, steps=60, name="mine"), batch_points=16_000, validation_spectra=64, learning_rate=2e-3)
    path = train(recipe, tmp_path, device="cpu", progress=seen.append)
    assert seen[0].step == 0
    card = weights.read_card(path)
    assert card["validation"]["error"] < seen[0].error
    assert card["recipe"]["start"] == start
    assert load_remover(path, device="cpu")(np.ones((2, 301)), AXIS).shape == (2, 301)


def test_what_is_no_better_is_not_saved(start: str, tmp_path: Path) -> None:
    recipe = replace(adaptation_recipe(start, GLASS, steps=3, name="worse"), learning_rate=0.0, weight_decay=0.0, validation_spectra=16)
    with pytest.raises(CrimsonError, match=r"no better: error .* at the start.*nothing was saved"):
        train(recipe, tmp_path / "out", device="cpu")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("axis", "reference", "told"),
    [
        ((500, 2000, 2), GLASS, r"covers 500 to 1100 cm⁻¹, the axis 500 to 2000"),
        ((500, 600, 2), GLASS, "an axis of 51 points: networks need 128"),
        ((900, 600, 2), GLASS, "START below STOP"),
        ((500, np.inf, 2), GLASS, "START below STOP"),
        ((500, 1100, 2), GLASS - 800, "zero or negative at .*; subtract its dark once, crop the axis"),
    ],
)
def test_a_microscope_that_cannot_be_adapted_to_is_told_why(
    start: str, axis: tuple[float, float, float], reference: xr.DataArray, told: str
) -> None:
    with pytest.raises(CrimsonError, match=told):
        adaptation_recipe(start, reference, axis=axis)


def test_noise_about_a_dark_band_is_no_light(start: str) -> None:
    dim = GLASS - GLASS.min()
    dim[:9] = -2.0
    excitation = adaptation_recipe(start, dim, axis=(500, 1100, 2)).bounds["excitation"]
    assert min(counts for _, counts in excitation) == 0
    make_prior("wide", {"excitation": excitation})


def test_an_adapted_network_has_no_doubts_about_its_own_microscope(start: str, tmp_path: Path) -> None:
    """A grating's steps differ, and a stack is cut to where it has light."""
    axis = 1e7 / 770 - 1e7 / np.linspace(815, 890, 400)
    light = np.exp(-(((axis - 900) / 350) ** 2))
    glass = xr.DataArray(900 * light, {"wavenumber": axis}, "wavenumber")
    recipe = replace(adaptation_recipe(start, glass, name="mine"), steps=3, validate_every=3, batch_points=4_000, validation_spectra=16)
    recipe = replace(recipe, start=None, learning_rate=1e-3)
    mine = load_remover(train(recipe, tmp_path, device="cpu"), device="cpu")
    spectra = np.random.default_rng(0).uniform(0.9, 1.1, (4, 400)) * 1000 * light
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = remove_background(spectra, mine, wavenumber=axis, reference=glass)
    lit = np.isfinite(result["raman"].values.reshape(-1, 400)).all(axis=0)
    assert 200 < lit.sum() < 400
    assert np.ptp(np.diff(axis)) > 0.4
    holed = np.delete(axis, np.arange(200, 203))
    assert "do not trust it here" in mine.doubts(holed)


def test_a_clipped_reference_is_told(start: str) -> None:
    with pytest.warns(UserWarning, match="neighbouring bands: it is clipped"):
        adaptation_recipe(start, GLASS.clip(max=0.8 * GLASS.max()))


def test_weights_of_another_network_are_no_start(start: str) -> None:
    with pytest.raises(CrimsonError, match=r"is a cnn with .*the recipe must say the same"):
        train(replace(TINY, start=start, arguments={"widths": [8, 16]}), "unused", device="cpu")


def test_from_the_command_line(start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    glass = tmp_path / "glass.csv"
    np.savetxt(glass, np.c_[AXIS, GLASS + 50], delimiter=",")
    dark = tmp_path / "dark.csv"
    np.savetxt(dark, np.c_[AXIS, np.full(301, 50.0)], delimiter=",")
    call = ["train", "--from", start, "--reference", str(glass), "--dark", str(dark), "--out", str(tmp_path / "out"), "--steps", "12"]
    with pytest.raises(SystemExit) as end:
        main([*call, "--axis", "520:1080"])
    assert end.value.code == 1
    assert "--axis 520:1080: give 3 numbers with ':' between" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["train", "--from", start])
    assert end.value.code == 1
    assert "--from needs --reference FILE" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["train", str(tmp_path / "recipe.toml"), "--steps", "12"])
    assert end.value.code == 2
    assert "--steps and --name are of --from" in " ".join(capsys.readouterr().err.replace("│", "").split())
    with pytest.raises(SystemExit) as end:
        main([*call, "--axis", "520:1080:2", "--name", "mine", "--device", "cpu"])
    assert not end.value.code
    assert weights.read_card(tmp_path / "out" / "mine.safetensors")["recipe"]["range_cm1"] == [520, 1080]
