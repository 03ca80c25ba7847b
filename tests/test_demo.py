"""The demo: the whole line on a simulated stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from napari_crimson import demo
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack


def test_demo_leaves_stack_result_and_picture_and_tells_the_figures(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):  # a second demo takes the place of the first
        figures = demo.run_demo(tmp_path / "out", remover="kk", shape=(16, 20), show=False, say=said.append)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["demo.png", "tissue.h5", "tissue.zarr"]
    stack, result = open_stack(tmp_path / "out" / "tissue.h5"), open_stack(tmp_path / "out" / "tissue.zarr")
    assert {"dark", "reference"} <= set(stack)
    np.testing.assert_allclose(stack["wavenumber"], result["wavenumber"])
    picture = imread(tmp_path / "out" / "demo.png")
    assert min(picture.shape[:2]) > 500
    assert picture[..., :3].std() > 0.05
    text = "\n".join(said)
    assert f"{figures['r_median']:.3g}" in text
    assert "spectra/s" in text
    assert figures["spectra"] == 320


def test_demo_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CrimsonError, match="give another --out"):
        demo.run_demo(tmp_path / "file", remover="kk", shape=(4, 4), show=False, say=str)


def test_without_matplotlib_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    with pytest.raises(CrimsonError, match=r"pip install \"napari-crimson\[all\]\""):
        demo.run_demo(tmp_path, say=str)


def test_napari_is_opened_only_where_it_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    files = (tmp_path / "a.h5", tmp_path / "a.zarr")

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "platform", "linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert "no display" in demo.show_in_napari(*files, 2930.0)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(demo, "find_spec", lambda name: None if "Qt" in name or "Side" in name else name)
    assert "no Qt binding" in demo.show_in_napari(*files, 2930.0)
    assert not commands
    monkeypatch.setattr(demo, "find_spec", lambda name: name)
    assert "shown" in demo.show_in_napari(*files, 2930.0)
    assert commands[0][-3:] == ["2930.0", *map(str, files)]


def test_napari_shows_the_pair_at_the_band_asked_for(tmp_path: Path) -> None:
    from napari.components import ViewerModel

    from napari_crimson.plugin.show import add_pair

    demo.run_demo(tmp_path, remover="kk", shape=(8, 9), show=False, say=str)
    viewer = ViewerModel()
    add_pair(viewer, tmp_path / "tissue.h5", tmp_path / "tissue.zarr", 2930.0)
    assert [layer.name for layer in viewer.layers] == ["tissue", "tissue · kk"]
    assert viewer.dims.point[0] == pytest.approx(2930.0, abs=2)


def test_pixels_drawn_are_distinct_in_kind() -> None:
    spectra = np.zeros((4, 5, 30), dtype=np.float32)
    for at, (y, x) in enumerate([(0, 1), (2, 3), (3, 0)]):
        spectra[y, x, 10 * at : 10 * at + 5] = at + 1
    assert set(demo.distinct_pixels(spectra)) == {(0, 1), (2, 3), (3, 0)}
