"""``napari-crimson convert`` as its user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from napari_crimson.__main__ import main
from napari_crimson.io import open_stack, save_stack
from napari_crimson.stack import make_stack

AXIS = np.linspace(900.0, 1200.0, 7)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(size=(4, 5, 7)).astype("f4")
    stack = make_stack(values, AXIS, reference=np.arange(7.0), step_um={"y": 0.5, "x": 0.5})
    return save_stack(stack.assign(raman=stack["cars"] + 1), tmp_path / "cell.zarr")


def test_a_result_to_matlab_and_back(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("convert", result, tmp_path / "cell.mat") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cell.mat")
    assert run("convert", tmp_path / "cell.mat", tmp_path / "again.zarr") == 0
    xr.testing.assert_equal(open_stack(tmp_path / "again.zarr"), open_stack(result))


def test_one_image_where_a_format_holds_no_more(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("convert", result, tmp_path / "cell.h5") == 1
    assert "save one, such as --image cars, or as .zarr" in capsys.readouterr().err
    assert run("convert", result, tmp_path / "cell.h5", "--image", "raman") == 0
    xr.testing.assert_equal(open_stack(tmp_path / "cell.h5"), open_stack(result).drop_vars("cars"))
    assert run("convert", result, tmp_path / "cell.tif", "--image", "uncertainty") == 1
    assert "holds no image 'uncertainty'; give --image cars or raman" in capsys.readouterr().err


def test_nothing_is_replaced_unasked(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cell.mat").write_text("of yesterday")
    assert run("convert", result, tmp_path / "cell.mat") == 1
    assert "is there already; give another name, or --overwrite" in capsys.readouterr().err
    assert (tmp_path / "cell.mat").read_text() == "of yesterday"
    assert run("convert", result, tmp_path / "cell.mat", "--overwrite") == 0
    assert run("convert", result, result, "--overwrite") == 1
    assert "is the file that is read" in capsys.readouterr().err
    assert open_stack(result)["raman"].shape == (4, 5, 7)


def test_a_file_without_an_axis_is_given_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 3, 4), "u2"))
    assert run("convert", tmp_path / "a.npy", tmp_path / "a.tif", "--wavenumber", "2800,3100") == 0
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif")["wavenumber"], [2800, 2900, 3000, 3100])
