"""Stopping in the middle of a block, and that cutting one into slices changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest

from napari_crimson import load_remover
from napari_crimson.blocks import plan_blocks
from napari_crimson.results.sinks import MemorySink
from napari_crimson.stopping import InSlices
from napari_crimson.stream import stream

AXIS = np.linspace(800.0, 3200.0, 400)


class StoppedError(Exception):
    """The user has had enough."""


def spectra(pixels: int) -> np.ndarray:
    values = np.random.default_rng(1).normal(1.0, 0.05, (pixels, AXIS.size)).astype("f4") * 500
    values[40] = np.nan  # one without a spectrum
    return values


@pytest.mark.parametrize("name", ["cnn", "rnn", "kk", "mem"])
def test_slices_give_what_one_call_gives(name: str) -> None:
    remover = load_remover(name, device="cpu")
    sizes: list[int] = []

    def correct(part: np.ndarray) -> dict[str, np.ndarray]:
        sizes.append(len(part))
        return {"raman": remover(part, AXIS)}

    sliced = InSlices(correct, lambda: None)(spectra(150))
    assert len(sizes) > 1
    assert min(sizes) >= 16
    np.testing.assert_array_equal(sliced["raman"], remover(spectra(150), AXIS))


def run(correct: Callable[[np.ndarray], dict[str, np.ndarray]], heed: Callable[[], None], block_bytes: int) -> MemorySink:
    cars = da.from_array(spectra(600).reshape(20, 30, -1), chunks=(10, 30, -1))
    sink = MemorySink(cars.shape, ["raman"])
    regions = plan_blocks(cars.shape, cars.chunks, block_bytes=block_bytes)
    with pytest.raises(StoppedError):
        list(stream(cars, correct, sink, regions, heed=heed))
    return sink


def test_a_stop_inside_a_block_drops_that_block_and_keeps_those_before() -> None:
    done = [0]

    def correct(part: np.ndarray) -> dict[str, np.ndarray]:
        done[0] += len(part)
        return {"raman": part}

    def heed() -> None:
        if done[0] > 200:  # in the second block
            raise StoppedError

    sink = run(correct, heed, 4 * AXIS.size * 150)
    assert 200 < done[0] < 300
    assert list(sink.finished()) == [0]
    assert np.isfinite(sink.arrays["raman"][0]).all()
    assert np.isnan(sink.arrays["raman"][5:]).all()
    assert not any(thread.name.startswith("crimson") for thread in threading.enumerate())


def test_a_stop_while_the_file_is_waited_for() -> None:
    slow, heard = threading.Event(), []

    class Disk:
        shape, dtype, ndim = (4, 4, 8), np.dtype("f4"), 3

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            assert slow.wait(20)
            return np.ones(self.shape, "f4")[key]

    def heed() -> None:
        heard.append(1)
        if len(heard) == 3:
            slow.set()  # only now may the read end
            raise StoppedError

    cars = da.from_array(Disk(), chunks=(4, 4, 8), asarray=False, name=False, meta=np.empty((0, 0, 0), "f4"))
    with pytest.raises(StoppedError):
        list(stream(cars, lambda part: {"raman": part}, MemorySink(cars.shape, ["raman"]), plan_blocks(cars.shape, cars.chunks), heed=heed))
