"""The steps a stack carries, whoever did them, and what stays of them when a stack is taken up again."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from napari_crimson import prepare, remove_background, simulate_stack
from napari_crimson.carried import steps_of
from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline import read_pipeline
from napari_crimson.stack import as_stack

AXIS = np.linspace(2700, 3100, 90)


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((11, 14), wavenumber=AXIS, seed=3)


def test_steps_called_in_a_script_are_repeated_from_the_result(tissue: xr.Dataset) -> None:
    ds = prepare.remove_spikes(tissue, prepare.SpikeSettings(threshold=7.0))
    ds = prepare.subtract_offset(ds, counts=10)
    ds = prepare.smooth_reference(ds, window_cm1=50)
    ds = prepare.crop(ds, 2750, 3050)
    ds = prepare.calibrate_axis(ds, {2850: 2852, 2930: 2931})
    ds = prepare.resample(ds, np.linspace(2760, 3040, 50))
    ds = prepare.stabilise_variance(ds, prepare.NoiseModel(gain=2.0))
    ds = prepare.decompose(ds, prepare.SVDSettings(scaling="none")).denoise(4)
    ds = prepare.restore_counts(ds)
    ds = prepare.denoise_svd(ds)
    ds = prepare.replace_axis(ds, ds["wavenumber"].values + 1)
    by_hand = remove_background(ds, "kk")
    recipe = read_pipeline(by_hand)
    assert [step.name for step in recipe.steps] == [
        "remove_spikes",
        "subtract_offset",
        "smooth_reference",
        "crop",
        "calibrate_axis",
        "resample",
        "stabilise_variance",
        "denoise_svd",
        "restore_counts",
        "denoise_svd",
        "replace_axis",
    ]
    assert recipe.steps[7].options == {"scaling": "none", "components": 4}
    again = recipe.run(tissue)
    np.testing.assert_array_equal(again["raman"].values, by_hand["raman"].values)
    np.testing.assert_array_equal(again["wavenumber"].values, by_hand["wavenumber"].values)


def test_a_dark_given_as_numbers_is_carried(tissue: xr.Dataset) -> None:
    dark = tissue["dark"].values + 3
    by_hand = remove_background(prepare.subtract_dark(tissue, dark), "kk")
    np.testing.assert_array_equal(read_pipeline(by_hand).run(tissue)["raman"].values, by_hand["raman"].values)


def test_steps_chain_through_as_stack(tissue: xr.Dataset) -> None:
    ds = as_stack(prepare.remove_spikes(tissue))
    assert ds["spikes"].dims == ("y", "x")
    ds = as_stack(prepare.stabilise_variance(ds))
    assert "spikes" in ds
    with pytest.raises(CrimsonError, match="stabilised already"):
        prepare.stabilise_variance(ds)
    ds = as_stack(prepare.restore_counts(as_stack(prepare.denoise_svd(ds, prepare.SVDSettings(components=4, scaling="none")))))
    assert ds["cars"].attrs == {"svd_components": 4}
    assert [step["name"] for step in steps_of(ds)] == ["remove_spikes", "stabilise_variance", "denoise_svd", "restore_counts"]
    direct = prepare.denoise_svd(
        prepare.stabilise_variance(prepare.remove_spikes(tissue)), prepare.SVDSettings(components=4, scaling="none")
    )
    np.testing.assert_array_equal(ds["cars"].values, prepare.restore_counts(direct)["cars"].values)


def test_the_counted_rays_are_in_the_result(tissue: xr.Dataset) -> None:
    cars = tissue["cars"].values.copy()
    cars[4, 5, 40] += 20_000
    hit = tissue.assign(cars=(tissue["cars"].dims, cars))
    out = remove_background(prepare.remove_spikes(hit), "kk")
    assert int(out["spikes"][4, 5]) >= 1


def test_a_remover_never_sees_stabilised_values(tissue: xr.Dataset) -> None:
    with pytest.raises(CrimsonError, match=r"restore_counts\(ds\) first"):
        remove_background(prepare.stabilise_variance(tissue), "kk")


@pytest.mark.parametrize(
    "text",
    ["step = 3", "[[[", "step = [1, 2]", "a" * 100, "x = " + "[" * 5000, "[[step]]\nx = 1979-05-27", "[[step]]\nx" + ".x" * 5000 + " = 1"],
)
def test_a_recipe_that_is_none_counts_for_nothing(text: str, tissue: xr.Dataset) -> None:
    assert steps_of(tissue.assign_attrs(recipe=text)) == []


def test_a_new_removal_of_a_result_takes_the_steps_and_not_the_old_removal(tissue: xr.Dataset) -> None:
    first = remove_background(prepare.crop(tissue, 2750, 3050), "kk")
    second = read_pipeline(remove_background(first, "mem"))
    assert [step.name for step in second.steps] == ["crop"]
    assert second.remover == "mem"
