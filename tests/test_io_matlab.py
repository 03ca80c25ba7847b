"""MATLAB: v5 to v7.2 whole, v7.3 in place with its dimensions turned, WITec's lists of pixels."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
import scipy.io

from napari_crimson import open_stack
from napari_crimson.io import lazy, matlab
from refusing import refused

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
AXIS = np.linspace(3000, 2500, 6)
PIXELS = STACK.reshape((20, 6), order="F")  # down the columns first, as MATLAB's reshape does


def save_v73(path: Path, values: dict[str, Any]) -> None:
    """As MATLAB writes it: its text in front, dimensions reversed, cells as references into a group of its own."""

    def put(group: h5py.Group, key: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                put(group.create_group(key) if key not in group else group[key], name, item)
            return
        value = np.atleast_2d(value)
        if value.dtype == object:
            refs = group.file.require_group("#refs#")
            cells = np.empty(value.T.shape, dtype=h5py.ref_dtype)
            for i, item in np.ndenumerate(value.T):
                name = f"r{len(refs)}"
                refs[name] = np.atleast_2d(item).T
                cells[i] = refs[name].ref
            group.create_dataset(key, data=cells, dtype=h5py.ref_dtype)
        else:
            group[key] = value.T

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, item in values.items():
            put(file, name, item)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")


SAVERS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "v6": lambda path, values: scipy.io.savemat(path, values),
    "v7": lambda path, values: scipy.io.savemat(path, values, do_compression=True),
    "v7.3": save_v73,
}
Save = Callable[[Path, dict[str, Any]], None]


@pytest.fixture(params=SAVERS)
def save(request: pytest.FixtureRequest) -> Save:
    return SAVERS[str(request.param)]


def cell(axis: Any) -> np.ndarray[Any, Any]:
    """A cell {2, 1} as PLS_Toolbox has it: axis of the pixels, not used, and of the spectra."""
    made = np.empty((2, 1), dtype=object)
    made[0, 0], made[1, 0] = np.zeros(len(axis)), axis
    return made


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8", "?"])
def test_a_stack_with_axis_dark_and_reference(tmp_path: Path, save: Save, dtype: str) -> None:
    values = STACK.astype(dtype)
    save(tmp_path / "a.mat", {"cube": values, "wavenumber": AXIS, "dark": np.arange(6.0), "reference": np.ones(6), "mask": np.ones((4, 5))})
    stack = open_stack(tmp_path / "a.mat")
    np.testing.assert_array_equal(stack["cars"], values[..., ::-1])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS[::-1])
    np.testing.assert_array_equal(stack["dark"], [5, 4, 3, 2, 1, 0])
    assert "reference" in stack


def test_which_of_several(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "a.mat", {"one": STACK, "two": STACK + 1})
    with refused(tmp_path, r"'one' \(4, 5, 6\); 'two'.*name="):
        open_stack(tmp_path / "a.mat", wavenumber=(1, 2))
    np.testing.assert_array_equal(open_stack(tmp_path / "a.mat", wavenumber=(1, 2), name="two")["cars"], STACK + 1)
    with refused(tmp_path, "no array is named 'three'"):
        open_stack(tmp_path / "a.mat", wavenumber=(1, 2), name="three")


@pytest.mark.parametrize("folder", ["", "Scan_001"])
def test_witec_export(tmp_path: Path, save: Save, folder: str) -> None:
    export = {"data": PIXELS.astype("f8"), "imagesize": np.array([4.0, 5.0]), "axisscale": cell(AXIS)}
    save(tmp_path / "a.mat", {folder: export} if folder else export)
    stack = open_stack(tmp_path / "a.mat")
    np.testing.assert_array_equal(stack["cars"], STACK[..., ::-1])
    np.testing.assert_array_equal(stack["cars"][1:3, 2:4], STACK[1:3, 2:4, ::-1])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS[::-1])
    assert any("axisscale" in line for line in stack.attrs["history"])


def test_an_image_size_of_other_pixels(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "a.mat", {"data": PIXELS, "imagesize": np.array([4.0, 6.0]), "axisscale": cell(AXIS)})
    with refused(tmp_path, r"20 pixels, its imagesize says 4 × 6"):
        open_stack(tmp_path / "a.mat")


def test_wavelengths_are_no_shift(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "a.mat", {"cube": STACK, "wavelength": np.linspace(600, 700, 6)})
    with refused(tmp_path, r"600 to 700 nm.*wavenumber="):
        open_stack(tmp_path / "a.mat")
    assert open_stack(tmp_path / "a.mat", wavenumber=(500, 3000)).sizes["wavenumber"] == 6


def test_v73_stays_in_its_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file.create_dataset("cube", (1600, 4096, 4096), "u2", chunks=(64, 64, 64))[5, :2, :2] = 7
    with (tmp_path / "a.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124))
    cars = open_stack(tmp_path / "a.mat", wavenumber=(500, 3500))["cars"]
    assert isinstance(cars.data, da.Array)
    assert cars.shape == (4096, 4096, 1600)
    assert list(np.flatnonzero(cars[1, 0])) == [5]


def test_v6_stays_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"cube": STACK})
    monkeypatch.setattr(lazy, "EAGER_BYTES", 10)
    cars = open_stack(tmp_path / "a.mat", wavenumber=(1, 2))["cars"]
    np.testing.assert_array_equal(cars[1:3, 2], STACK[1:3, 2])


def test_a_v5_file_larger_than_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"cube": STACK}, do_compression=True)
    scipy.io.savemat(tmp_path / "b.mat", {"s": {"data": PIXELS, "imagesize": [4, 5]}}, do_compression=True)
    monkeypatch.setattr(lazy, "EAGER_BYTES", 200)
    monkeypatch.setattr(matlab, "load", lambda *_: pytest.fail("was read"))
    for name in ("a.mat", "b.mat"):
        with refused(tmp_path, rf"{name}: .*GiB and must be read whole.*\.zarr"):
            open_stack(tmp_path / name, wavenumber=(1, 2))


def test_a_header_that_promises_terabytes(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"cube": STACK})
    raw = (tmp_path / "a.mat").read_bytes()
    sizes = np.array([4, 5, 6], "<i4").tobytes()
    assert sizes in raw
    (tmp_path / "a.mat").write_bytes(raw.replace(sizes, np.array([40000, 50000, 6000], "<i4").tobytes()))
    with refused(tmp_path, r"'cube' of shape \(40000, 50000, 6000\) is said to unpack from .* to 2.24e\+04 GiB.*; if it is one, save"):
        open_stack(tmp_path / "a.mat", wavenumber=(1, 2))


def test_a_struct_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"s": {"data": PIXELS}}, do_compression=True)
    raw = (tmp_path / "a.mat").read_bytes()
    element = zlib.decompress(raw[136:])
    packed = zlib.compress(element[:4] + np.array([3 * 2**30], "<u4").tobytes() + element[8:] + bytes(2**20))
    (tmp_path / "a.mat").write_bytes(raw[:132] + np.array([len(packed)], "<u4").tobytes() + packed)
    with refused(tmp_path, r"'s' of shape \(1, 1\) is said to unpack from .* to 3 GiB"):
        open_stack(tmp_path / "a.mat", wavenumber=(1, 2))


@pytest.mark.parametrize("keep", [12, 130, 300, 700])
def test_truncated(tmp_path: Path, save: Save, keep: int) -> None:
    save(tmp_path / "whole.mat", {"cube": np.random.default_rng(0).random((9, 9, 9)), "wavenumber": np.arange(9.0)})
    (tmp_path / "cut.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:keep])
    with refused(tmp_path, r"cut\.mat"):
        open_stack(tmp_path / "cut.mat", wavenumber=(1, 2)).load()


def test_foreign_empty_and_without_a_stack(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "a.mat", {"note": "nothing here", "image": np.ones((4, 5))} if save is not save_v73 else {"image": np.ones((4, 5))})
    with refused(tmp_path, "no array of rank 3"):
        open_stack(tmp_path / "a.mat")
    for content, reason in ((b"", "empty"), (b"%PDF-1.7 something" * 99, r"named \.mat but")):
        (tmp_path / "b.mat").write_bytes(content)
        with refused(tmp_path, reason):
            open_stack(tmp_path / "b.mat")
