"""The example scripts of the documentation run as they stand there."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import matplotlib as mpl
import napari
import numpy as np
import pytest

from napari_crimson import open_stack

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They write into the current folder, and draw without a window."""
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")  # not by MPLBACKEND, which is read on import: another test's file may have imported it


def run(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_each_example_is_run_here_and_shown_in_the_documentation() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    page = (EXAMPLES.parent / "examples.md").read_text(encoding="utf-8")
    for script in EXAMPLES.glob("*.py"):
        assert f'run("{script.stem}")' in here
        assert f"examples/{script.name}" in page


def test_open_correct_plot(tmp_path: Path) -> None:
    left = run("open_correct_plot")
    assert left["result"]["raman"].dims == ("y", "x", "wavenumber")
    assert np.isfinite(left["lipid"]).all()
    assert (tmp_path / "tissue.png").stat().st_size > 10_000


def test_compare_removers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left = run("compare_removers")
    against_truth = {one.second: one.r for one in left["agreements"](left["result"]) if one.first == "truth"}
    assert against_truth.keys() == {"cnn", "rnn", "kk"}
    assert against_truth["cnn"] > 0.98
    assert 0.4 < left["within"] < 0.9
    assert "% of the truth lies within one deviation" in capsys.readouterr().out
    assert (tmp_path / "removers.png").is_file()


@pytest.mark.gui
def test_napari_session(viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(napari, "run", lambda: None)
    run("napari_session")
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=60_000)
    assert [layer.name for layer in viewer.layers] == ["tissue", "tissue · cnn", "tissue · cnn · CH2 / CH3"]
    qtbot.waitUntil((tmp_path / "tissue.zarr").exists, timeout=60_000)
    assert open_stack(tmp_path / "tissue.zarr")["raman"].shape == (48, 48, 1000)
    assert any(name.startswith("Spectrum") for name in viewer.window.dock_widgets)
