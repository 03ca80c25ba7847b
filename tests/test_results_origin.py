"""A stack that has changed behind a run that is to be taken up."""

from __future__ import annotations

import os
import re
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_crimson import open_stack, remove_background
from napari_crimson.errors import DamagedError
from napari_crimson.results.origin import changes, files_behind, origin_of, same_pixels
from refusing import refused

VALUES = np.random.default_rng(0).integers(0, 4000, (8, 9, 20)).astype("u2")
CARS = da.from_array(VALUES, chunks=(4, 9, 20))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "cell.h5"
    path.parent.mkdir()
    path.write_bytes(np.random.default_rng(0).bytes(3_000_000))
    return path


def keep_time(path: Path, change: object) -> None:
    """Change a file behind the back of its time stamp."""
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_same_file_has_not_changed(file: Path) -> None:
    assert changes(origin_of(str(file), CARS), origin_of(str(file), CARS)) == ""


def test_size_time_and_content_are_told(file: Path) -> None:
    before = origin_of(str(file), CARS)
    with file.open("ab") as opened:
        opened.write(b"more")
    assert "3,000,000 bytes then, 3,000,004 now" in changes(before, origin_of(str(file), CARS))
    before = origin_of(str(file), CARS)
    os.utime(file, (0, 0))
    assert changes(before, origin_of(str(file), CARS)).startswith("last changed")
    before = origin_of(str(file), CARS)

    def spoil() -> None:
        with file.open("r+b") as opened:
            opened.seek(100)
            opened.write(b"\0\0\0\0")

    keep_time(file, spoil)
    assert changes(before, origin_of(str(file), CARS)) == "its content differs"


def test_a_folder_is_known_by_all_its_files_but_not_by_the_result_within(file: Path) -> None:
    folder, result = file.parent, file.parent / "out.zarr"
    before = origin_of(str(folder), CARS, apart_from=result)
    result.mkdir()
    (result / "zarr.json").write_text("{}")
    (folder / "out.zarr.lock").write_text("held")
    (folder / ".out.zarr.unfinished").mkdir()
    (folder / ".out.zarr.unfinished" / "zarr.json").write_text("{}")
    (folder / "Thumbs.db").write_text("somebody looked")
    assert changes(before, origin_of(str(folder), CARS, apart_from=result)) == ""
    (folder / "second.h5").write_bytes(b"new")
    assert "1 files then, 2 now" in changes(before, origin_of(str(folder), CARS, apart_from=result))


@pytest.fixture
def planes(tmp_path: Path) -> Path:
    """A folder of 40 TIFF files, written one a minute."""
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(40):
        tifffile.imwrite(folder / f"image_{number:02}.tif", VALUES[..., number % 20], photometric="minisblack")
        os.utime(folder / f"image_{number:02}.tif", ns=(0, (1_700_000_000 + 60 * number) * 10**9))
    return folder


def replace_one(folder: Path) -> None:
    """Other content of the same size, older than the newest, in a file that is in no sample."""
    tifffile.imwrite(folder / "image_07.tif", VALUES[..., 0] + 1, photometric="minisblack")
    os.utime(folder / "image_07.tif", ns=(0, (1_700_000_000 + 60 * 7) * 10**9 + 1000))


def test_one_older_file_of_many_replaced_by_another_of_its_size_is_told(planes: Path) -> None:
    before = files_behind(str(planes))
    replace_one(planes)
    now = files_behind(str(planes))
    assert {key for key in before if before[key] != now[key]} == {"stamps"}
    assert re.fullmatch(r"some of its 40 files last changed at another time than then, the newest at 2023-11-1\d .*", changes(before, now))
    earlier = {key: value for key, value in before.items() if key != "stamps"}  # as noted by versions that kept no such thing
    assert changes(earlier, now) == ""


def test_a_run_is_not_taken_up_when_one_file_of_its_folder_was_replaced(planes: Path, tmp_path: Path) -> None:
    def double(spectra: np.ndarray, *_: object) -> np.ndarray:
        return 2 * spectra.astype("f4")

    def remove() -> None:
        remove_background(open_stack(planes, wavenumber=(1000, 1500)), double, output=tmp_path / "out.zarr")

    remove()
    remove()
    replace_one(planes)
    with refused(tmp_path, r"have changed since .* \(some of its 40 files last changed at another time .*resume=False to begin anew"):
        remove()


def test_an_array_in_memory_is_known_by_two_of_its_pixels() -> None:
    before = origin_of("array", CARS)
    assert list(before) == ["pixels"]
    assert same_pixels(before, origin_of("array", CARS))
    assert not same_pixels(before, origin_of("array", CARS + 1))


def test_a_prepared_stack_may_be_rounded_otherwise() -> None:
    near = da.from_array(VALUES * np.float32(1.0000001), chunks=(4, 9, 20))
    assert same_pixels(origin_of("", CARS, rounded=True), origin_of("", near, rounded=True))
    assert not same_pixels(origin_of("", CARS, rounded=True), origin_of("", CARS * 1.1, rounded=True))


def test_a_pixel_that_cannot_be_read_is_compared_with_nothing() -> None:
    def spoil(chunk: np.ndarray, block_info: dict) -> np.ndarray:
        if block_info[0]["chunk-location"][0] == 1:
            raise DamagedError("second half")
        return chunk

    spoilt = origin_of("", CARS.map_blocks(spoil, dtype=CARS.dtype, meta=np.empty((0, 0, 0), CARS.dtype)))
    assert spoilt["pixels"] == ["", ""]  # the middle row is the first of the second half
    assert same_pixels(spoilt, origin_of("", CARS))
