"""Results in half the size: everywhere the same numbers to three digits, and never taken for those in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from typer.testing import CliRunner

from napari_crimson import CrimsonError, open_stack, remove_background, save_stack
from napari_crimson.analysis import band_image, subtract_baseline
from napari_crimson.cli import app
from napari_crimson.estimate import estimate_removal
from napari_crimson.phantom import simulate_stack
from napari_crimson.pipeline import Pipeline, parse_pipeline, read_pipeline
from napari_crimson.remove import plan_removal
from napari_crimson.remover import FunctionRemover
from refusing import refused


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((12, 15))


@pytest.fixture(scope="module")
def full(tissue: xr.Dataset) -> np.ndarray:
    return remove_background(tissue, "kk")["raman"].values


def test_half_the_bytes_and_three_digits_wherever_results_go(tissue: xr.Dataset, full: np.ndarray, tmp_path: Path) -> None:
    expected = full.astype(np.float16)
    for words in ({}, {"output": tmp_path / "out.zarr"}, {"lazy": True}):
        raman = remove_background(tissue, "kk", dtype="float16", **words)["raman"]
        assert raman.dtype == np.float16
        np.testing.assert_array_equal(raman.values, expected)
    assert open_stack(tmp_path / "out.zarr")["raman"].dtype == np.float16
    sizes = [estimate_removal(plan_removal(tissue, "kk", dtype=dtype, dry_run=True)).size for dtype in ("float32", "float16")]
    assert sizes[0] == 2 * sizes[1] == full.nbytes


def test_a_result_in_one_dtype_is_not_gone_on_with_in_the_other(tissue: xr.Dataset, tmp_path: Path) -> None:
    remove_background(tissue, "kk", dtype="float16", output=tmp_path / "out.zarr")
    with refused(tmp_path, "result of another stack or other settings"):
        remove_background(tissue, "kk", output=tmp_path / "out.zarr")
    again = remove_background(tissue, "kk", dtype="float16", output=tmp_path / "out.zarr")
    assert again["raman"].dtype == np.float16


def test_what_does_not_fit_is_refused_ahead_of_any_work(tissue: xr.Dataset, tmp_path: Path) -> None:
    counts = FunctionRemover(lambda spectra, *_: spectra, "counts")
    counts.convention = "counts"
    (tmp_path / "in").mkdir()
    with refused(tmp_path / "in", r"results of remover 'counts' \(counts\) may not fit into float16; take float32"):
        remove_background(tissue, counts, dtype="float16", output=tmp_path / "in" / "out.zarr")
    with refused(tmp_path / "in", "no results in 'int8'; there are float32, float16"):
        remove_background(tissue, "kk", dtype="int8", output=tmp_path / "in" / "out.zarr")


def test_the_recipe_tells_it_and_is_as_before_where_it_is_not_asked_for(tissue: xr.Dataset) -> None:
    assert "dtype" not in Pipeline(remover="kk").to_toml()
    half = Pipeline(remover="kk", dtype="float16")
    assert parse_pipeline(half.to_toml()) == half
    for ds in (half.run(tissue), remove_background(tissue, "kk", dtype="float16")):
        assert ds["raman"].dtype == np.float16
        assert read_pipeline(ds) == half
    with pytest.raises(CrimsonError, match=r"r: dtype = 'int8': give one of float32, float16"):
        parse_pipeline('dtype = "int8"', "r")


def test_the_command_writes_it(tissue: xr.Dataset, full: np.ndarray, tmp_path: Path) -> None:
    save_stack(tissue[["cars", "dark", "reference"]], tmp_path / "tissue.zarr")
    args = ["correct", str(tmp_path / "tissue.zarr"), "--out", str(tmp_path / "out"), "--remover", "kk", "--dtype", "float16"]
    assert CliRunner().invoke(app, args).exit_code == 0
    written = zarr.open_group(tmp_path / "out" / "tissue.zarr", mode="r")["raman"]
    assert written.dtype == np.float16
    np.testing.assert_array_equal(np.moveaxis(written[:], 0, -1), full.astype(np.float16))


@pytest.mark.parametrize("suffix", [".h5", ".tif", ".mat"])
def test_formats_without_a_word_for_it_hold_float32(suffix: str, tissue: xr.Dataset, full: np.ndarray, tmp_path: Path) -> None:
    half = remove_background(tissue, "kk", dtype="float16")[["raman"]]
    found = open_stack(save_stack(half, tmp_path / f"out{suffix}"))
    image = next(iter(found.data_vars.values()))
    np.testing.assert_array_equal(image.values, full.astype(np.float16).astype(np.float32))
    assert half["raman"].dtype == np.float16


def test_what_is_made_of_it_is_in_float32(tissue: xr.Dataset) -> None:
    full, half = (remove_background(tissue, "kk", dtype=dtype) for dtype in ("float32", "float16"))
    for make in (lambda ds: band_image(ds, (2840, 2860)), lambda ds: subtract_baseline(ds)["raman"]):
        one, other = make(full), make(half)
        assert other.dtype == np.float32
        np.testing.assert_allclose(other, one, atol=2e-3 * float(abs(one).max()))
