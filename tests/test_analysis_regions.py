"""Mean spectra of labelled regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import CrimsonError
from napari_crimson.analysis import region_spectra
from napari_crimson.analysis.files import read_labels, write_regions, write_spectra
from napari_crimson.stack import make_stack

AXIS = np.linspace(2800.0, 3100.0, 7)
VALUES = np.random.default_rng(0).normal(1000, 3, (2, 6, 8, 7)).astype("f4")
LABELS = np.random.default_rng(1).choice([0, 2, 5], (2, 6, 8))


def stack_of(values: Any = VALUES) -> xr.Dataset:
    return make_stack(da.from_array(values, chunks=(1, 4, 3, 7)), AXIS, history=["measured"]).rename(cars="raman")


def test_mean_deviation_and_count_of_each() -> None:
    found = region_spectra(stack_of(), LABELS)
    assert list(found["region"]) == [2, 5]
    for number in (2, 5):
        inside, one = VALUES[number == LABELS].astype(float), found.sel(region=number)
        assert_allclose(one["mean"], inside.mean(axis=0))
        assert_allclose(one["sd"], inside.std(axis=0, ddof=1), rtol=1e-6)
        assert_array_equal(one["pixels"], len(inside))
    assert found.attrs["history"] == ["measured", "mean and standard deviation of 2 regions"]


def test_labels_of_a_plane_hold_in_every_one() -> None:
    xr.testing.assert_equal(region_spectra(stack_of(), LABELS[0]), region_spectra(stack_of(), np.stack([LABELS[0]] * 2)))


def test_pixels_without_a_value_and_saturated_ones_are_left_out() -> None:
    holes = VALUES.copy()
    holes[0, 0, 0] = np.nan
    holes[0, 0, 1, 3] = np.inf
    found = region_spectra(stack_of(holes), np.ones((6, 8), dtype=bool)).sel(region=1)
    assert list(found["pixels"]) == [95, 95, 95, 94, 95, 95, 95]
    assert np.isfinite(found["mean"]).all()
    counts = np.full((1, 3, 4, 7), 100, dtype="u2")
    counts[0, 0, 0, 2] = 65535
    assert list(region_spectra(stack_of(counts), np.ones((3, 4), int))["pixels"].values.ravel()) == [11] * 7


def test_blocks_without_labels_are_not_read() -> None:
    read: list[int] = []

    def watch(block: Any) -> Any:
        read.append(1)
        return block

    stack = stack_of()
    stack["raman"] = stack["raman"].copy(data=stack["raman"].data.map_blocks(watch, meta=np.empty((0,) * 4, "f4"), dtype="f4"))
    labels = np.zeros((2, 6, 8), int)
    labels[1, 5, 7] = 1
    region_spectra(stack, labels)
    assert len(read) == 1


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((6, 8), int), "mark no pixel"),
        (np.ones((8, 6), int), r"shape \(8, 6\) for pixels of \(2, 6, 8\)"),
        (np.ones((6, 8)), "type float64"),
    ],
)
def test_labels_that_are_none(labels: Any, reason: str) -> None:
    with pytest.raises(CrimsonError, match=reason):
        region_spectra(stack_of(), labels)


def test_labels_from_files(tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", LABELS)
    assert_array_equal(read_labels(tmp_path / "a.npy"), LABELS)
    np.save(tmp_path / "b.npy", np.array([print], dtype=object), allow_pickle=True)
    (tmp_path / "c.png").write_bytes(b"picture")
    for name in ("b.npy", "c.png", "gone.tif"):
        with pytest.raises(CrimsonError, match=rf"{name}.*save the Labels layer as \.tif"):
            read_labels(tmp_path / name)


def read_table(path: Path) -> np.ndarray:
    return np.genfromtxt(path, delimiter=",", skip_header=1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_spectra_are_read_back_equal_to_the_last_digit(tmp_path: Path, dtype: str) -> None:
    axis = 1e7 / np.linspace(700.0, 730.0, 7)
    values = np.array([[1 / 3, 0.1, -0.0, 1e-30, 12345.678901234567, np.nan, 7], [np.pi] * 7], dtype)
    spectra = xr.DataArray(values, {"component": [1, 2], "wavenumber": axis}, ["component", "wavenumber"])
    write_spectra(spectra, tmp_path / "s.csv")
    assert_array_equal(read_table(tmp_path / "s.csv").T, np.vstack([axis, values]))
    assert (tmp_path / "s.csv").read_text().splitlines()[-1].split(",")[1] == "7"


def test_regions_are_read_back_equal_to_the_last_digit(tmp_path: Path) -> None:
    found = region_spectra(stack_of(), LABELS)
    write_regions(found, tmp_path / "r.csv")
    columns = [found[word].sel(region=number) for number in (2, 5) for word in ("mean", "sd", "pixels")]
    assert_array_equal(read_table(tmp_path / "r.csv").T, np.vstack([AXIS, *columns]))
