"""The list of finished blocks: whole lines only, whatever interrupts its writing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_crimson.results.journal import Done, Journal, replace_file, to_disk

ONE, TWO = Done(bad_pixels=3), Done(bad_pixels=0, damage='"odd" bytes\nμ')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Journal(tmp_path / "blocks.txt").begin("f1")
    return tmp_path / "blocks.txt"


def test_what_is_noted_is_read_back(path: Path) -> None:
    Journal(path).add(1, ONE)
    Journal(path).add(12, TWO)
    assert Journal(path).read("f1") == {1: ONE, 12: TWO}
    assert Journal(path).read("f2") is None
    assert Journal(path.with_name("none.txt")).read("f1") is None


def test_a_list_begins_anew_with_what_is_kept(path: Path) -> None:
    journal = Journal(path)
    journal.add(1, ONE)
    journal.begin("f1", {12: TWO})
    journal.add(2, ONE)
    assert Journal(path).read("f1") == {12: TWO, 2: ONE}


def test_a_line_that_failed_half_way_does_not_grow_into_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    journal.add(7, ONE)
    size = path.stat().st_size

    def fail(handle: int) -> None:
        os.truncate(path, size + 1)  # so much of it had gone out
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            journal.add(12, TWO)
    journal.add(12, TWO)
    assert Journal(path).read("f1") == {7: ONE, 12: TWO}


def test_a_share_that_cannot_flush_folders_is_written_to_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(handle: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", unknown)
    replace_file(tmp_path / "a.json", "{}")
    assert (tmp_path / "a.json").read_text() == "{}"


def test_a_chunk_of_nothing_but_nan_has_no_file_to_flush(tmp_path: Path) -> None:
    to_disk([tmp_path / "c" / "none"], tmp_path)


def test_a_flush_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chunk").write_bytes(b"1")

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        to_disk([tmp_path / "chunk"], tmp_path)
