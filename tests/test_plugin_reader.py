"""napari's reader and writer: what they take, what they refuse, what survives a round trip."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from napari.components import ViewerModel
from napari.layers import Image
from napari.plugins._npe2 import file_extensions_string_for_layers
from npe2 import PluginManager, PluginManifest
from numpy.testing import assert_allclose, assert_array_equal

import napari_crimson
from napari_crimson.errors import CrimsonError
from napari_crimson.io import formats, open_stack, save_stack
from napari_crimson.io.save import WRITERS
from napari_crimson.plugin.layers import give_axis, layer_data_from_stack
from napari_crimson.plugin.reader import get_reader
from napari_crimson.plugin.writer import write_ome_zarr
from napari_crimson.stack import make_stack
from refusing import refused

AXIS = np.geomspace(600.0, 3400.0, 9)
MANIFEST = Path(napari_crimson.__file__).with_name("napari.yaml")


def tissue() -> xr.Dataset:
    cars = np.random.default_rng(0).integers(100, 1000, (5, 6, 9), dtype=np.uint16)
    return make_stack(cars, AXIS, dark=np.full(9, 7.0), step_um={"y": 0.5, "x": 0.25}, source="tissue")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_stack(tissue(), tmp_path / "tissue.zarr")


@pytest.fixture
def crimson() -> Any:
    """The plugin as napari finds it."""
    PluginManager.instance().discover()
    return ViewerModel()


def test_a_file_opens_as_a_lazy_layer(crimson: ViewerModel, saved: Path) -> None:
    (layer,) = crimson.open(saved, plugin="napari-crimson")
    assert layer.name == "tissue"
    assert not isinstance(layer.data, np.ndarray)
    assert_array_equal(layer.data, np.moveaxis(tissue()["cars"].values, -1, 0))
    assert_array_equal(layer.metadata["crimson"]["wavenumber"], AXIS)
    assert_array_equal(layer.metadata["crimson"]["dark"], np.full(9, 7.0))
    assert_allclose(layer.scale, (1, 0.5, 0.25))


def test_several_files_open_at_once(saved: Path, tmp_path: Path) -> None:
    other = save_stack(tissue(), tmp_path / "other.zarr")
    reader = get_reader([str(saved), str(other)])
    assert reader is not None
    assert [attributes["name"] for _, attributes, _ in reader([str(saved), str(other)])] == ["tissue", "other"]


def test_reader_says_no_to_what_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "empty.h5").touch()
    (tmp_path / "fake.tif").write_text("no picture")
    (tmp_path / "folder").mkdir()
    for name in ("notes.txt", "empty.h5", "fake.tif", "folder", "missing.h5"):
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader([]) is None


def test_asking_the_reader_imports_neither_torch_nor_qt(saved: Path) -> None:
    code = f"""
import sys
from napari_crimson.plugin.reader import get_reader
assert get_reader({str(saved)!r}) is not None
slow = {{"torch", "qtpy", "PySide6", "napari", "xarray", "dask"}} & sys.modules.keys()
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_file_without_an_axis_says_how_to_give_one(crimson: ViewerModel, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["scan"] = np.ones((4, 5, 12), dtype=np.uint16)
    with refused(tmp_path, r"scan\.h5.*wavenumber=.*Open stack"):
        crimson.open(tmp_path / "scan.h5", plugin="napari-crimson")
    assert not crimson.layers


def write_half(folder: Path) -> None:
    save_stack(tissue(), folder / "a.h5")
    raw = (folder / "a.h5").read_bytes()
    (folder / "a.h5").write_bytes(raw[: len(raw) // 2])


def write_pickle(folder: Path) -> None:
    np.save(folder / "a.npy", np.array([{}], dtype=object), allow_pickle=True)


def write_short_axis(folder: Path) -> None:
    np.savez(folder / "a.npz", cars=np.ones((3, 4, 9)), wavenumber=AXIS[:5])


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("a.h5", write_half, "truncated file"),
        ("a.npy", write_pickle, "holds Python objects, which run code when loaded, and is refused"),
        ("a.npz", write_short_axis, "an axis of 5 values for spectra of 9 points"),
    ],
    ids=["half", "pickle", "axis"],
)
def test_a_bad_file_leaves_no_layer(crimson: ViewerModel, tmp_path: Path, name: str, write: Callable[[Path], None], told: str) -> None:
    good = save_stack(tissue(), tmp_path / "good.zarr")
    write(tmp_path)
    with refused(tmp_path, rf"{re.escape(name)}: .*{told}"):
        crimson.open([good, tmp_path / name], plugin="napari-crimson", stack=False)
    assert [layer.name for layer in crimson.layers] in ([], ["good"])
    assert all(layer.data.shape == (9, 5, 6) for layer in crimson.layers)


def test_manifest_is_valid_and_lists_what_is_read() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    (reader,) = manifest.contributions.readers or ()
    assert set(reader.filename_patterns) == {f"*{suffix}" for form in formats() for suffix in form.suffixes}
    assert reader.accepts_directories


def test_manifest_lists_a_writer_for_every_suffix_that_is_written() -> None:
    writers = PluginManifest.from_file(MANIFEST).contributions.writers or ()
    suffixes = [suffix for writer in writers for suffix in writer.filename_extensions]
    assert set(suffixes) == {*WRITERS, ".ome.tif"}
    assert len(suffixes) == len(set(suffixes))


def test_saved_layer_opens_as_it_was(crimson: ViewerModel, saved: Path, tmp_path: Path) -> None:
    (layer,) = crimson.open(saved, plugin="napari-crimson")
    assert layer.save(str(tmp_path / "again.zarr"), plugin="napari-crimson") == [str(tmp_path / "again.zarr")]
    xr.testing.assert_identical(open_stack(tmp_path / "again.zarr").compute().drop_attrs(), open_stack(saved).compute().drop_attrs())


@pytest.mark.parametrize("title", ["OME-Zarr", "NIST HDF5", "OME-TIFF", "MATLAB"])
@pytest.mark.parametrize("variable", ["cars", "raman"])
def test_save_selected_layers_offers_each_format(crimson: ViewerModel, tmp_path: Path, title: str, variable: str) -> None:
    stack = tissue() if variable == "cars" else tissue().rename(cars="raman")
    (layer,) = (Image(data, **attributes) for data, attributes, _ in layer_data_from_stack(stack))
    offered, writers = file_extensions_string_for_layers([layer])
    assert offered is not None
    number = next(i for i, entry in enumerate(offered.split(";;")) if entry.startswith(f"CRIMSON {title} (*."))
    crimson.add_layer(layer)
    typed = tmp_path / "my.tissue"  # as the dialog gives it where no suffix was typed
    (saved,) = crimson.layers.save(str(typed), selected=True, _writer=writers[number])
    assert saved == f"{typed}{writers[number].filename_extensions[0]}"
    again = open_stack(saved)
    xr.testing.assert_equal(again, stack.drop_vars("dark") if title == "OME-TIFF" else stack)


@pytest.mark.parametrize("suffix", [".zarr", ".mat"])
def test_layers_of_one_stack_go_into_one_file(crimson: ViewerModel, tmp_path: Path, suffix: str) -> None:
    cars = tissue()["cars"].astype(np.float32)
    stack = tissue().assign(cars=cars, raman=cars / 2, uncertainty=cars / 9)
    stack["raman"].attrs["remover"] = "cnn"
    for data, attributes, _ in reversed(layer_data_from_stack(stack)):
        crimson.add_layer(Image(data, **attributes))
    crimson.layers.save(str(tmp_path / f"a{suffix}"), plugin="napari-crimson")
    again = open_stack(tmp_path / f"a{suffix}")
    xr.testing.assert_equal(again, stack)
    assert suffix == ".mat" or again.attrs["remover"] == "cnn"


def test_layers_of_several_stacks_do_not(crimson: ViewerModel, tmp_path: Path) -> None:
    for name, stack in (("one", tissue()), ("two", tissue()), ("three", tissue().isel(x=slice(0, 3)).rename(cars="raman"))):
        ((data, attributes, _),) = layer_data_from_stack(stack, name=name)
        crimson.add_layer(Image(data, **attributes))
    for left, right in (("one", "two"), ("one", "three")):
        crimson.layers.selection = {crimson.layers[left], crimson.layers[right]}
        with pytest.raises(CrimsonError, match=f"layers '{left}' and '{right}' .*save them one by one"):
            crimson.layers.save(str(tmp_path / "a.mat"), selected=True, plugin="napari-crimson")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_replaced_but_not_the_one_that_is_read(crimson: ViewerModel, tmp_path: Path) -> None:
    source = save_stack(tissue(), tmp_path / "tissue.h5")
    (layer,) = crimson.open(source, plugin="napari-crimson")
    before = source.read_bytes()
    with pytest.raises(CrimsonError, match=r"tissue\.h5: is the file that layer 'tissue' is read from"):
        layer.save(str(source), plugin="napari-crimson")
    assert source.read_bytes() == before
    (tmp_path / "old.mat").write_text("an older one")
    layer.save(str(tmp_path / "old.mat"), plugin="napari-crimson")
    xr.testing.assert_equal(open_stack(tmp_path / "old.mat"), tissue())
    saved = save_stack(tissue(), tmp_path / "there.zarr")
    with pytest.raises(CrimsonError, match="is there already"):
        layer.save(str(saved), plugin="napari-crimson")


def test_saved_result_keeps_its_provenance(tmp_path: Path) -> None:
    record = {
        "variable": "raman",
        "wavenumber": AXIS,
        "history": ["background removed by cnn"],
        "provenance": {"remover": "cnn", "status": "partial"},
    }
    values = np.random.default_rng(1).normal(size=(9, 5, 6)).astype(np.float32)
    write_ome_zarr(str(tmp_path / "raman.zarr"), [(values, {"name": "tissue · cnn", "metadata": {"crimson": record}}, "image")])
    found = open_stack(tmp_path / "raman.zarr")
    assert "cars" not in found
    assert_array_equal(np.moveaxis(found["raman"].values, -1, 0), values)
    assert found.attrs["remover"] == "cnn"
    assert found.attrs["status"] == "partial"
    assert "background removed by cnn" in found.attrs["history"]


def test_layer_of_another_reader_is_saved_once_it_has_an_axis(tmp_path: Path) -> None:
    layer = Image(np.ones((9, 5, 6)), name="scan", rgb=False)
    with pytest.raises(CrimsonError, match="'scan' does not say its wavenumbers"):
        write_ome_zarr(str(tmp_path / "scan.zarr"), [layer.as_layer_data_tuple()])
    assert not (tmp_path / "scan.zarr").exists()
    give_axis(layer, AXIS)
    write_ome_zarr(str(tmp_path / "scan.zarr"), [layer.as_layer_data_tuple()])
    assert_allclose(open_stack(tmp_path / "scan.zarr")["wavenumber"], AXIS)


def test_real_tissue_opens(crimson: ViewerModel, shared_data: Path) -> None:
    (layer,) = crimson.open(shared_data / "bcars_tissue.h5", plugin="napari-crimson")
    assert layer.data.shape == (1600, 60, 60)
    assert_allclose(layer.scale[1:], 0.5)
    with np.load(shared_data / "bcars_tissue_truth.npz") as truth:
        assert_allclose(layer.metadata["crimson"]["wavenumber"], np.sort(truth["wavenumber"]), atol=1e-6)
    assert {"dark", "reference"} <= layer.metadata["crimson"].keys()
