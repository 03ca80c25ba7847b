"""A stack as layers and back: axis, units, spectra and pixels survive."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from napari.layers import Image
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.bands_front import BandsFront
from napari_crimson.plugin.layers import give_axis, layer_data_from_stack, spectrum_from_layer, stack_from_layer
from napari_crimson.stack import make_stack

EVEN = np.linspace(2800.0, 3100.0, 7)
UNEVEN = EVEN + np.linspace(0, 1, 7) ** 2 * 200


def stack(axis: np.ndarray = EVEN, shape: tuple[int, ...] = (4, 5)) -> xr.Dataset:
    cars = np.random.default_rng(0).uniform(100, 1000, (*shape, axis.size)).astype(np.float32)
    dims = ("z", "y", "x")[-len(shape) :]
    steps = dict(zip(dims, (2.0, 0.5, 0.25)[-len(shape) :], strict=True))
    spectra = {"dark": np.full(axis.size, 3.0), "reference": np.linspace(1, 2, axis.size)}
    return make_stack(cars, axis, **spectra, step_um=steps, source="/data/tissue.h5", history=["measured"])


def layers(dataset: xr.Dataset) -> list[Image]:
    return [Image(data, **attributes) for data, attributes, _ in layer_data_from_stack(dataset)]


def test_layer_has_the_wavenumber_in_front_and_says_where_it_is() -> None:
    (layer,) = layers(stack())
    assert layer.name == "tissue"
    assert layer.data.shape == (7, 4, 5)
    assert layer.axis_labels == ("wavenumber", "y", "x")
    assert [f"{unit:~}" for unit in layer.units] == ["1 / cm", "µm", "µm"]
    assert_allclose(layer.scale, (50, 0.5, 0.25))
    assert_allclose(layer.translate, (2800, 0, 0))
    assert_allclose(layer.data_to_world((2, 0, 0))[0], 2900)


def test_uneven_axis_is_shown_by_plane_and_kept_exactly() -> None:
    (layer,) = layers(stack(UNEVEN))
    assert f"{layer.units[0]}" == "pixel"
    assert layer.scale[0] == 1
    assert_array_equal(layer.metadata["crimson"]["wavenumber"], UNEVEN)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("axis", [EVEN, UNEVEN])
def test_a_stack_comes_back_as_it_was(shape: tuple[int, ...], axis: np.ndarray) -> None:
    before = stack(axis, shape)
    (layer,) = layers(before)
    assert layer.ndim == len(shape) + 1
    xr.testing.assert_allclose(stack_from_layer(layer), before)
    assert stack_from_layer(layer).attrs == before.attrs


def test_three_pixels_wide_is_no_colour() -> None:
    (layer,) = layers(stack(shape=(6, 3)))
    assert not layer.rgb
    assert layer.data.shape == (7, 6, 3)


def test_layer_stays_lazy_and_reads_little() -> None:
    read: list[int] = []

    def block(info: dict) -> np.ndarray:
        shape = [stop - start for start, stop in info[None]["array-location"]]
        read.append(1)
        return np.ones(shape, dtype=np.uint16)

    chunks = ((1,) * 200, (10,), (30,))
    cars = da.map_blocks(lambda block_info=None: block(block_info), chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0)))
    data, attributes, _ = layer_data_from_stack(make_stack(cars, np.arange(30)))[0]
    assert isinstance(data, BandsFront)
    assert attributes["contrast_limits"] == (1.0, 2.0)
    assert len(read) <= 3


def test_contrast_passes_over_pixels_without_a_value() -> None:
    dataset = stack()
    values = dataset["cars"].values.copy()
    values[0, 0] = np.nan
    values[1, 1, 3] = np.inf
    low, high = layer_data_from_stack(make_stack(values, EVEN))[0][1]["contrast_limits"]
    assert 100 <= low < high <= 1000


def test_empty_stack_has_contrast_limits_that_napari_takes() -> None:
    (layer,) = layers(make_stack(np.zeros((2, 2, 7)), EVEN))
    assert layer.contrast_limits[0] < layer.contrast_limits[1]


def test_result_comes_as_a_layer_of_its_own_and_back_as_a_result() -> None:
    dataset = stack()
    dataset["raman"] = dataset["cars"] * 0.5
    dataset["raman"].attrs = {"remover": "cnn", "version": "0.1"}
    cars, raman = layers(dataset)
    assert (cars.name, raman.name) == ("tissue", "tissue · raman")
    assert raman.metadata["crimson"]["provenance"] == {"remover": "cnn", "version": "0.1"}
    again = stack_from_layer(raman)
    assert "cars" not in again
    assert_allclose(again["raman"].values, dataset["raman"].values)
    assert again.attrs["remover"] == "cnn"


def test_stopped_result_says_so_in_its_name() -> None:
    assert layers(stack().assign_attrs(status="partial"))[0].name == "tissue (partial)"


def test_layer_of_another_reader_needs_an_axis() -> None:
    layer = Image(np.ones((7, 4, 5)), name="scan", rgb=False)
    with pytest.raises(CrimsonError, match=r"'scan' does not say its wavenumbers; give those of the first and last of its 7 planes"):
        stack_from_layer(layer)
    with pytest.raises(CrimsonError, match=r"'scan'.*\(6,\) for spectra of 7"):
        give_axis(layer, np.arange(6))
    give_axis(layer, EVEN)
    assert_array_equal(stack_from_layer(layer)["wavenumber"], EVEN)


def test_axis_that_falls_is_turned_with_the_data() -> None:
    layer = Image(np.arange(7.0)[:, None, None] * np.ones((7, 2, 3)), rgb=False)
    give_axis(layer, EVEN[::-1])
    found = stack_from_layer(layer)
    assert_array_equal(found["wavenumber"], EVEN)
    assert_array_equal(found["cars"].values[0, 0], np.arange(7)[::-1])


def test_units_of_length_become_micrometres() -> None:
    layer = Image(np.ones((7, 4, 5)), rgb=False, scale=(1, 250, 0.5), units=("pixel", "nm", "mm"))
    give_axis(layer, EVEN)
    found = stack_from_layer(layer)
    assert_allclose(found["y"][1], 0.25)
    assert_allclose(found["x"][1], 500)


def test_layer_without_units_has_no_steps() -> None:
    layer = Image(np.ones((7, 4, 5)), rgb=False, scale=(1, 2, 2))
    give_axis(layer, EVEN)
    assert "y" not in stack_from_layer(layer).coords


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Image(np.ones((8, 8)), name="flat"), r"'flat' has shape \(8, 8\)"),
        (Image(np.ones((8, 8, 3), dtype=np.uint8), name="photo", rgb=True), "'photo' is a colour image"),
    ],
)
def test_images_that_are_no_stack_are_refused(layer: Image, message: str) -> None:
    with pytest.raises(CrimsonError, match=message):
        stack_from_layer(layer)


def test_layer_cut_after_opening_is_refused() -> None:
    (layer,) = layers(stack())
    layer.data = layer.data[:5]
    with pytest.raises(CrimsonError, match="5 planes but 7 wavenumbers"):
        stack_from_layer(layer)


def test_first_level_of_a_pyramid_is_taken() -> None:
    layer = Image([np.ones((7, 8, 8)), np.ones((7, 4, 4))], multiscale=True, rgb=False)
    give_axis(layer, EVEN)
    assert stack_from_layer(layer)["cars"].shape == (8, 8, 7)


def test_spectrum_of_a_layer_is_the_mean_of_its_pixels() -> None:
    values = np.random.default_rng(1).uniform(size=(7, 3, 2))
    found = spectrum_from_layer(Image(values, rgb=False), stack())
    assert_allclose(found, values.mean(axis=(1, 2)))
    assert_array_equal(found["wavenumber"], EVEN)
    with pytest.raises(CrimsonError, match="6 planes for 7 wavenumbers"):
        spectrum_from_layer(Image(values[:6], name="short", rgb=False), stack())
