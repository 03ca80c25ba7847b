"""`correct --watch`: stacks that arrive while it waits, whole or not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from napari_crimson.__main__ import main
from napari_crimson.cli import arrivals
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack
from napari_crimson.remove import remove_background


def write(path: Path, seed: int = 0) -> Path:
    counts = np.random.default_rng(seed).integers(500, 5000, (8, 8, 60)).astype(np.uint16)
    with h5py.File(path, "w") as made:
        made["cars"] = counts
        made["wavenumber"] = np.linspace(600.0, 3400.0, 60)
    return path


class Clock:
    """Time that passes only while one sleeps; something may happen at any second."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.happens: dict[float, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for at in sorted(at for at in self.happens if at <= self.seconds):
            self.happens.pop(at)()


@pytest.fixture
def night(tmp_path: Path) -> Path:
    (tmp_path / "night").mkdir()
    return tmp_path / "night"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def arrive(folder: Path, clock: Clock, minutes: float = 10) -> Iterator[tuple[str, float]]:
    """What is given, and when."""
    for path in arrivals.arrivals([folder], 60 * minutes, apart_from=folder.parent / "out", now=clock, sleep=clock.sleep):
        yield path.name, clock.seconds


def test_what_is_there_and_what_arrives_is_given_once_and_then_it_ends(night: Path, clock: Clock) -> None:
    write(night / "first.h5")
    clock.happens[300.0] = lambda: write(night / "second.h5")
    given = list(arrive(night, clock))
    assert [name for name, _ in given] == ["first.h5", "second.h5"]
    assert given[0][1] >= arrivals.SETTLE_S
    assert given[1][1] >= 300 + arrivals.SETTLE_S
    assert 300 + 600 <= clock.seconds <= 300 + 600 + 2 * arrivals.SETTLE_S


def test_a_file_that_grows_is_waited_for(night: Path, clock: Clock) -> None:
    path = night / "slow.npy"

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    clock.happens = {float(at): grow for at in range(0, 120, 20)}  # never at rest for as long as it must be
    assert list(arrive(night, clock)) == [("slow.npy", pytest.approx(100 + arrivals.SETTLE_S, abs=2 * arrivals.POLL_S))]


def test_a_file_that_changes_later_is_given_again(night: Path, clock: Clock) -> None:
    write(night / "cell.h5")
    clock.happens[100.0] = lambda: write(night / "cell.h5", seed=1) and os.utime(night / "cell.h5", (1, 1))
    assert [name for name, _ in arrive(night, clock)] == ["cell.h5", "cell.h5"]


def test_a_folder_that_goes_away_for_a_while_is_waited_for(night: Path, clock: Clock) -> None:
    write(night / "first.h5")
    away = night.with_name("away")
    clock.happens = {60.0: lambda: night.rename(away), 300.0: lambda: away.rename(night), 320.0: lambda: write(night / "second.h5")}
    assert [name for name, _ in arrive(night, clock)] == ["first.h5", "second.h5"]


def test_stacks_are_told_from_what_lies_beside_them(night: Path, clock: Clock) -> None:
    write(night / "cell.h5")
    (night / "broken.tif").write_bytes(b"")
    for name in ("notes.txt", ".hidden.h5", "settings.xml", "cube.bsq"):
        (night / name).write_bytes(b"<a/>")
    (night / "cube.hdr").write_bytes(b"ENVI\n")
    zarr.create_array(night / "scan.zarr", shape=(2, 2, 8), dtype="u2")[:] = 1
    (night / "sub").mkdir()
    assert sorted(name for name, _ in arrive(night, clock)) == ["broken.tif", "cell.h5", "cube.hdr", "scan.zarr"]


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nowhere", "no such folder"), ("scan.zarr", "is a stack itself"), ("out", "would be taken for stacks that arrive")],
)
def test_what_cannot_be_watched(tmp_path: Path, folder: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    zarr.create_array(tmp_path / "scan.zarr", shape=(2, 2, 8), dtype="u2")
    (tmp_path / "out").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as end:
        main(["correct", str(tmp_path / folder), "--watch", "1", "--out", str(tmp_path / "out"), "--remover", "kk"])
    assert end.value.code == 1
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_night_is_corrected_as_it_arrives(night: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(arrivals, "SETTLE_S", 0.3)
    monkeypatch.setattr(arrivals, "POLL_S", 0.02)
    out = night.with_name("corrected")
    write(night / "first.h5")
    whole = write(night.with_name("late.h5"), seed=3).read_bytes()

    def later() -> None:
        if (out / "first.h5.zarr").exists():
            (night / "second.h5").write_bytes(whole[:3000])  # cut short at first
            (night / "bad.h5").write_bytes(b"")
            threading.Timer(1.0, lambda: (night / "second.h5").write_bytes(whole)).start()
        else:
            threading.Timer(0.1, later).start()

    later()
    with pytest.raises(SystemExit) as end:
        main(["correct", str(night), "--watch", "0.05", "--out", str(out), "--remover", "kk"])
    said = capsys.readouterr()
    assert end.value.code == 1
    assert {file.name for file in out.iterdir()} == {"first.h5.zarr", "second.h5.zarr"}
    assert "bad.h5: is empty" in said.err
    assert said.out.count("spectra/s") == 2
    expected = remove_background(open_stack(night / "second.h5"), "kk")["raman"]
    xr.testing.assert_equal(open_stack(out / "second.h5.zarr")["raman"].compute().drop_attrs(), expected.compute().drop_attrs())


def test_a_file_mended_while_one_waits_leaves_no_exit_code(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SETTLE_S", 0.2)
    monkeypatch.setattr(arrivals, "POLL_S", 0.02)
    path = night / "cell.h5"
    path.write_bytes(b"")
    threading.Timer(1.0, write, [path]).start()
    with pytest.raises(SystemExit) as end:
        main(["correct", str(night), "--watch", "0.05", "--out", str(night.with_name("out")), "--remover", "kk"])
    assert end.value.code == 0


def watch(night: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["correct", str(night), *more, "--watch", "0", "--out", str(night.with_name("out")), "--remover", "kk"])
    return int(end.value.code or 0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SETTLE_S", 0.1)
    monkeypatch.setattr(arrivals, "POLL_S", 0.02)


@pytest.mark.usefixtures("hasty")
def test_the_same_command_goes_on_whatever_has_come_meanwhile(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(night / "cell.h5")
    assert watch(night) == 0
    os.utime(write(night / "cell.hdf5", seed=2), (1, 1))  # copied with its time: older, though it came later
    capsys.readouterr()
    assert watch(night) == 0
    assert {file.name for file in night.with_name("out").iterdir()} == {"cell.h5.zarr", "cell.hdf5.zarr"}
    assert capsys.readouterr().out.count("was complete already") == 1


@pytest.mark.usefixtures("hasty")
def test_stacks_of_several_folders_keep_apart(night: Path) -> None:
    other = night.with_name("other")
    other.mkdir()
    write(night / "cell.h5")
    write(other / "cell.h5", seed=2)
    assert watch(night, str(other)) == 0
    assert {file.name for file in night.with_name("out").iterdir()} == {"night_cell.h5.zarr", "other_cell.h5.zarr"}


@pytest.mark.usefixtures("hasty")
def test_a_folder_that_goes_on_arriving_is_not_taken_for_done(night: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tifffile

    pages = night / "scan"
    pages.mkdir()

    def arrive_to(last: int) -> None:
        for number in range(last):
            if not (pages / f"{number:03}.tif").exists():
                tifffile.imwrite(pages / f"{number:03}.tif", np.full((8, 8), 100 + number, dtype=np.uint16))

    arrive_to(20)
    threading.Timer(0.7, arrive_to, [64]).start()
    words = ["--watch", "0.03", "--out", str(night.with_name("out")), "--remover", "kk", "--wavenumber", "700,3200"]
    with pytest.raises(SystemExit) as end:
        main(["correct", str(night), *words])
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "scan" in said
    assert "20" in said
    assert "64" in said


def test_a_folder_is_looked_at_once_more_at_the_end(night: Path, clock: Clock) -> None:
    zarr.create_array(night / "scan.zarr", shape=(2, 2, 8), dtype="u2")[:] = 1
    clock.happens[3000.0] = lambda: (night / "scan.zarr" / "c" / "late").write_bytes(b"1")
    assert [name for name, _ in arrive(night, clock, minutes=60)] == ["scan.zarr", "scan.zarr"]


def test_what_goes_with_a_stack_may_come_later(night: Path, clock: Clock) -> None:
    (night / "cube.hdr").write_bytes(b"ENVI\n")
    write(night / "cell.h5")
    clock.happens = {100.0: lambda: (night / "cube.bsq").write_bytes(b"1"), 200.0: lambda: (night / "cell.csv").write_bytes(b"1")}
    assert [name for name, _ in arrive(night, clock)] == ["cube.hdr", "cell.h5", "cube.hdr", "cell.h5"]


def test_nothing_is_estimated_of_what_may_arrive(night: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["correct", str(night), "--watch", "1", "--dry-run", "--out", str(night.with_name("out"))])
    assert end.value.code == 2


def test_folders_are_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(CrimsonError, match="no such folder"):
        arrivals.arrivals([tmp_path / "gone"], 1.0, apart_from=tmp_path / "out")


def test_a_folder_and_a_file_of_one_stem_do_not_go_round_for_ever(night: Path, clock: Clock) -> None:
    zarr.create_array(night / "scan.zarr", shape=(2, 2, 8), dtype="u2")[:] = 1
    write(night / "scan.h5")
    assert sorted(name for name, _ in arrive(night, clock, minutes=60)) == ["scan.h5", "scan.zarr"]


def test_results_that_lie_within_belong_to_no_stack(night: Path, clock: Clock) -> None:
    write(night / "out.h5")
    given = []
    for path in arrivals.arrivals([night], 600.0, apart_from=night / "out", now=clock, sleep=clock.sleep):
        given.append(path.name)
        (night / "out").mkdir(exist_ok=True)
        (night / "out" / f"{len(given)}").write_bytes(b"1")
        assert len(given) < 5
    assert given == ["out.h5"]
