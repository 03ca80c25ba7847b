"""A limit on memory holds for results, for the blocks in work, and for files that must be read whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import psutil
import pytest
import xarray as xr
from numpy.typing import NDArray

from napari_crimson import open_stack, remove_background
from napari_crimson.io.lazy import FileArray
from napari_crimson.memory import SHARE, limit_memory, memory_room, work_room
from napari_crimson.stack import make_stack
from refusing import command_refused, refused

AXIS = np.linspace(2800.0, 3100.0, 8)
STACK = np.random.default_rng(0).uniform(1, 2, (30, 40, 8)).astype(np.float32)  # 38,400 bytes


@pytest.fixture(autouse=True)
def no_limit_after() -> Iterator[None]:
    yield
    limit_memory(None)


def test_room_is_what_is_free_or_the_limit_where_that_is_less(monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert memory_room() == int(SHARE * 1000)
    limit_memory(100)
    assert memory_room() == memory_room(share=1.0) == 100
    limit_memory(5000)
    assert memory_room(share=1.0) == 1000


def test_work_takes_a_quarter_of_the_memory_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory()._replace(total=4000, available=3000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert work_room() == 1000
    limit_memory(2000)
    assert work_room() == 2000
    limit_memory(5000)
    assert work_room() == 3000


@pytest.mark.parametrize("stored", [(100, 40, 200), (400, 500, 1), (1, 500, 200), (97, 89, 10), (199, 301, 200)])
def test_a_stack_is_read_in_parts_that_fit_the_limit_however_it_is_stored(stored: tuple[int, ...], tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(100, 1000, (400, 500, 200)).astype(np.uint16)  # 80 MB
    seen = np.zeros(counts.shape[:2], dtype=int)

    def read(box: tuple[slice, ...]) -> NDArray[Any]:
        seen[box[:2]] += 1
        return counts[box].copy()

    limit_memory(limit := 60_000_000)
    array = FileArray(path=Path("x"), read=read, stored_shape=counts.shape, dtype=counts.dtype, stored_chunks=stored)
    stack = make_stack(array.to_dask(), np.linspace(600.0, 1800.0, 200))
    remove_background(stack.isel(y=slice(16)), same, output=tmp_path / "first.zarr")  # modules are imported
    seen[:] = 0
    tracemalloc.start()
    try:
        out = remove_background(stack, same, output=tmp_path / "out.zarr")
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()
    assert (seen == 1).mean() > 0.99  # a few are looked at to know the stack again
    np.testing.assert_array_equal(out["raman"].values, counts)


def same(spectra: NDArray[Any], *_: object) -> NDArray[Any]:
    return spectra


def in_rows(rows: int) -> xr.Dataset:
    """The stack four times, a chunk for some rows."""
    return make_stack(da.from_array(np.concatenate([STACK] * 4), chunks=(rows, 40, 8)), AXIS)


def test_a_result_over_the_limit_is_refused_and_goes_to_disk(tmp_path: Path) -> None:
    limit_memory(4 * STACK.nbytes - 1)
    with refused(tmp_path, r"for which there are .* of memory.*output="):
        remove_background(in_rows(5), same)
    on_disk = remove_background(in_rows(5), same, output=tmp_path / "out.zarr")
    np.testing.assert_allclose(on_disk["raman"].values, np.concatenate([STACK] * 4))


def test_a_limit_smaller_than_the_blocks_in_work_is_told_before_anything_is_written(tmp_path: Path) -> None:
    limit_memory(4 * STACK.nbytes - 1)
    with refused(
        tmp_path,
        r"blocks of \d+ spectra of 8 points, .* take .* MiB in work, .*allow more by a limit on memory, or save the stack with smaller",
    ):
        remove_background(in_rows(120), same, output=tmp_path / "out.zarr")
    limit_memory(1000)
    with refused(
        tmp_path,
        r"blocks of \d+ spectra of 8 points, .* take .* MiB in work, .*allow more by a limit on memory, or save the stack with smaller",
    ):
        remove_background(in_rows(5), same, output=tmp_path / "out.zarr")


def test_the_command_line_sets_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "a.npz", cars=STACK, wavenumber=AXIS)
    command = ("correct", tmp_path / "a.npz", "--out", tmp_path / "out", "--remover", "kk", "--memory-limit", "0.00001")
    command_refused(capsys, [tmp_path], r"a\.npz: .*blocks of \d+ spectra of 8 points, .* take .* MiB in work, .*allow more by", *command)


def test_a_file_that_must_be_read_whole_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "packed.npz", cars=STACK, wavenumber=AXIS)
    assert open_stack(tmp_path / "packed.npz")["cars"].shape == STACK.shape
    limit_memory(1000)
    with refused(tmp_path, r"packed\.npz: 'cars\.npy' of shape .*takes .* GiB and must be read whole, for which there are .* GiB"):
        open_stack(tmp_path / "packed.npz")
