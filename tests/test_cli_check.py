"""``napari-crimson check`` on results that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_crimson import open_stack, remove_background, save_stack, simulate_stack
from napari_crimson.__main__ import main
from napari_crimson.pipeline import Pipeline, Step

AXIS = np.linspace(600.0, 3300.0, 300)


def run(*arguments: object) -> int:
    """Run the command line here and return its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A stack with a cosmic ray in one pixel and none other odd."""
    ds = simulate_stack((16, 20), wavenumber=AXIS, seed=5)[["cars", "dark", "reference"]].load()
    ds["cars"][3, 4, 120:122] += 12_000
    return save_stack(ds, tmp_path / "cell.h5")


def test_the_image_lies_beside_the_result_and_points_at_the_ray(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = measured.with_name("cell.zarr")
    remove_background(open_stack(measured), "kk", output=result)
    assert run("check", result) == 0
    image = tifffile.imread(measured.with_name("cell.distrust.tif"))
    assert image.shape == (16, 20)
    assert np.unravel_index(image.argmax(), image.shape) == (3, 4)
    assert image[3, 4] > 1
    said = capsys.readouterr().out
    assert "of 320 pixels suspicious" in said
    assert "cell.distrust.tif" in said


def test_a_result_of_a_recipe_is_checked_against_the_prepared_stack(measured: Path) -> None:
    recipe = Pipeline(remover="kk", steps=(Step("subtract_dark"), Step("crop", {"first_cm1": 800, "last_cm1": 3200})))
    result = measured.with_name("short.zarr")
    recipe.run(open_stack(measured), output=result)
    assert run("check", result, measured, "--out", measured.with_name("a.tif")) == 0
    image = tifffile.imread(measured.with_name("a.tif"))
    assert np.unravel_index(image.argmax(), image.shape) == (3, 4)


def test_what_is_missing_or_does_not_fit_is_one_line(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "cell.zarr"
    remove_background(open_stack(measured), "kk", output=result)
    other = save_stack(simulate_stack((8, 20), wavenumber=AXIS)[["cars"]], tmp_path / "other.h5")
    assert run("check", result, other) == 1
    assert "give the one that was corrected" in capsys.readouterr().err
    assert run("check", result, "--out", tmp_path / "a.png") == 1
    assert "ends in .tif" in capsys.readouterr().err
    measured.unlink()
    assert run("check", result) == 1
    assert "is not there; give it" in capsys.readouterr().err
