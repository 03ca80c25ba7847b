from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from napari_crimson import CrimsonError
from napari_crimson.blocks import plan_blocks
from napari_crimson.io.ome_zarr import fit_tile
from napari_crimson.results.sinks import MemorySink, ZarrSink
from napari_crimson.results.store import check_space
from refusing import contents, refused

DIMS = ("y", "x", "wavenumber")
SHAPE = (40, 50, 70)
AXIS = np.linspace(500, 3000, 70)
VALUES = np.random.default_rng(0).random(SHAPE, dtype="f4")
BLOCKS = plan_blocks(SHAPE, tuple((size,) for size in SHAPE), align=(16, 16), block_bytes=1)


def make(path, **changes):
    words = {
        "fingerprint": "f1",
        "tile": (16, 16),
        "steps": {"y": 0.5, "x": 0.25},
        "attrs": {"source": "a.h5", "history": []},
        "origin": {},
        "resume": True,
    }
    return ZarrSink(path, DIMS, SHAPE, AXIS, ["raman"], **(words | changes))


def write(sink, blocks):
    for block in blocks:
        sink.write(block, BLOCKS[block], {"raman": VALUES[BLOCKS[block]]}, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.zarr"


def status(path):
    return json.loads((path / "zarr.json").read_text())["attributes"]["crimson"]["status"]


def test_memory_shows_results_as_they_come():
    sink = MemorySink(SHAPE, ["raman"])
    shown = sink.arrays["raman"]
    assert np.isnan(shown).all()
    sink.write(0, BLOCKS[0], {"raman": VALUES[BLOCKS[0]]}, 0)
    np.testing.assert_array_equal(shown[BLOCKS[0]], VALUES[BLOCKS[0]])
    assert np.isnan(shown).sum() == VALUES.size - VALUES[BLOCKS[0]].size


def test_a_complete_result_opens_in_xarray_and_zarr_with_its_axis(path):
    sink = make(path)
    write(sink, range(len(BLOCKS)))
    sink.complete({"history": ["removed"]})
    sink.close()
    ds = xr.open_zarr(path)
    assert ds["raman"].dims == ("wavenumber", "y", "x")
    np.testing.assert_array_equal(ds["raman"].transpose(*DIMS).values, VALUES)
    np.testing.assert_array_equal(ds["wavenumber"].values, AXIS)
    np.testing.assert_array_equal(ds["x"].values, np.arange(50) * 0.25)
    assert ds.attrs["crimson"]["status"] == "complete"
    assert ds.attrs["crimson"]["history"] == ["removed"]
    assert ds.attrs["crimson"]["bad_pixels"] == len(BLOCKS)
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["raman"][3], VALUES[..., 3])
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["result.zarr"]
    assert not list(path.rglob("*.txt"))


def test_the_image_is_described_as_ome_zarr_asks(path):
    make(path).close()
    ome = zarr.open_group(path, mode="r").attrs["ome"]
    (image,) = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert [axis["name"] for axis in image["axes"]] == ["wavenumber", "y", "x"]
    assert [axis["type"] for axis in image["axes"]] == ["spectral", "space", "space"]
    (level,) = image["datasets"]
    assert zarr.open_group(path, mode="r")[level["path"]].metadata.dimension_names == ("wavenumber", "y", "x")
    scale, translation = level["coordinateTransformations"]
    np.testing.assert_allclose(scale["scale"], [AXIS[1] - AXIS[0], 0.5, 0.25])
    np.testing.assert_allclose(translation["translation"], [500, 0, 0])


def test_time_stays_ahead_and_depth_behind_the_wavenumbers(path):
    dims, shape = ("t", "z", *DIMS), (2, 3, 8, 9, 7)
    values = np.random.default_rng(1).random(shape, dtype="f4")
    words = {"fingerprint": "f1", "tile": (8, 9), "steps": {}, "attrs": {}, "origin": {}, "resume": True}
    sink = ZarrSink(path, dims, shape, AXIS[:7], ["raman", "uncertainty"], **words)
    for block, region in enumerate(plan_blocks(shape, tuple((size,) for size in shape), align=sink.align, block_bytes=1)):
        sink.write(block, region, {"raman": values[region], "uncertainty": -values[region]}, 0)
    sink.complete({})
    sink.close()
    ds = xr.open_zarr(path)
    assert ds["raman"].dims == ("t", "wavenumber", "z", "y", "x")
    np.testing.assert_array_equal(ds["raman"].transpose(*dims).values, values)
    np.testing.assert_array_equal(ds["uncertainty"].transpose(*dims).values, -values)
    np.testing.assert_array_equal(sink.lazy("raman").compute(), values)


def test_lazy_result_holds_whole_spectra_and_shows_what_is_written_by_then(path):
    sink = make(path)
    lazy = sink.lazy("raman")
    assert lazy.shape == SHAPE
    assert lazy.chunks[-1] == (70,)
    write(sink, [0])
    np.testing.assert_array_equal(lazy[BLOCKS[0]].compute(), VALUES[BLOCKS[0]])
    sink.close()


def test_a_stopped_run_is_marked_partial_and_goes_on(path):
    sink = make(path)
    write(sink, [0, 1, 4])
    sink.close()
    assert status(path) == "partial"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(xr.open_zarr(path)["raman"].values).any()
        list(zarr.open_group(path, mode="r", use_consolidated=False).arrays())

    again = make(path)
    assert again.finished() == {0: 1, 1: 1, 4: 1}
    np.testing.assert_array_equal(again.lazy("raman")[BLOCKS[4]].compute(), VALUES[BLOCKS[4]])
    write(again, set(range(len(BLOCKS))) - {0, 1, 4})
    again.complete({})
    again.close()
    np.testing.assert_array_equal(xr.open_zarr(path)["raman"].transpose(*DIMS).values, VALUES)
    assert status(path) == "complete"


@pytest.mark.parametrize("torn", [b"7", b"7 ", b"7 1", b"\0\0\0", b"7 1 \xff\n"])
def test_a_torn_last_line_counts_for_nothing_and_spoils_nothing(path, torn):
    sink = make(path)
    write(sink, [0, 1])
    sink.close()
    record = path / "raman" / "blocks.txt"
    with record.open("ab") as file:
        file.write(torn)
    again = make(path)
    assert again.finished() == {0: 1, 1: 1}
    write(again, [2])
    again.close()
    assert make(path).finished() == {0: 1, 1: 1, 2: 1}


def test_a_run_stopped_before_its_first_line_begins_anew(path):
    make(path).close()
    (path / "raman" / "blocks.txt").write_text("f")
    assert make(path).finished() == {}
    assert (path / "raman" / "blocks.txt").read_text() == "f1\n"


def test_a_complete_result_of_the_same_job_is_taken_as_it_is(path):
    sink = make(path)
    write(sink, range(len(BLOCKS)))
    sink.complete({"history": ["first"]})
    sink.close()
    again = make(path)
    assert sorted(again.finished()) == list(range(len(BLOCKS)))
    assert sum(again.finished().values()) == len(BLOCKS)
    again.complete({"history": ["second"]})
    again.close()
    assert xr.open_zarr(path).attrs["crimson"]["history"] == ["first"]


def test_the_result_of_another_job_is_kept_unless_told_otherwise(path):
    sink = make(path)
    write(sink, [0])
    sink.close()
    with pytest.raises(CrimsonError, match="resume=False"):
        make(path, fingerprint="f2")
    assert make(path).finished() == {0: 1}
    anew = make(path, fingerprint="f2", resume=False)
    assert anew.finished() == {}
    assert np.isnan(anew.lazy("raman").compute()).all()


def test_another_job_whose_list_is_lost_is_kept_as_well(path):
    sink = make(path)
    write(sink, [0])
    sink.close()
    (path / "raman" / "blocks.txt").unlink()
    with pytest.raises(CrimsonError, match="resume=False"):
        make(path, fingerprint="f2")
    assert np.isfinite(xr.open_zarr(path)["raman"].values).any()
    assert make(path).finished() == {}


def test_what_is_not_ours_is_never_touched(path):
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")
    for resume in (True, False):
        with pytest.raises(CrimsonError, match="choose another output"):
            make(path, resume=resume)
    assert [(entry.name, entry.read_text()) for entry in path.iterdir()] == [("thesis.txt", "years of work")]
    shutil.rmtree(path)

    zarr.create_group(path).create_array("cells", shape=3, dtype="i8")[:] = np.arange(3)
    path.with_name("file.zarr").write_text("a file")
    for taken in (path, path.with_name("file.zarr")):
        with pytest.raises(CrimsonError, match="choose another output"):
            make(taken, resume=False)
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["cells"][:], np.arange(3))
    assert path.with_name("file.zarr").read_text() == "a file"


def test_replacing_a_result_spares_what_was_put_beside_it(path):
    make(path).close()
    (path / "notes.txt").write_text("mine")
    with pytest.raises(CrimsonError, match=r"notes\.txt"):
        make(path, fingerprint="f2", resume=False)
    assert (path / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_free(path):
    path.mkdir()
    make(path).close()
    assert status(path) == "partial"


def test_only_one_job_writes(path):
    first = make(path)
    with pytest.raises(CrimsonError, match="being written by another job"):
        make(path)
    first.close()
    make(path).close()


def test_a_sink_that_is_dropped_gives_its_output_free(path):
    sink = make(path)
    del sink
    make(path).close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CrimsonError, match=r"cannot write .*result\.zarr.*choose another output") as told:
        make(tmp_path / "file" / "result.zarr")
    assert "make room" not in str(told.value)
    assert "Finished blocks" not in str(told.value)


@pytest.mark.parametrize("made", ["file/result.zarr", "none/result.zarr"])
def test_a_place_that_takes_no_folders_is_told_before_the_start(tmp_path, monkeypatch, made):
    (tmp_path / "file").write_text("in the way")
    if made.startswith("none"):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 0))  # as of /proc
    with refused(tmp_path, r"cannot write .*result\.zarr: .* takes no folders; choose another output, in a folder you may write to"):
        check_space(tmp_path / made, 100)


def test_a_disk_far_too_small_is_told_before_the_start(path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with refused(path.parent, r"GiB of results for a disk with .* GiB free; make room, choose another output, or give fewer wavenumbers"):
        make(path)
    assert list(path.parent.iterdir()) == []


def files(folder):
    """All files, without the folders, whose times change as a block is begun."""
    return {name: held for name, held in contents(folder).items() if (folder / name).is_file()}


def test_a_disk_that_fills_up_keeps_what_is_done(path):
    resource = pytest.importorskip("resource")
    sink = make(path)
    write(sink, [0, 1])
    before, kept = resource.getrlimit(resource.RLIMIT_FSIZE), files(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CrimsonError, match=r"cannot write .*make room or choose another output\. Finished blocks are kept"):
            write(sink, [2])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert kept.items() <= files(path).items()
    sink.close()
    assert status(path) == "partial"
    again = make(path)
    assert again.finished() == {0: 1, 1: 1}
    write(again, [2])
    np.testing.assert_array_equal(again.lazy("raman")[BLOCKS[2]].compute(), VALUES[BLOCKS[2]])


@pytest.mark.parametrize(
    ("sizes", "chunks"),
    [
        ((1024, 1024), (16, 1024)),
        ((60, 60), (60, 60)),
        ((505, 166), (101, 166)),
        ((2000, 3000), (1, 3000)),
        ((700, 700), (256, 256)),
        ((1, 9000), (1, 9000)),
    ],
)
def test_chunks_on_disk_fit_those_of_the_input(sizes, chunks):
    tile = fit_tile(sizes, chunks)
    for part, chunk, size in zip(tile, chunks, sizes, strict=True):
        assert 1 <= part <= size
        assert chunk >= size or chunk % part == 0 or part % chunk == 0
    assert tile[0] * tile[1] <= 2 * 64 * 64
    if min(sizes) > 1:
        assert tile[0] * tile[1] >= min(2048, sizes[0] * sizes[1] // 32)


def changed(path, **words):
    return make(path, **({"origin": {"size": 20, "modified": 1000.0, "sample": "b", "pixels": ["p", "q"]}} | words))


ORIGIN = {"size": 10, "modified": 1000.0, "sample": "a", "pixels": ["p", "q"]}


@pytest.mark.parametrize("complete", [False, True])
def test_data_that_have_changed_are_refused_with_what_changed(path, complete):
    sink = make(path, origin=ORIGIN)
    write(sink, range(len(BLOCKS)))
    if complete:
        sink.complete({})
    else:
        with (path / "raman" / "blocks.txt").open("ab") as journal:
            journal.write(b"7 ")  # torn by a crash: whoever goes on cuts it off, and nobody else
    sink.close()
    with refused(path.parent, r"have changed.*10 bytes then, 20 now; its content differs.*resume=False"):
        changed(path)
    with refused(path.parent, r"last changed .* then, .* now.*resume=False"):
        make(path, origin=ORIGIN | {"modified": 2000.0})
    with refused(path.parent, "its pixels differ.*resume=False"):
        make(path, origin=ORIGIN | {"pixels": ["p", "other"]})
    make(path, origin=ORIGIN | {"modified": 1001.0}).close()  # file systems round
    assert changed(path, resume=False).finished() == {}


@pytest.mark.parametrize("complete", [False, True])
def test_damaged_blocks_are_listed_and_done_again_when_told_to(path, complete):
    sink = make(path, origin=ORIGIN)
    write(sink, [0, 1, 3, 4])
    sink.write(2, BLOCKS[2], {"raman": np.full_like(VALUES[BLOCKS[2]], np.nan)}, 256, "chunk 7: bad\nchecksum μ")
    if complete:
        write(sink, range(5, len(BLOCKS)))
        sink.complete({"damaged": [{"block": 2, "pixels": 256, "place": "y 0 to 15", "reason": "chunk 7: bad\nchecksum μ"}]})
    sink.close()

    again = make(path, origin=ORIGIN)
    assert again.damaged() == {2: "chunk 7: bad\nchecksum μ"}
    assert sum(again.finished().values()) == 256 + len(again.finished()) - 1
    again.close()
    with pytest.raises(CrimsonError, match=r"resume='damaged' if it has been repaired, to do its 1 damaged blocks again"):
        changed(path)
    with pytest.raises(CrimsonError, match="have changed"):  # no repair makes another pixel of a sound one
        changed(path, resume="damaged", origin=ORIGIN | {"size": 20, "pixels": ["other", "q"]})
    repaired = changed(path, resume="damaged")
    assert 2 not in repaired.finished()
    assert len(repaired.finished()) == (len(BLOCKS) - 1 if complete else 4)
    assert status(path) == "partial"
    write(repaired, set(range(len(BLOCKS))) - repaired.finished().keys())
    repaired.complete({})
    repaired.close()
    ours = xr.open_zarr(path).attrs["crimson"]
    assert (ours["status"], ours["bad_pixels"], "damaged" in ours) == ("complete", len(BLOCKS), False)
    np.testing.assert_array_equal(xr.open_zarr(path)["raman"].transpose(*DIMS).values, VALUES)
    changed(path).close()


def test_what_a_kill_leaves_while_a_result_is_made_is_in_nobodys_way(path):
    aside = path.with_name(".result.zarr.unfinished")
    (aside / "raman").mkdir(parents=True)
    (aside / "zarr.json").write_text("{")
    make(path).close()
    assert [entry.name for entry in path.parent.iterdir()] == ["result.zarr"]
    (path / "zarr.json.partial").write_text("{")
    chunk = path / "raman" / "c" / "0" / "0" / "0.0123.partial"
    chunk.parent.mkdir(parents=True)
    chunk.write_text("torn")
    make(path).close()
    assert not list(path.rglob("*.partial"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc which file a handle is of")
def test_a_block_is_on_the_disk_before_it_is_listed(path, monkeypatch):
    flushed = []
    real = os.fsync

    def fsync(handle):
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    sink = make(path)
    monkeypatch.setattr(os, "fsync", fsync)
    write(sink, [0])
    assert flushed[-1] == path / "raman" / "blocks.txt"
    chunks = {file for file in (path / "raman" / "c").rglob("*") if file.is_file()}
    assert chunks
    assert chunks | {folder for chunk in chunks for folder in chunk.parents if folder.is_relative_to(path / "raman")} == set(flushed[:-1])
    sink.close()


def test_settings_that_differ_are_named(path):
    make(path, attrs={"source": "a.h5", "history": [], "remover": "cnn"}).close()
    with pytest.raises(CrimsonError, match="remover cnn then, kk now"):
        make(path, fingerprint="f2", attrs={"source": "a.h5", "history": [], "remover": "kk"})
