from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from napari_crimson import CrimsonError
from napari_crimson.results.lock import Lock
from refusing import refused

HELD = r"a\.zarr is being written by another job \(.*\); wait for it, choose another output, or, if nothing writes there any more, delete"
HOLD = """
import sys, pathlib
from napari_crimson.results.lock import Lock
lock = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_and_after_its_death_followed(tmp_path):
    path = tmp_path / "a.zarr"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with refused(tmp_path, rf'{HELD.partition(".*")[0]}.*"pid": {holder.pid}.*' + HELD.partition(".*")[2]):
            Lock(path)
        holder.kill()
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, but its number is not free yet
        else:
            holder.wait()
        assert path.with_name("a.zarr.lock").exists()
        mine = Lock(path)
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_leaves_that_is_killed_as_it_takes_the_lock_is_tidied_away(tmp_path):
    path = tmp_path / "a.zarr"
    killed = "import os\nos.link = lambda *_: os._exit(9)\n" + HOLD
    assert subprocess.run([sys.executable, "-c", killed, str(path)], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    living = left.with_name(left.name.replace(left.name.split(".")[-2], str(os.getpid())))
    living.touch()  # of one that may still come to it
    Lock(path).release()
    assert list(tmp_path.iterdir()) == [living]


def test_a_process_number_used_again_does_not_hold(tmp_path):
    path = tmp_path / "a.zarr"
    held = Lock(path)
    note = json.loads(held.file.read_text())
    held.file.write_text(json.dumps(note | {"started": "another boot 17"}))
    Lock(path).release()


@pytest.mark.parametrize("text", ["", "junk", '{"pid": 1, "host": "another-microscope", "started": 0}'])
def test_a_lock_nothing_is_known_of_holds_and_says_how_to_get_out(tmp_path, text):
    file = tmp_path / "a.zarr.lock"
    file.write_text(text)
    with refused(tmp_path, r"delete .*a\.zarr\.lock"):
        Lock(tmp_path / "a.zarr")
    assert file.read_text() == text


def test_releasing_twice_does_not_free_what_another_took(tmp_path):
    first = Lock(tmp_path / "a.zarr")
    first.release()
    second = Lock(tmp_path / "a.zarr")
    first.release()
    with pytest.raises(CrimsonError):
        Lock(tmp_path / "a.zarr")
    second.release()


def test_a_disk_too_full_for_the_lock_leaves_none(tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            Lock(tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []
    Lock(tmp_path / "a.zarr").release()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a process keeps the time it was given")
def test_setting_the_clock_frees_no_output(tmp_path, monkeypatch):
    held = Lock(tmp_path / "a.zarr")
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 17.0)  # Linux reckons it from the time of day
    with refused(tmp_path, HELD):
        Lock(tmp_path / "a.zarr")
    held.release()


def test_a_lock_has_its_holder_in_it_as_soon_as_it_is_there(tmp_path, monkeypatch):
    seen = []
    link = os.link

    def watched(file, name):
        seen.append((name.exists(), json.loads(file.read_text())["pid"]))
        link(file, name)

    monkeypatch.setattr(os, "link", watched)
    Lock(tmp_path / "a.zarr").release()
    assert seen == [(False, os.getpid())]


def test_a_disk_without_second_names_has_locks_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, "Operation not permitted")))
    held = Lock(tmp_path / "a.zarr")
    with pytest.raises(CrimsonError):
        Lock(tmp_path / "a.zarr")
    held.release()
    assert list(tmp_path.iterdir()) == []
