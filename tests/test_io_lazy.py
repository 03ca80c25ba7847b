"""Arrays that stay in their file: any index, no open file, no more read than is asked for."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_crimson import CrimsonError
from napari_crimson.errors import DamagedError, UnreachableError
from napari_crimson.io import lazy as lazy_room
from napari_crimson.io.lazy import Box, FileArray, behind, check_eager, check_promise, read_raw
from napari_crimson.memory import limit_memory
from napari_crimson.priority import stand_back
from napari_crimson.stack import BLOCK_BYTES
from refusing import refused

STORED = np.arange(1 * 7 * 8 * 9).reshape(1, 7, 8, 9)


def from_memory(box: Box, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values[box]


@pytest.fixture
def lazy() -> FileArray:
    return FileArray(path=Path("x"), read=partial(from_memory, values=STORED), stored_shape=STORED.shape, dtype=STORED.dtype)


INDICES = [
    (),
    (1,),
    (-1, ..., -2),
    (slice(2, 5),),
    (..., 3),
    (..., slice(None, None, -1)),
    (slice(1, 7, 2), 0, slice(None, None, -2), slice(5, 2, -1)),
    (slice(3, 3),),
    ([4, 1, 1],),
    (..., np.arange(7) % 2 == 0),
    (2, 0, 3, 4),
]


@pytest.mark.parametrize("chunks", [None, (1, 7, 8, 9), (1, 2, 3, 9), (1, 2, 3, 4), (1, 100, 1, 1)])
@pytest.mark.parametrize("turn_bytes", [1, 500, 2**23])
def test_behind_the_window_a_part_is_read_in_turns_and_is_the_same(
    chunks: tuple[int, ...] | None, turn_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes: list[Box] = []

    def read(box: Box) -> np.ndarray[Any, Any]:
        boxes.append(box)
        return STORED[box]

    monkeypatch.setattr(lazy_room, "_TURN_BYTES", turn_bytes)
    array = FileArray(path=Path("x"), read=read, stored_shape=STORED.shape, dtype=STORED.dtype, stored_chunks=chunks).turned((2, 3, 1))
    with ThreadPoolExecutor(1, initializer=stand_back) as pool:
        for index in ((slice(1, 7), slice(2, 9)), (3, 4), (slice(3, 3), 0)):
            boxes.clear()
            np.testing.assert_array_equal(pool.submit(array.__getitem__, index).result(), STORED[0].transpose(1, 2, 0)[index])
            assert all(box[1] == slice(0, 7) for box in boxes)  # whole spectra
    if chunks == (1, 2, 3, 9) and turn_bytes == 1:
        boxes.clear()
        with ThreadPoolExecutor(1, initializer=stand_back) as pool:
            pool.submit(array.__getitem__, (slice(1, 7), slice(2, 9))).result()
        assert [box[2] for box in boxes] == [slice(1, 3), slice(3, 6), slice(6, 7)]  # as it is stored


def test_a_file_is_found_behind_an_array_that_only_reads_it(lazy: FileArray) -> None:
    array = lazy.turned((1, 2, 3)).to_dask()
    found = behind(array)
    assert found is not None
    np.testing.assert_array_equal(found[2, 3], array[2, 3].compute())
    assert behind(array[1:]) is None
    assert behind(array + 1) is None


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("falls", [False, True])
def test_an_index_means_what_it_means_in_numpy(lazy: FileArray, index: Any, falls: bool) -> None:
    turned = lazy.turned((2, None, 3, 1))
    expected = STORED[0].transpose(1, 2, 0)[:, None]
    if falls:
        turned, expected = turned.falling(), expected[..., ::-1]
    assert turned.shape == expected.shape
    np.testing.assert_array_equal(turned[index], expected[index])
    np.testing.assert_array_equal(turned.to_dask()[index].compute(), expected[index])


def test_an_index_beyond_the_end(lazy: FileArray) -> None:
    with pytest.raises(IndexError):
        lazy[0, 7]


@pytest.mark.parametrize("falls", [False, True])
def test_a_band_and_a_block_are_read_alone(falls: bool) -> None:
    seen: list[int] = []

    def read(box: Box) -> np.ndarray[Any, Any]:
        block = STORED[box]
        seen.append(block.size)
        return block

    array = FileArray(path=Path("x"), read=read, stored_shape=STORED.shape, dtype=STORED.dtype).turned((2, 3, 1))
    stack = (array.falling() if falls else array).to_dask()
    stack[..., 2].compute()
    stack[1:3, 4].compute()
    assert seen == [8 * 9, 2 * 7]


def test_chunks_hold_whole_spectra_and_whole_pieces_of_the_file() -> None:
    array = FileArray(path=Path("x"), read=from_memory, stored_shape=(1000, 600, 700), dtype=np.dtype("f4"), stored_chunks=(50, 64, 64))  # type: ignore[arg-type]
    rows, columns, points = array.turned((1, 2, 0)).to_dask().chunksize
    assert points == 1000
    assert rows % 64 == 0
    assert columns % 64 == 0
    assert BLOCK_BYTES / 4 <= rows * columns * 4000 <= 2 * BLOCK_BYTES


def test_a_file_in_one_huge_piece_is_still_cut() -> None:
    array = FileArray(
        path=Path("x"), read=from_memory, stored_shape=(5000, 2000, 2000), dtype=np.dtype("u2"), stored_chunks=(1, 2000, 2000)
    )  # type: ignore[arg-type]
    rows, columns, points = array.turned((1, 2, 0)).to_dask().chunksize
    assert points == 5000
    assert rows * columns * points * 2 <= 8 * BLOCK_BYTES


def test_it_travels_to_other_processes(lazy: FileArray) -> None:
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy))[0, 1], STORED[0, 1])


def test_what_a_library_says_becomes_one_error() -> None:
    def fail(box: Box) -> np.ndarray[Any, Any]:
        raise RuntimeError("bad checksum")

    array = FileArray(path=Path("the.file"), read=fail, stored_shape=(2, 3, 4), dtype=np.dtype("u1"))
    with pytest.raises(CrimsonError, match=r"the\.file.*bad checksum.*whole"):
        array.to_dask().compute()


def test_promises_are_weighed_against_the_file(tmp_path: Path) -> None:
    check_promise(tmp_path / "x", (10**5, 10**5, 100), 2, 2 * 10**9)  # 2 TB that compress a thousandfold
    with refused(tmp_path, r"x: promises an array of shape \(100000, 100000, 100\), 1\.82 TiB, but holds 1000000 bytes; .*export it again"):
        check_promise(tmp_path / "x", (10**5, 10**5, 100), 2, 10**6)


def test_the_size_of_what_is_read_whole_is_told_first_and_limited(caplog: pytest.LogCaptureFixture) -> None:
    check_eager(Path("a.wdf"), "the file", 200 * 2**20)
    assert not caplog.messages
    check_eager(Path("a.wdf"), "the file", 512 * 2**20)
    assert caplog.messages == ["a.wdf: the file takes 0.5 GiB and is read whole"]
    limit_memory(2**20)
    try:
        with pytest.raises(CrimsonError, match=r"takes 0.00195 GiB and must be read whole, for which there are 0.000977 GiB"):
            check_eager(Path("a.wdf"), "the file", 2**21)
    finally:
        limit_memory(None)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<f4"])
def test_raw_files_are_read_box_by_box(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 200, (6, 7, 5, 9)).astype(dtype)
    (tmp_path / "raw").write_bytes(b"header" + stored.tobytes())
    for page, piece in ((1, 2**20), (4096, 2**20), (1, 64), (64, 500)):
        monkeypatch.setattr(lazy_room, "_PAGE_BYTES", page)
        monkeypatch.setattr(lazy_room, "_PIECE_BYTES", piece)
        for _ in range(30):
            ends = [sorted(rng.integers(0, size + 1, 2)) if rng.random() < 0.6 else (0, size) for size in stored.shape]
            box = tuple(slice(int(a), int(b)) for a, b in ends)
            got = read_raw(box, path=tmp_path / "raw", dtype=stored.dtype, shape=stored.shape, offset=6)
            assert got.dtype == stored.dtype.newbyteorder("=")
            np.testing.assert_array_equal(got, stored[box])


def test_a_raw_file_that_has_become_shorter_is_an_error_and_no_crash(tmp_path: Path) -> None:
    np.zeros((20, 30, 40), "u2").tofile(tmp_path / "raw")
    array = FileArray(
        path=tmp_path / "raw",
        read=partial(read_raw, path=tmp_path / "raw", dtype=np.dtype("u2"), shape=(20, 30, 40)),
        stored_shape=(20, 30, 40),
        dtype=np.dtype("u2"),
    )
    os.truncate(tmp_path / "raw", 1000)
    with refused(tmp_path, "raw: .*ends before the 48000 bytes") as told:
        array[3]
    assert told.type is DamagedError
    (tmp_path / "raw").unlink()
    with refused(tmp_path, "raw is gone: put it back, or open it where it is now") as told:
        array[3]
    assert told.type is UnreachableError
