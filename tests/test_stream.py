from __future__ import annotations

import threading
from itertools import product

import dask.array as da
import numpy as np
import pytest

from napari_crimson import faults
from napari_crimson.blocks import plan_blocks
from napari_crimson.errors import DamagedError, UnreachableError
from napari_crimson.results.sinks import MemorySink
from napari_crimson.stream import stream

SHAPE = (24, 30, 8)


class Source:
    """A stack that counts what is read of it."""

    def __init__(self, shape=SHAPE, fail_at=None):
        self.values = np.random.default_rng(0).random(shape, dtype="f4")
        self.shape, self.dtype, self.ndim = shape, self.values.dtype, len(shape)
        self.reads: list[tuple] = []
        self.fail_at = fail_at
        self.gone, self.damaged = False, None

    def __getitem__(self, key):
        part = self.values[key]
        if part.size:  # dask asks for an empty part to learn the type
            self.reads.append(tuple((s.start, s.stop) for s in key))
            if len(self.reads) == self.fail_at or self.gone:
                raise OSError("the disk is gone")
            if self.damaged is not None and key[0].start <= self.damaged < key[0].stop:
                raise DamagedError(f"row {self.damaged} is damaged")
        return part


def lazy(source, chunks):
    return da.from_array(source, chunks=chunks, asarray=True, name=False)


def double(spectra):
    return {"raman": 2 * spectra.astype("f4")}


def our_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("crimson")]


@pytest.mark.parametrize(
    ("shape", "chunks", "align"),
    [
        ((24, 30, 8), (6, 30, -1), None),
        ((24, 30, 8), (5, 7, -1), None),
        ((24, 30, 8), (5, 7, -1), (1, 1)),
        ((24, 30, 8), (6, 30, -1), (6, 4)),
        ((24, 30, 8), (5, 7, -1), (8, 8)),
        ((1, 1, 8), (1, 1, -1), (64, 64)),
        ((3, 4, 50, 21, 8), (1, 2, 10, 21, -1), (1, 1, 10, 8)),
        ((2, 33, 1, 8), (1, 1, 1, -1), None),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 32 * 13, 32 * 100, 2**30])
def test_blocks_hold_each_pixel_once_within_the_borders_of_the_sink(shape, chunks, align, block_bytes):
    count = np.zeros(shape[:-1], int)
    for region in plan_blocks(shape, da.core.normalize_chunks(chunks, shape), align=align, block_bytes=block_bytes):
        count[region] += 1
        for cut, step, size in zip(region, align or (1,) * len(region), shape, strict=False):
            assert cut.start % step == 0
            assert cut.stop % step == 0 or cut.stop == size
    assert (count == 1).all()


def test_blocks_stay_small_but_are_not_crumbs():
    shape = (256, 256, 100)
    blocks = plan_blocks(shape, da.core.normalize_chunks((1, 64, -1), shape), block_bytes=2**20)
    pixels = [np.prod([cut.stop - cut.start for cut in region]) for region in blocks]
    assert max(pixels) * 400 <= 2**20
    assert np.mean(pixels) * 400 > 2**18  # although each chunk of the input holds 64 pixels only


@pytest.mark.parametrize(("chunks", "align"), [((6, 30, 8), None), ((6, 10, 8), (6, 5)), ((8, 10, 8), (2, 2)), ((1, 30, 8), (4, 30))])
def test_each_chunk_is_read_once(chunks, align):
    source = Source()
    cars = lazy(source, chunks)
    source.reads.clear()
    sink = MemorySink(SHAPE, ["raman"])
    list(stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, align=align, block_bytes=32 * 20)))
    assert len(source.reads) == len(set(source.reads)) == cars.npartitions
    np.testing.assert_array_equal(sink.arrays["raman"], 2 * source.values)


@pytest.mark.parametrize(("chunks", "align"), [((5, 7, 8), (8, 8)), ((24, 30, 8), None), ((7, 4, 8), (3, 5))])
def test_any_cut_gives_the_same(chunks, align):
    source = Source()
    cars = lazy(source, chunks)
    sink = MemorySink(SHAPE, ["raman"])
    list(stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, align=align, block_bytes=32 * 30)))
    np.testing.assert_array_equal(sink.arrays["raman"], 2 * source.values)


def test_progress_counts_to_the_end_and_tells_of_blocks_already_written():
    source = Source()
    cars = lazy(source, (6, 30, 8))
    regions = plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)
    sink = MemorySink(SHAPE, ["raman"])

    def correct(spectra):
        result = double(spectra)
        result["raman"][:3] = np.nan
        result["raman"][3:, 2] = np.nan  # a band without light is no bad pixel
        return result

    steps = []
    for step in stream(cars, correct, sink, regions):
        steps.append(step)
        assert np.isfinite(sink.arrays["raman"][step.region]).any()
    assert [step.blocks_done for step in steps] == list(range(1, len(regions) + 1))
    assert [step.pixels_done for step in steps] == list(range(60, 721, 60))
    assert steps[-1].pixels == 720
    assert steps[-1].bad_pixels == 3 * len(regions)
    assert steps[-1].seconds_left == 0
    assert steps[0].seconds_left > 0
    assert all(step.spectra_per_s > 0 for step in steps)


def test_closing_stops_within_a_block_and_keeps_what_is_done():
    source = Source()
    cars = lazy(source, (2, 30, 8))
    regions = plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)
    sink = MemorySink(SHAPE, ["raman"])
    corrected = []

    def correct(spectra):
        corrected.append(len(spectra))
        return double(spectra)

    steps = stream(cars, correct, sink, regions)
    next(steps)
    at_close = len(corrected)
    steps.close()
    assert len(corrected) == at_close < len(regions)
    assert len(sink.finished()) == at_close
    assert not our_threads()
    for block, region in enumerate(regions):
        done = np.isfinite(sink.arrays["raman"][region])
        assert done.all() if block in sink.finished() else not done.any()


def test_what_is_done_is_not_done_again():
    source = Source()
    cars = lazy(source, (2, 30, 8))
    regions = plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)
    sink = MemorySink(SHAPE, ["raman"])
    steps = stream(cars, double, sink, regions)
    next(steps)
    steps.close()
    done = len(sink.finished())
    source.reads.clear()
    after = list(stream(cars, double, sink, regions))
    assert len(source.reads) == len(after) == len(regions) - done
    assert after[0].blocks_done == done + 1
    assert after[-1].pixels_done == 720
    np.testing.assert_array_equal(sink.arrays["raman"], 2 * source.values)
    assert list(stream(cars, double, sink, regions)) == []


def test_reading_stays_a_chunk_or_two_ahead():
    source = Source((200, 3, 8))
    cars = lazy(source, (1, 3, 8))
    source.reads.clear()
    ahead = []
    sink = MemorySink((200, 3, 8), ["raman"])

    def correct(spectra):
        ahead.append(len(source.reads) - len(ahead))
        return double(spectra)

    list(stream(cars, correct, sink, plan_blocks((200, 3, 8), cars.chunks, block_bytes=1, align=(1, 3))))
    assert max(ahead) <= 2


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(faults, "WAITS_S", (0.0, 0.0, 0.0))


def test_a_read_that_fails_for_a_while_is_repeated(short_waits):
    source = Source()
    cars = lazy(source, (2, 30, 8))
    source.fail_at = 4
    sink = MemorySink(SHAPE, ["raman"])
    steps = list(stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)))
    np.testing.assert_array_equal(sink.arrays["raman"], 2 * source.values)
    assert steps[-1].damaged_blocks == 0


def test_a_read_that_keeps_failing_stops_and_keeps_what_is_done(short_waits):
    source = Source()
    cars = lazy(source, (2, 30, 8))
    sink = MemorySink(SHAPE, ["raman"])
    steps = stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60))
    next(steps)
    source.gone = True
    with pytest.raises(UnreachableError, match=r"the disk is gone.*connected"):
        list(steps)
    assert 1 <= len(sink.finished()) <= 4
    assert not our_threads()


def test_closing_does_not_wait_for_a_share_to_come_back(monkeypatch):
    monkeypatch.setattr(faults, "WAITS_S", (600.0,))
    source = Source()
    cars = lazy(source, (2, 30, 8))
    sink = MemorySink(SHAPE, ["raman"])
    steps = stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60))
    next(steps)
    source.gone = True
    steps.close()
    assert not our_threads()


def test_a_write_that_fails_for_a_while_is_repeated(short_waits):
    class Flaky(MemorySink):
        fails = 2

        def write(self, block, *kept):
            self.fails -= block == 3
            if block == 3 and self.fails >= 0:
                raise UnreachableError("the share is away")
            super().write(block, *kept)

    source = Source()
    cars = lazy(source, (2, 30, 8))
    sink = Flaky(SHAPE, ["raman"])
    list(stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)))
    np.testing.assert_array_equal(sink.arrays["raman"], 2 * source.values)


def test_damage_costs_the_blocks_it_lies_in_and_no_others():
    source = Source()
    cars = lazy(source, (12, 30, 8))  # two chunks of six blocks each
    source.damaged = 5  # a row of the first
    sink = MemorySink(SHAPE, ["raman"])
    regions = plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)
    steps = list(stream(cars, double, sink, regions))
    (block,) = (block for block, region in enumerate(regions) if region[0].start <= 5 < region[0].stop)
    expected = 2 * source.values
    expected[regions[block]] = np.nan
    np.testing.assert_array_equal(sink.arrays["raman"], expected)
    assert sink.damaged() == {block: "row 5 is damaged"}
    assert (steps[-1].damaged_blocks, steps[-1].bad_pixels) == (1, 60)


def test_a_failing_write_surfaces_as_it_is():
    class Full(MemorySink):
        def write(self, block, *kept):
            if block == 2:
                raise OSError("no room")
            super().write(block, *kept)

    source = Source()
    cars = lazy(source, (2, 30, 8))
    sink = Full(SHAPE, ["raman"])
    with pytest.raises(OSError, match="no room"):
        list(stream(cars, double, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)))
    assert {0, 1} <= sink.finished().keys() < set(range(12))
    assert not our_threads()


def test_a_failing_correction_surfaces_and_keeps_earlier_blocks():
    source = Source()
    cars = lazy(source, (2, 30, 8))
    sink = MemorySink(SHAPE, ["raman"])
    calls = iter(range(100))

    def correct(spectra):
        if next(calls) == 5:
            raise ValueError("no such spectrum")
        return double(spectra)

    with pytest.raises(ValueError, match="no such spectrum"):
        list(stream(cars, correct, sink, plan_blocks(SHAPE, cars.chunks, block_bytes=32 * 60)))
    assert sorted(sink.finished()) == [0, 1, 2, 3, 4]
    assert not our_threads()


def test_all_results_reach_the_sink_in_the_order_of_pixels():
    values = np.arange(np.prod((2, 5, 4, 3)), dtype="u2").reshape(2, 5, 4, 3)
    cars = da.from_array(values, chunks=(1, 2, 4, 3))
    sink = MemorySink(values.shape, ["raman", "uncertainty"])

    def correct(spectra):
        assert spectra.dtype == np.uint16
        return {"raman": spectra.astype("f4"), "uncertainty": -spectra.astype("f4")}

    list(stream(cars, correct, sink, plan_blocks(values.shape, cars.chunks, block_bytes=12 * 3)))
    for at in product(range(2), range(5), range(4)):
        np.testing.assert_array_equal(sink.arrays["raman"][at], values[at])
        np.testing.assert_array_equal(sink.arrays["uncertainty"][at], -values[at].astype("f4"))
