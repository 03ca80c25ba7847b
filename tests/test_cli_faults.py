"""What a night may bring, as its morning reads it: lines, exit codes, and the same command again."""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from napari_crimson import faults
from napari_crimson.__main__ import main
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack
from napari_crimson.io.lazy import FileArray
from napari_crimson.remove import plan_removal, remove_background
from napari_crimson.results.lock import Lock
from refusing import command_refused, contents, unchanged

AXIS = np.linspace(600.0, 3400.0, 60)
COUNTS = np.random.default_rng(0).integers(500, 5000, (64, 64, 60)).astype(np.uint16)
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "faults.py"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "in" / "cell.h5")


def write(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as made:
        made.create_dataset("cars", data=COUNTS, chunks=(16, 16, 60), compression="gzip")
        made["wavenumber"] = AXIS
    return path


def spoil(path: Path, chunk: int) -> bytes:
    """Overwrite a chunk; gives the whole file as it was."""
    before = path.read_bytes()
    with h5py.File(path) as made:
        where = made["cars"].id.get_chunk_info(chunk)
    with path.open("r+b") as raw:
        raw.seek(where.byte_offset + 20)
        raw.write(b"\xff" * 100)
    return before


def record(path: Path) -> dict[str, Any]:
    return dict(xr.open_zarr(path).attrs["crimson"])


def test_a_damaged_chunk_costs_its_block_and_is_named_and_mended(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = remove_background(open_stack(file), "kk")["raman"].values
    before, result = spoil(file, 6), tmp_path / "out" / "cell.zarr"
    command = ("correct", file, "--out", tmp_path / "out", "--remover", "kk")
    with unchanged(file.parent):
        assert run(*command) == 3
    said = capsys.readouterr()
    assert "256 without a spectrum (NaN)" in said.out
    assert [line for line in said.err.splitlines() if "y 16 to 31, x 32 to 47" in line and "cell.h5" in line]
    assert "256 pixels are NaN" in said.err
    got = open_stack(result)
    lost = np.zeros((64, 64), dtype=bool)
    lost[16:32, 32:48] = True
    np.testing.assert_array_equal(got["raman"].values[~lost], sound[~lost])
    assert np.isnan(got["raman"].values[lost]).all()
    assert "could not be read: y 16 to 31, x 32 to 47" in got.attrs["history"][-1]
    assert [entry["place"] for entry in record(result)["damaged"]] == ["y 16 to 31, x 32 to 47"]

    assert run("info", result) == 0
    assert "complete; blocks that could not be read and are NaN: 1" in capsys.readouterr().out

    assert run(*command) == 3  # nothing is hidden by asking again
    assert "complete already" in capsys.readouterr().out
    file.write_bytes(before)
    command_refused(capsys, (file.parent, tmp_path / "out"), "say --redo-damaged if it has been repaired", *command)
    assert run(*command, "--redo-damaged") == 0
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(open_stack(result)["raman"].values, sound)
    assert record(result)["bad_pixels"] == 0
    assert "damaged" not in record(result)


def test_a_damaged_chunk_in_the_middle_does_not_keep_the_rest_from_being_done(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(file, 10)  # holds the pixels that tell one stack from another, and the row that tells bands with light
    with unchanged(file.parent):
        assert run("correct", file, "--out", tmp_path, "--remover", "kk") == 3
    assert "256 pixels are NaN" in capsys.readouterr().err
    assert record(tmp_path / "cell.zarr")["bad_pixels"] == 256


def test_a_stack_that_has_changed_in_between_is_refused(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = plan_removal(open_stack(file), "kk", output=tmp_path / "cell.zarr").run()
    next(steps)
    steps.close()
    with h5py.File(file, "r+") as made:
        made["cars"][3, 4] += 1
    command = ("correct", file, "--out", tmp_path, "--remover", "kk")
    command_refused(capsys, (tmp_path,), "have changed since this partial result was begun.*--no-resume to begin anew", *command)
    assert run(*command, "--no-resume") == 0


def test_a_stack_that_is_written_to_while_it_is_read_is_told(file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    steps = plan_removal(rechunked(file), "kk", output=tmp_path / "cell.zarr").run()
    next(steps)
    with file.open("ab") as made:  # not by h5py, which in this process would share what the reader has open, and close it later
        made.write(b"more")
    with unchanged(file.parent):
        list(steps)
    assert "changed while it was read (" in record(tmp_path / "cell.zarr")["history"][-1]
    assert "cell.h5 changed while it was read" in caplog.text


def test_a_share_that_goes_away_and_comes_back_is_waited_for(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(faults, "WAITS_S", (0.0,) * 4)
    tries = []
    read = FileArray._read

    def unplugged(self: FileArray, box: Any) -> np.ndarray:
        """The share is gone at the third read, and back again three reads later."""
        tries.append(box)
        if len(tries) == 3:
            file.parent.rename(tmp_path / "away")
        if len(tries) == 6:
            (tmp_path / "away").rename(file.parent)
        return read(self, box)

    monkeypatch.setattr(FileArray, "_read", unplugged)
    with caplog.at_level(logging.WARNING), unchanged(file.parent):
        assert run("correct", file, "--out", tmp_path / "out", "--remover", "kk") == 0
    assert len(tries) >= 6
    assert len(re.findall(r"cell\.h5 is gone: put it back, .*; trying again in 0 s", caplog.text)) == 3
    monkeypatch.undo()
    np.testing.assert_array_equal(
        open_stack(tmp_path / "out" / "cell.zarr")["raman"].values, remove_background(open_stack(file), "kk")["raman"].values
    )


def test_a_batch_waits_for_a_share_between_two_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write(tmp_path / "in" / f"{name}.h5") for name in "ab"]
    monkeypatch.setattr(faults, "WAITS_S", (0.0,) * 3)
    opened = []

    def unplugged(path: Path, **words: Any) -> xr.Dataset:
        opened.append(path)
        if len(opened) == 2:
            path.rename(tmp_path / "away")
        if len(opened) == 4:
            (tmp_path / "away").rename(path)
        return open_stack(path, **words)

    monkeypatch.setattr("napari_crimson.io.open_stack", unplugged)
    assert run("correct", *files, "--out", tmp_path / "out", "--remover", "kk") == 0
    assert opened == [files[0], *[files[1]] * 3]


def test_a_share_that_stays_away_stops_the_run_which_goes_on_when_it_is_back(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faults, "WAITS_S", (0.0, 0.0))
    out = tmp_path / "out" / "cell.zarr"
    steps = plan_removal(rechunked(file), "kk", output=out).run()
    next(steps)
    with unchanged(file.parent):
        file.rename(tmp_path / "away")
        with pytest.raises(CrimsonError, match=r"cell\.h5 is gone: put it back, .* is its disk or share connected"):
            list(steps)
        assert record(out)["status"] == "partial"
        (tmp_path / "away").rename(file)
    again = plan_removal(rechunked(file), "kk", output=out)
    assert len(list(again.run())) < len(again.regions)
    assert record(out)["status"] == "complete"


def test_a_run_goes_on_where_stack_and_result_have_moved_together(file: Path, tmp_path: Path) -> None:
    steps = plan_removal(rechunked(file), "kk", output=file.parent / "out.zarr").run()
    next(steps)
    steps.close()
    moved = file.parent.rename(tmp_path / "another disk")
    again = plan_removal(rechunked(moved / file.name), "kk", output=moved / "out.zarr")
    assert len(list(again.run())) < len(again.regions)
    np.testing.assert_array_equal(
        open_stack(moved / "out.zarr")["raman"].values, remove_background(open_stack(moved / file.name), "kk")["raman"].values
    )


def rechunked(file: Path) -> xr.Dataset:
    """The stack, read in sixteen parts."""
    return open_stack(file).chunk({"y": 16, "x": 16})


def test_a_disk_that_is_full_stops_the_run_which_goes_on_when_there_is_room(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zarr.storage import _local

    put, room = _local._put, [200_000]

    def full(path: Path, value: Any, exclusive: bool = False) -> int:
        room[0] -= len(value.to_bytes()) if path.parts[-4:-3] == ("c",) else 0
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(path, value, exclusive)

    command = ("correct", file, "--out", tmp_path / "out", "--remover", "kk")
    with monkeypatch.context() as disk, unchanged(file.parent):
        disk.setattr(_local, "_put", full)
        assert run(*command) == 1
    said = capsys.readouterr().err
    assert "No space left on device; make room or choose another output. Finished blocks are kept" in said
    assert record(tmp_path / "out" / "cell.zarr")["status"] == "partial"
    assert run(*command) == 0
    np.testing.assert_array_equal(
        open_stack(tmp_path / "out" / "cell.zarr")["raman"].values, remove_background(open_stack(file), "kk")["raman"].values
    )


def test_a_target_that_is_read_only_is_told_before_any_work(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_text", closed)
    (tmp_path / "out").mkdir()
    told = r"cell\.zarr.*Read-only file system; choose another output, in a folder you may write to"
    command_refused(capsys, (tmp_path / "out", file.parent), told, "correct", file, "--out", tmp_path / "out", "--remover", "kk")


def test_the_second_of_two_processes_on_one_output_refuses(file: Path, tmp_path: Path) -> None:
    steps = plan_removal(open_stack(file), "kk", output=tmp_path / "cell.zarr").run()
    next(steps)
    steps.close()  # or it would go on with the next blocks meanwhile
    held = Lock(tmp_path / "cell.zarr")
    words = ["correct", str(file), "--out", str(tmp_path), "--remover", "kk"]
    with unchanged(tmp_path):
        second = subprocess.run([sys.executable, "-m", "napari_crimson", *words], capture_output=True, text=True, check=False)
    held.release()
    assert second.returncode == 1
    assert f'being written by another job ({{"pid": {os.getpid()}' in second.stderr
    assert "wait for it, choose another output, or, if nothing writes there any more, delete" in second.stderr
    list(plan_removal(open_stack(file), "kk", output=tmp_path / "cell.zarr").run())
    assert record(tmp_path / "cell.zarr")["status"] == "complete"


@pytest.mark.parametrize("what", ["in.zarr", "in.zarr/cars"])
def test_a_zarr_that_goes_away_while_it_is_read_does_not_turn_into_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    group = zarr.create_group(tmp_path / "in.zarr")
    group.create_array("cars", data=COUNTS, chunks=(16, 16, 60), dimension_names=("y", "x", "wavenumber"))
    group.create_array("wavenumber", data=AXIS, dimension_names=("wavenumber",))
    stack, before = open_stack(tmp_path / "in.zarr"), contents(tmp_path / what)
    opened = zarr.AsyncArray

    def unplugged(*words: Any, **names: Any) -> Any:
        array = opened(*words, **names)
        (tmp_path / what).rename(tmp_path / "away")
        return array

    monkeypatch.setattr(zarr, "AsyncArray", unplugged)
    with pytest.raises(CrimsonError, match=r"in\.zarr.* is gone.*; is .*its disk or share connected"):
        stack["cars"][0].compute()
    assert contents(tmp_path / "away") == before


@pytest.mark.skipif(not SCRIPT.exists(), reason="the benchmarks are not with the tests")
@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 and no forkserver there")
def test_runs_that_are_killed_at_random_go_on_to_the_same_result() -> None:
    command = [sys.executable, str(SCRIPT), "kill", "--times", "3", "--blocks", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("identical") == 3
