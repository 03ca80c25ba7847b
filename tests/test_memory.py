"""A limit on memory holds for results and for files that must be read whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_crimson import CrimsonError, open_stack, remove_background
from napari_crimson.memory import SHARE, limit_memory, memory_room

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


def test_a_result_over_the_limit_is_refused_and_goes_to_disk(tmp_path: Path) -> None:
    limit_memory(STACK.nbytes - 1)
    with pytest.raises(CrimsonError, match=r"for which there are .* of memory.*output="):
        remove_background(STACK, lambda spectra, *_: spectra, wavenumber=AXIS)
    on_disk = remove_background(STACK, lambda spectra, *_: spectra, wavenumber=AXIS, output=tmp_path / "out.zarr")
    np.testing.assert_allclose(on_disk["raman"].values, STACK)


def test_a_file_that_must_be_read_whole_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "packed.npz", cars=STACK, wavenumber=AXIS)
    assert open_stack(tmp_path / "packed.npz")["cars"].shape == STACK.shape
    limit_memory(1000)
    with pytest.raises(CrimsonError, match=r"packed\.npz: 'cars\.npy' of shape .*must be read whole"):
        open_stack(tmp_path / "packed.npz")
