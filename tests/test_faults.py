"""Which failures pass and are waited for, and which do not."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from threading import Event, Timer

import h5py
import pytest

from napari_crimson import faults
from napari_crimson.errors import CrimsonError, DamagedError, UnreachableError
from napari_crimson.faults import persist, read_fault, write_fault


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(faults, "WAITS_S", (0.0, 0.0, 0.0))


class Share:
    """Gives an answer once it has failed a number of times."""

    def __init__(self, failures, *, one_spot=False):
        self.left, self.one_spot = failures, one_spot

    def __call__(self):
        self.left -= 1
        if self.left >= 0:
            raise UnreachableError("the share is away", one_spot=self.one_spot)
        return "bytes"


def test_what_comes_back_is_waited_for_and_told(caplog):
    with caplog.at_level(logging.WARNING):
        assert persist(Share(3)) == "bytes"
    assert [record.getMessage() for record in caplog.records] == ["the share is away; trying again in 0 s"] * 3


def test_patience_ends():
    share = Share(99)
    with pytest.raises(UnreachableError, match="away"):
        persist(share)
    assert share.left == 95


def test_one_place_that_never_answers_is_damage():
    with pytest.raises(DamagedError, match="away"):
        persist(Share(99, one_spot=True))


def test_a_stop_ends_the_wait_at_once(monkeypatch):
    monkeypatch.setattr(faults, "WAITS_S", (600.0,))
    stopped = Event()
    Timer(0.05, stopped.set).start()
    with pytest.raises(UnreachableError):
        persist(Share(99), stopped=stopped)


def test_other_failures_are_not_repeated():
    tries = []

    def action():
        tries.append(1)
        raise DamagedError("no chunk")

    with pytest.raises(DamagedError):
        persist(action)
    assert tries == [1]


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ETIMEDOUT, errno.ENOENT, errno.EACCES, errno.EIO])
def test_a_read_that_the_system_refuses_may_pass(number, tmp_path):
    fault = read_fault(tmp_path / "gone.h5", OSError(number, os.strerror(number)))
    assert isinstance(fault, UnreachableError)
    assert not fault.one_spot
    assert "connected" in str(fault)


def test_a_failing_disk_is_told_from_one_that_is_gone(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"here")
    fault = read_fault(tmp_path / "a.h5", OSError(errno.EIO, "Input/output error"))
    assert isinstance(fault, UnreachableError)
    assert fault.one_spot


def test_a_file_that_is_gone_is_told_plainly(tmp_path):
    with pytest.raises(FileNotFoundError) as told:
        h5py.File(tmp_path / "gone.h5", "r")
    fault = read_fault(tmp_path / "gone.h5", told.value)
    assert isinstance(fault, UnreachableError)
    assert str(fault) == f"{tmp_path / 'gone.h5'} is gone: put it back, or open it where it is now; is its disk or share connected?"


@pytest.mark.parametrize("error", [ValueError("bad checksum"), OSError("filter returned failure"), RuntimeError("blosc"), EOFError()])
def test_bytes_that_are_wrong_stay_wrong(error):
    assert isinstance(read_fault(Path("a.h5"), error), DamagedError)


def test_no_memory_is_neither():
    assert type(read_fault(Path("a.h5"), MemoryError("huge"))) is CrimsonError


@pytest.mark.parametrize(
    ("number", "passing", "cure"),
    [
        (errno.ENOSPC, False, "make room"),
        (errno.EROFS, False, "folder you may write to"),
        (errno.EACCES, False, "folder you may write to"),
        (errno.ESTALE, True, "connected"),
        (errno.EIO, True, "connected"),
        (errno.ENOENT, True, "connected"),
    ],
)
def test_writes(number, passing, cure):
    fault = write_fault(Path("a.zarr"), OSError(number, os.strerror(number)), ". Kept")
    assert isinstance(fault, UnreachableError) is passing
    assert cure in str(fault)
    assert str(fault).endswith(". Kept")


def test_a_file_held_by_a_scanner_on_windows_is_waited_for():
    held = OSError(errno.EACCES, "The process cannot access the file")
    held.winerror = 32
    assert isinstance(write_fault(Path("a.zarr"), held), UnreachableError)
