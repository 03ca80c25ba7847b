"""What is measured once on a machine: kept between processes, and never trusted blindly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = "from napari_crimson.remover import load_remover; print(load_remover('cnn', device='cpu').provenance['precision'])"


def precision(file: Path) -> str:
    """The number format of `cnn` in another process, which keeps what it measures in a file."""
    environment = {**os.environ, "CRIMSON_MEASURED": str(file)}
    return subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_the_number_format_is_the_one_that_was_quicker_here(tmp_path: Path) -> None:
    file = tmp_path / "caches" / "measured.json"
    found = precision(file)
    assert found in ("float32", "bfloat16")
    ((name, gain),) = json.loads(file.read_text()).items()
    assert "bfloat16 against float32" in name
    assert (gain >= 1.2) == (found == "bfloat16")
    for gain, wanted in ((0.7, "float32"), (3.0, "bfloat16")):  # as another processor would have it
        file.write_text(json.dumps({name: gain}))
        assert precision(file) == wanted


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"bfloat16": "fast"}', "[" * 100_000, '{"a": 1' + " " * 2**21 + "}"])
def test_a_damaged_file_is_measured_anew(content: str, tmp_path: Path) -> None:
    from napari_crimson import measured

    file = tmp_path / "measured.json"
    file.write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRIMSON_MEASURED", str(file))
        assert measured.kept(f"never measured {len(content)}") is None
        measured.keep("now", 2.0)
        assert json.loads(file.read_text())["now"] == 2.0


def test_where_nothing_can_be_kept_it_serves_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_crimson import measured

    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("CRIMSON_MEASURED", str(tmp_path / "a file" / "measured.json"))
    measured.keep("here only", 3.0)
    assert measured.kept("here only") == 3.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file"]
