"""`save_stack` and back, in every format; other programs read the result; nothing half-written stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr

from napari_crimson import CrimsonError, open_stack, save_stack
from napari_crimson.stack import make_stack

RNG = np.random.default_rng(0)
AXIS = np.linspace(900, 3200, 40) + np.arange(40) ** 1.7


def stack_of(shape: tuple[int, ...] = (5, 6, 40), dtype: str = "u2") -> xr.Dataset:
    return make_stack(
        RNG.integers(0, 9999, shape).astype(dtype),
        AXIS,
        dark=np.full(40, 3.0),
        reference=np.arange(40.0),
        step_um={"x": 0.25, "y": 0.5, "z": 2.0},
        source="first.h5",
        history=["measured"],
    )


def results(*names: str, shape: tuple[int, ...] = (5, 6, 40), dtype: str = "f4") -> xr.Dataset:
    """A stack with these images, no two alike, without a value in one pixel."""
    stack = stack_of(shape, dtype)
    images = {name: stack["cars"].astype(dtype) + i for i, name in enumerate(names)}
    if np.dtype(dtype).kind == "f":
        images = {name: image.where(image["x"] > 0) for name, image in images.items()}
    return stack.drop_vars("cars").assign(images)


STACKS: dict[str, xr.Dataset] = {
    "measured": stack_of(),
    "measured, z": stack_of((3, 5, 6, 40)),
    "measured, t and z": stack_of((2, 3, 5, 6, 40)),
    "measured, float64": results("cars", dtype="f8"),
    "measured, signed": stack_of(dtype="i4") - 5000,
    "one pixel": stack_of((1, 1, 40)).drop_vars(["y", "x"]),  # of one position no step can be told
    "raman": results("raman"),
    "raman, z": results("raman", shape=(3, 5, 6, 40)),
    "raman, t and z": results("raman", shape=(2, 3, 5, 6, 40)),
    "uncertainty": results("uncertainty"),
    "raman and uncertainty": results("raman", "uncertainty"),
    "all": results("cars", "raman", "uncertainty", shape=(2, 5, 6, 40)),
}
SUFFIXES = (".zarr", ".h5", ".tif", ".ome.tif", ".mat")
REFUSED = {(".h5", name) for name in STACKS if ", t" in name or "uncertainty" in name or name == "all"}
REFUSED |= {(suffix, name) for suffix in (".tif", ".ome.tif") for name in ("raman and uncertainty", "all")}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", STACKS)
def test_what_is_written_is_read_back_equal(tmp_path: Path, suffix: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    stack = STACKS[kind]
    if (suffix, kind) in REFUSED:
        with pytest.raises(CrimsonError, match=r"save one, such as ds\[\[.*\.zarr"):
            save_stack(stack, tmp_path / f"a{suffix}")
        assert not list(tmp_path.iterdir())
        return
    again = open_stack(save_stack(stack, tmp_path / f"a{suffix}"))
    expected = stack.drop_vars(["dark", "reference"]) if "tif" in suffix else stack
    xr.testing.assert_equal(again, expected)  # values, axis, spectra, steps
    assert {name: image.dtype for name, image in again.items()} == {name: image.dtype for name, image in expected.items()}
    assert [entry.name for entry in tmp_path.iterdir()] == [f"a{suffix}"]
    assert bool(caplog.messages) == ("tif" in suffix)  # that dark and reference are left out
    if suffix != ".h5":
        assert again.attrs["history"][-1] == "measured"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stack_of_a_microscope_survives_every_format(shared_data: Path, tmp_path: Path, suffix: str) -> None:
    stack = open_stack(shared_data / "bcars_tissue.h5").isel(y=slice(10, 14), x=slice(20, 25))
    stack = stack.assign_coords(y=stack["y"] - stack["y"][0], x=stack["x"] - stack["x"][0])  # places are counted from the first pixel
    again = open_stack(save_stack(stack, tmp_path / f"a{suffix}"))
    xr.testing.assert_equal(again, stack.drop_vars(["dark", "reference"]) if "tif" in suffix else stack)


def test_matlab_is_v73_with_named_classes(tmp_path: Path) -> None:
    stack = results("cars", "raman")
    path = save_stack(stack, tmp_path / "a.mat")
    assert path.read_bytes()[:20] == b"MATLAB 7.3 MAT-file,"
    assert path.read_bytes()[124:128] == b"\x00\x02IM"
    with h5py.File(path) as file:
        assert {name: item.attrs["MATLAB_class"].decode() for name, item in file.items()} == {
            **dict.fromkeys(("cars", "raman"), "single"),
            **dict.fromkeys(("wavenumber", "dark", "reference", "x_um", "y_um"), "double"),
            "history": "char",
        }
        np.testing.assert_array_equal(file["raman"][:].T, stack["raman"])
        np.testing.assert_array_equal(file["wavenumber"][:].T, AXIS[:, None])


def test_zarr_keeps_results_and_attributes(tmp_path: Path) -> None:
    stack = stack_of().assign(raman=stack_of(dtype="f4")["cars"]).assign_attrs(remover="cnn", scores=np.float32(0.5))
    again = open_stack(save_stack(stack, tmp_path / "a.zarr"))
    xr.testing.assert_equal(again, stack)
    assert (again.attrs["remover"], again.attrs["scores"], again.attrs["status"]) == ("cnn", 0.5, "complete")
    assert again.attrs["history"] == ["from first.h5", "measured"]


def test_xarray_and_zarr_read_it_with_the_true_axis(tmp_path: Path) -> None:
    stack = stack_of().rename(cars="raman")
    save_stack(stack, tmp_path / "a.zarr")
    theirs = xr.open_zarr(tmp_path / "a.zarr")
    xr.testing.assert_equal(theirs["raman"].transpose("y", "x", "wavenumber").compute(), stack["raman"])
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert group["raman"].shape == (40, 5, 6)  # type: ignore[union-attr]
    np.testing.assert_array_equal(group["wavenumber"][:], AXIS)  # type: ignore[index]


def test_larger_than_a_slab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_crimson.io.zarr_writer._SLAB_BYTES", 1)
    monkeypatch.setattr("napari_crimson.io.tiff_writer._BATCH_BYTES", 1)
    stack = stack_of((130, 150, 40))
    for name in ("a.zarr", "a.tif", "a.mat"):
        xr.testing.assert_equal(open_stack(save_stack(stack, tmp_path / name))["cars"], stack["cars"])


def test_the_polynomial_of_the_nist_layout_is_close_to_the_axis(tmp_path: Path) -> None:
    path = save_stack(make_stack(np.ones((2, 3, 900)), np.linspace(400, 3800, 900)), tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["BCARSImage/a/wavenumber"]
    np.testing.assert_allclose(open_stack(path)["wavenumber"], np.linspace(400, 3800, 900), atol=0.01)


def test_tiff_is_read_by_others_as_pages_of_wavenumbers(tmp_path: Path) -> None:
    stack = stack_of()
    save_stack(stack, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.series[0].axes == "CYX"
        np.testing.assert_array_equal(file.series[0].asarray(), np.moveaxis(stack["cars"].values, -1, 0))


def test_what_a_format_cannot_hold(tmp_path: Path) -> None:
    both = stack_of().assign(raman=stack_of()["cars"])
    with pytest.raises(CrimsonError, match=r"suffix '\.doc'.*\.zarr"):
        save_stack(both, tmp_path / "a.doc")
    with pytest.raises(CrimsonError, match="expected at least one of cars"):
        save_stack(both[["dark"]], tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    stack = stack_of()
    for name in ("a.zarr", "a.h5", "a.tif", "a.mat"):
        save_stack(stack, tmp_path / name)
        with pytest.raises(CrimsonError, match="is there already"):
            save_stack(stack, tmp_path / name)
        save_stack(stack + 1, tmp_path / name, overwrite=True)
        np.testing.assert_array_equal(open_stack(tmp_path / name)["cars"], stack["cars"] + 1)
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "thesis.txt").write_text("all of it")
    with pytest.raises(CrimsonError, match="something else"):
        save_stack(stack, tmp_path / "mine.zarr", overwrite=True)
    assert (tmp_path / "mine.zarr" / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["a.zarr", "a.h5", "a.tif", "a.mat"])
def test_a_failure_half_way_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, name: str) -> None:
    save_stack(stack_of(), tmp_path / name)
    broken = stack_of()
    broken["cars"] = broken["cars"].copy(data=broken["cars"].data.map_blocks(_fail, dtype="u2", meta=np.empty((0, 0, 0), "u2")))
    with pytest.raises(RuntimeError, match="the stage is stuck"):
        save_stack(broken, tmp_path / name, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert open_stack(tmp_path / name)["cars"].load().shape == (5, 6, 40)


def _fail(block: Any) -> Any:
    raise RuntimeError("the stage is stuck")


@pytest.mark.parametrize("name", ["a.zarr", "a.h5", "a.tif", "a.mat"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CrimsonError, match="cannot be written"):
        save_stack(stack_of(), tmp_path / "file" / name)
