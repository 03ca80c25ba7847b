"""``napari-crimson compare``: the tables, the CSV, the figure, and what is refused."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import remove_background, save_stack, simulate_stack
from napari_crimson.__main__ import main

AXIS = np.linspace(600.0, 3400.0, 400)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "cell.h5"
    save_stack(simulate_stack((12, 14), wavenumber=AXIS, seed=1)[["cars", "dark", "reference"]], path)
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["compare", *(str(argument) for argument in arguments)])
    return int(end.value.code or 0)


def columns(path: Path) -> dict[str, np.ndarray]:
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    values = np.array([[float(value) if value else np.nan for value in row] for row in rows])
    return dict(zip(header, values.T, strict=True))


def test_tables_csv_and_figure(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, figure = tmp_path / "compare.csv", tmp_path / "compare.png"
    assert (
        run(
            file, "--removers", "kk,cnn", "--pixel", "3,4", "--pixel", "11,13", "--precision", "float32", "--out", table, "--figure", figure
        )
        == 0
    )
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{file}: 2 as named"
    assert said[1].split() == ["first", "second", "r", "nRMSE", "slope", "spectra"]
    assert said[2].split()[:2] == ["kk", "cnn"]
    r, nrmse, slope, spectra = map(float, said[2].split()[2:])
    assert 0.5 < r <= 1
    assert 0 < nrmse < 2
    assert 0 < slope < 3
    assert spectra == 2
    assert [line.split(":")[0] for line in said[3:5]] == ["kk", "cnn"]
    assert "spectra/s" in said[3]
    written = columns(table)
    assert_array_equal(written["wavenumber (1/cm)"], _opened(file)["wavenumber"])
    whole = remove_background(_opened(file), "cnn", precision="float32")
    assert_allclose(written["cnn (3, 4)"], whole["raman"][3, 4], rtol=1e-2, atol=1e-4)
    assert_array_equal(written["cars (11, 13)"], whole["cars"][11, 13])
    assert (written["cnn uncertainty (11, 13)"] > 0).all()
    assert "kk uncertainty (11, 13)" not in written
    assert figure.read_bytes().startswith(b"\x89PNG")


def _opened(file: Path) -> Any:
    from napari_crimson import open_stack

    return open_stack(file)


def test_region_gives_mean_and_deviation(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, figure = tmp_path / "compare.csv", tmp_path / "compare.svg"
    assert run(file, "--removers", "kk", "--region", "2:6,:5", "--out", table, "--figure", figure) == 0
    assert "region 2:6, 0:5: 20 pixels" in capsys.readouterr().out
    written = columns(table)
    raman = remove_background(_opened(file), "kk")["raman"].values[2:6, :5].reshape(20, -1)
    assert_allclose(written["kk"], raman.mean(axis=0), rtol=1e-3, atol=1e-5)
    assert_allclose(written["kk sd"], raman.std(axis=0, ddof=1), rtol=1e-3, atol=1e-5)
    drawing = figure.read_text(encoding="utf-8")
    assert "<svg" in drawing
    assert "<path" in drawing


def test_pixels_are_chosen_and_told_where_none_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, "--removers", "kk") == 0
    first, speed = capsys.readouterr().out.splitlines()
    assert "brightest, median and dimmest of 42 pixels" in first
    assert first.count("(") == 3
    assert speed.startswith("kk: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pixel", "3;4"], "--pixel 3;4: give whole numbers Y,X"),
        (["--pixel", "3,99"], "not in the stack of 12 × 14"),
        (["--pixel", "3"], "(y, x)"),
        (["--region", "2-6,4"], "--region 2-6,4: give rows and columns"),
        (["--region", "-2:6,4"], "--region -2:6,4: give rows and columns"),
        (["--region", "20:30,0:4"], "no pixel"),
        (["--region", "1:2,0:4", "--pixel", "1,1"], "give one of them"),
        (["--figure", "plot.gif"], ".png, .svg, .pdf"),
        (["--removers", "kk,wizard"], "no remover 'wizard'"),
        (["--removers", "kk,kk"], "named twice"),
        (["--out", "nowhere/out.csv"], "give another --out"),
        (["--figure", "nowhere/out.png"], "give another --figure"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    file: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    removers = [] if "--removers" in arguments else ["--removers", "kk"]
    assert run(file, *removers, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_missing_matplotlib_is_named_ahead_of_work(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("napari_crimson.cli.comparison.find_spec", lambda name: None if name == "matplotlib" else find(name))
    assert run(file, "--figure", tmp_path / "compare.png") == 1
    heard = capsys.readouterr()
    assert 'pip install "napari-crimson[all]"' in heard.err
    assert not heard.out
