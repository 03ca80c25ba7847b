"""`open_stack` whatever the format: recognition, nothing left open, large files, bad files."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import tifffile
import zarr

from napari_crimson import open_stack
from napari_crimson.io import can_open, formats
from refusing import opened_or_refused, refused, unchanged

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["cube"] = STACK


def write_tif(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, np.moveaxis(STACK, -1, 0), photometric="minisblack", **options)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "a.h5": write_h5,
    "a.tif": write_tif,
    "b.tif": lambda path: write_tif(path, compression="zlib"),
    "a.npy": lambda path: np.save(path, STACK),
    "a.npz": lambda path: np.savez(path, STACK),
    "b.npz": lambda path: np.savez_compressed(path, STACK),
    "a.zarr": lambda path: zarr.create_array(path, data=STACK),
}
FILES = [name for name in WRITERS if name != "a.zarr"]  # and no folders


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / str(request.param)
    WRITERS[made.name](made)
    return made


def test_nothing_stays_open_and_the_stack_can_be_sent_away(path: Path) -> None:
    stack = open_stack(path, wavenumber=(1000, 1005))
    again = pickle.loads(pickle.dumps(stack))
    np.testing.assert_array_equal(again["cars"], STACK)
    np.testing.assert_array_equal(stack["cars"][1:3, 2], STACK[1:3, 2])
    assert not [file.path for file in psutil.Process().open_files() if str(path.parent) in file.path]
    assert stack["cars"].data.chunks[-1] == (6,)
    assert stack.attrs["source"] == str(path)


@pytest.mark.parametrize("path", [name for name in WRITERS if name != "b.npz"], indirect=True)  # which is packed, and read whole
def test_a_file_taken_away_is_one_error(path: Path) -> None:
    stack = open_stack(path, wavenumber=(1, 2))
    path.rename(path.with_name("elsewhere"))
    with refused(path.parent, f"{re.escape(str(path))} is gone: put it back, or open it where it is now; is its disk or share connected"):
        stack["cars"].load()


def test_content_goes_before_the_suffix(path: Path) -> None:
    renamed = path.rename(path.with_name("folder") if path.is_dir() else path.with_suffix(".dat"))
    with unchanged(renamed.parent):
        assert can_open(renamed)
        np.testing.assert_array_equal(open_stack(renamed, wavenumber=(1, 2))["cars"], STACK)


@pytest.mark.parametrize("path", FILES, indirect=True)
def test_truncated_and_foreign_files(path: Path) -> None:
    raw = path.read_bytes()
    for content in (raw[: len(raw) // 2], raw[:9], b"%PDF-1.7 something else entirely" * 9, b""):
        path.write_bytes(content)
        with refused(path.parent, f"{re.escape(str(path))}: .*(truncated|is it whole|is empty|save it again)"):
            open_stack(path, wavenumber=(1, 2))


@pytest.mark.parametrize("path", FILES, indirect=True)
def test_damaged_bytes_are_a_result_or_one_error(path: Path) -> None:
    rng, raw = np.random.default_rng(1), np.frombuffer(path.read_bytes(), "u1")
    for _ in range(25):
        damaged = raw.copy()
        damaged[rng.integers(0, min(raw.size, 400), 6)] = rng.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        with opened_or_refused(path.parent):
            open_stack(path, wavenumber=(1, 2)).load()


def test_missing_and_unknown(tmp_path: Path) -> None:
    with refused(tmp_path, r"gone\.h5: no such file or folder; check the name and that the drive is connected"):
        open_stack(tmp_path / "gone.h5")
    (tmp_path / "a.doc").write_text("a letter")
    with refused(tmp_path, r"suffix '\.doc' .* of no format known here; there are \.h5 .*\.zarr"):
        open_stack(tmp_path / "a.doc")
    with refused(tmp_path, "a folder, but neither Zarr nor one of numbered TIFFs; give a file of"):
        open_stack(tmp_path)
    assert not any(can_open(one) for one in (tmp_path, tmp_path / "gone.h5", tmp_path / "a.doc", "nul\0l"))


def test_can_open_is_cheap() -> None:
    code = "import sys; from napari_crimson.io import can_open, formats; can_open('x'); formats()\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "xarray", "dask", "zarr", "h5py", "tifffile", "napari"} & set(loaded)


def test_formats_say_what_there_is() -> None:
    lines = [str(form) for form in formats()]
    assert any("NIST" in line and ".h5" in line for line in lines)
    assert any("a folder" in line for line in lines)


BIG = (4096, 4096, 1600)  # 50 GB as 16 bits


def big_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", BIG, "u2")[0, 0] = 1


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.h5", big_h5),
        ("a.npy", lambda path: np.lib.format.open_memmap(path, "w+", "u2", BIG)),
        ("a.zarr", lambda path: zarr.create_array(path, shape=BIG, chunks=(64, 64, 64), dtype="u2")),
    ],
)
def test_50_gb_open_without_being_read(tmp_path: Path, name: str, write: Callable[[Path], Any]) -> None:
    write(tmp_path / name)
    before = psutil.Process().memory_info().rss
    stack = open_stack(tmp_path / name, wavenumber=(500, 3500))
    assert stack["cars"].shape == BIG
    assert psutil.Process().memory_info().rss - before < 200 * 2**20
    assert stack["cars"].data.npartitions < 5000
    assert stack["cars"][7, :8, 5].values.shape == (8,)


def test_real_arrays_open(shared_data: Path) -> None:
    stack = open_stack(shared_data / "raman_emulsion.npz")
    assert dict(stack["cars"].sizes) == {"y": 60, "x": 60, "wavenumber": 253}
    assert (float(stack["wavenumber"][0]), float(stack["wavenumber"][-1])) == (1010, 1766)
