"""Recipes on the command line: the same numbers as in a script, overriding, listing, repeating."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from napari_crimson import open_stack, save_stack, simulate_stack
from napari_crimson.__main__ import main
from napari_crimson.pipeline import STEPS, Pipeline, Step, parse_pipeline, read_pipeline

AXIS = np.linspace(2700, 3100, 90)
RECIPE = Pipeline(
    steps=(Step("remove_spikes"), Step("denoise_svd"), Step("crop", {"first_cm1": 2750, "last_cm1": 3050})),
    remover="kk",
    settings={"padding": 2},
)


def run(*arguments: object) -> int:
    """Run the command line here and return its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def raman(path: Path) -> np.ndarray:
    values: np.ndarray = open_stack(path)["raman"].values
    return values


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    ds = simulate_stack((9, 10), wavenumber=AXIS, seed=2)
    return save_stack(ds.drop_vars("raman"), tmp_path / "in" / "cell.zarr")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return RECIPE.write(tmp_path / "r.toml")


def test_a_recipe_gives_the_same_numbers_from_script_file_and_result(
    stack: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("correct", stack, "--out", tmp_path / "1", "--recipe", recipe) == 0
    assert run("correct", stack, "--out", tmp_path / "2", "--recipe", tmp_path / "1" / "cell.zarr") == 0
    capsys.readouterr()
    assert run("recipe", "--from", tmp_path / "2" / "cell.zarr") == 0
    printed = capsys.readouterr().out
    assert printed == recipe.read_text(encoding="utf-8")
    assert run("recipe", "--from", tmp_path / "2" / "cell.zarr", "--out", tmp_path / "again.toml") == 0
    assert (tmp_path / "again.toml").read_text(encoding="utf-8") == printed
    assert run("correct", stack, "--out", tmp_path / "3", "--recipe", tmp_path / "again.toml") == 0
    script = RECIPE.run(open_stack(stack))["raman"].values
    assert script.shape == (9, 10, 66)
    for folder in "123":
        np.testing.assert_array_equal(raman(tmp_path / folder / "cell.zarr"), script)


def test_the_same_command_finds_all_done_and_another_recipe_is_refused(
    stack: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("correct", stack, "--out", tmp_path / "out", "--recipe", recipe)
    assert run(*command) == 0
    assert run(*command) == 0
    assert "complete already" in capsys.readouterr().out
    RECIPE.with_changes(steps=()).write(recipe)
    assert run(*command) == 1
    assert "--no-resume" in capsys.readouterr().err
    assert run(*command, "--no-resume") == 0


def test_options_take_the_place_of_what_the_recipe_says(stack: Path, recipe: Path, tmp_path: Path) -> None:
    ds = open_stack(stack)
    glass = tmp_path / "glass.csv"
    np.savetxt(glass, np.c_[AXIS, ds["reference"].values * np.linspace(1, 2, AXIS.size)], delimiter=",")
    options = ("--remover", "mem", "--reference", glass, "--dark", "none")
    assert run("correct", stack, "--out", tmp_path / "out", "--recipe", recipe, *options) == 0
    carried = read_pipeline(tmp_path / "out" / "cell.zarr")
    assert carried == Pipeline(steps=RECIPE.steps, remover="mem", reference=str(glass), dark="none")
    np.testing.assert_array_equal(raman(tmp_path / "out" / "cell.zarr"), carried.run(ds)["raman"].values)
    assert run("correct", stack, "--out", tmp_path / "plain", "--recipe", recipe) == 0
    assert not np.allclose(raman(tmp_path / "plain" / "cell.zarr"), raman(tmp_path / "out" / "cell.zarr"))


def test_a_plain_correction_carries_paths_that_hold_anywhere(stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savetxt(tmp_path / "glass.csv", np.c_[AXIS, open_stack(stack)["reference"].values * 2], delimiter=",")
    monkeypatch.chdir(tmp_path)
    assert run("correct", stack, "--out", "out", "--remover", "kk", "--reference", "glass.csv") == 0
    assert read_pipeline("out/cell.zarr") == Pipeline(remover="kk", reference=str(tmp_path / "glass.csv"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[step]]\nname = "polish"', "r.toml, step 1 (polish): no step 'polish'"),
        ('reference = "gone.csv"', "gone.csv"),
        ('remover = "magic"', "no remover 'magic'"),
    ],
)
def test_a_bad_recipe_costs_one_line(text: str, said: str, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.toml").write_text(text)
    assert run("correct", stack, "--out", tmp_path / "out", "--recipe", tmp_path / "r.toml") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_step_that_does_not_fit_one_stack_leaves_the_others(
    stack: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_stack(simulate_stack((5, 6), wavenumber=np.linspace(600, 1800, 90)).drop_vars("raman"), tmp_path / "in" / "far.zarr")
    assert run("correct", other, stack, "--out", tmp_path / "out", "--recipe", recipe) == 1
    said = capsys.readouterr()
    (line,) = said.err.strip().splitlines()
    assert "far.zarr: step 3 (crop): no band lies from 2750 to 3050" in line
    assert "cell.zarr" in said.out


def test_the_list_of_steps_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipe", "--list") == 0
    said = capsys.readouterr().out
    steps, *settings = said.partition("[settings]")
    assert [step["name"] for step in tomllib.loads(steps)["step"]] == list(STEPS)
    assert "padding" in settings[1]
    pasted = said[said.index('name = "denoise_svd"') :].partition("\n\n")[0]
    (step,) = parse_pipeline(f"[[step]]\n{pasted}").steps
    assert step.options == {"components": "auto", "scaling": "noise", "gain": 1.0, "read_noise": 0.0}


def test_recipe_without_a_wish_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipe") == 2
    assert run("recipe", "--list", "--out", tmp_path / "r.toml") == 2
    capsys.readouterr()
    assert run("recipe", "--from", tmp_path) == 1
    assert "carries no recipe" in capsys.readouterr().err
