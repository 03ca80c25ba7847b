"""``napari-crimson analyse`` as its user meets it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from napari_crimson.__main__ import main
from napari_crimson.analysis import band_image, composite, normalise, region_spectra, subtract_baseline
from napari_crimson.io import open_stack, save_stack
from napari_crimson.stack import make_stack

AXIS = np.linspace(2750.0, 3050.0, 151)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.1, 1, (2, 10, 12))
    lines = np.stack([np.exp(-(((AXIS - at) / 10) ** 2)) for at in (2850, 2935)])
    spectra = np.einsum("kyx,kw->yxw", amounts, lines) + 0.3 + 0.01 * rng.normal(size=(10, 12, 151))
    stack = make_stack(spectra.astype(np.float32), AXIS, step_um={"y": 0.5, "x": 0.25}, source="cell.h5").rename(cars="raman")
    return save_stack(stack, tmp_path / "cell.zarr")


def test_it_writes_images_ratios_pictures_and_components(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ("--band", "CH2", "--band", "2925-2945", "--ratio", "CH2/CH3", "--composite", "CH2,CH3", "--unmix", "mcr", "--components", 2)
    assert run("analyse", result, "--out", out, *options) == 0
    said = capsys.readouterr().out
    written = {path.name for path in out.iterdir()}
    assert written == {
        "cell_CH2.tif", "cell_2925-2945.tif", "cell_CH2_over_CH3.tif", "cell_CH2_CH3.png", "cell_mcr_abundance.tif", "cell_mcr_spectra.csv",
    }  # fmt: skip
    assert all(name in said for name in written)
    assert "lack of fit" in said
    stack = open_stack(result)
    with tifffile.TiffFile(out / "cell_CH2.tif") as file:
        assert_allclose(file.asarray(), band_image(stack, "CH2"))
        assert file.ome_metadata is not None
        assert 'PhysicalSizeX="0.25"' in file.ome_metadata
        assert "mean of the band CH2" in file.ome_metadata
    assert_allclose(np.asarray(Image.open(out / "cell_CH2_CH3.png")), composite(stack, ["CH2", "CH3"]))
    assert tifffile.imread(out / "cell_mcr_abundance.tif").shape == (2, 10, 12)
    with (out / "cell_mcr_spectra.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["wavenumber_cm1", "component_1", "component_2"]
    values = np.array(rows, dtype=float)
    assert_array_equal(values[:, 0], AXIS)
    assert_allclose(values[:, 1:].max(axis=0), 1)


def test_it_writes_spectra_of_labelled_regions(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((10, 12), dtype=np.int32)
    labels[2:5, 3:7], labels[9, 9] = 1, 40
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    assert run("analyse", result, "--out", tmp_path / "out", "--regions", tmp_path / "labels.tif") == 0
    assert "cell_regions.csv" in capsys.readouterr().out
    with (tmp_path / "out" / "cell_regions.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["wavenumber_cm1", *(f"region_{number}_{word}" for number in (1, 40) for word in ("mean", "sd", "pixels"))]
    inside = open_stack(result)["raman"].values[2:5, 3:7].reshape(-1, 151).astype(float)
    written = np.array([row[:4] for row in rows], dtype=float).T
    assert_allclose(written, [AXIS, inside.mean(0), inside.std(0, ddof=1), np.full(151, 12)], rtol=1e-6)
    found = region_spectra(open_stack(result), labels).sel(region=1)
    assert_array_equal(written, [AXIS, found["mean"], found["sd"], found["pixels"]])
    assert {row[5] for row in rows} == {""}  # of one pixel there is no deviation
    (tmp_path / "labels.tif").write_text("none")
    assert run("analyse", result, "--out", tmp_path / "out", "--regions", tmp_path / "labels.tif") == 1
    assert "save the Labels layer as .tif" in capsys.readouterr().err


def test_baseline_and_normalisation_go_ahead_of_the_rest(result: Path, tmp_path: Path) -> None:
    assert run("analyse", result, "--out", tmp_path, "--band", 2850, "--baseline", "asls,lam=1e5", "--normalise", "max") == 0
    expected = band_image(normalise(subtract_baseline(open_stack(result), "asls", lam=1e5), "max"), 2850)
    assert_allclose(tifffile.imread(tmp_path / "cell_2850.tif"), expected, rtol=1e-6)
    assert run("analyse", result, "--out", tmp_path, "--band", 2850, "--linear") == 0
    assert_allclose(tifffile.imread(tmp_path / "cell_2850.tif"), band_image(open_stack(result), 2850, baseline="linear"), rtol=1e-6)


def test_each_plane_of_a_deep_stack_has_its_picture(tmp_path: Path) -> None:
    path = save_stack(make_stack(np.random.default_rng(0).random((2, 4, 5, 151)), AXIS).rename(cars="raman"), tmp_path / "deep.zarr")
    assert run("analyse", path, "--out", tmp_path / "out", "--composite", "CH2,CH3", "--band", "CH2") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"deep_CH2_CH3_z0.png", "deep_CH2_CH3_z1.png", "deep_CH2.tif"}
    assert tifffile.imread(tmp_path / "out" / "deep_CH2.tif").shape == (2, 4, 5)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--band", "CH9"), 1, "'CH9' is no band"),
        (("--band", "amide I"), 1, "outside of the axis"),
        (("--ratio", "CH2"), 1, "slash between, such as CH2/CH3"),
        (("--unmix", "pca"), 1, "give one of mcr, nmf, nfindr, kmeans"),
        (("--band", "CH2", "--baseline", "arpl"), 1, "did you mean"),
        ((), 2, "give --band, --ratio, --composite, --unmix or --regions"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    options: tuple[str, ...], code: int, said: str, result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("analyse", result, "--out", tmp_path / "out", *options) == code
    error = capsys.readouterr().err
    assert said in re.sub(r"[\s│╭╮╰╯─]+", " ", error)
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
