"""The code of the README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_crimson import save_stack, simulate_stack
from napari_crimson.cli.terminal import printable

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_scripted_session_shows_stack_and_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npe2pm: Any) -> None:
    (tmp_path / "demo").mkdir()
    save_stack(simulate_stack((6, 7), seed=0)[["cars", "dark", "reference"]], tmp_path / "demo" / "tissue.h5")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(napari, "Viewer", ViewerModel)  # the viewer without its window
    session: dict[str, Any] = {}
    with npe2pm.tmp_plugin(package="napari-crimson"):
        exec(BLOCKS[0], session)
    viewer = session["viewer"]
    assert isinstance(viewer, ViewerModel)
    assert [layer.data.shape[1:] for layer in viewer.layers] == [(6, 7), (6, 7)]
    assert np.isfinite(np.asarray(viewer.layers[-1].data)).all()
    assert session["result"]["raman"].dims == ("y", "x", "wavenumber")


def test_the_session_is_five_lines() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 5


def test_numpy_in_numpy_out() -> None:
    session: dict[str, Any] = {}
    exec(BLOCKS[1], session)
    assert np.isfinite(session["raman"]).all()
    assert session["raman"].shape == (8, 1000)


@pytest.mark.parametrize("command", re.findall(r"^    napari-crimson (.*?)(?:  +#.*)?$", README, re.MULTILINE))
def test_commands_of_the_readme_have_options_that_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_crimson.__main__ import main

    name, *words = command.split()
    options = {word for word in words if word.startswith("--")}
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert not {option for option in options if option not in printable(shown)}


def test_pictures_and_pages_of_the_readme_exist() -> None:
    root = Path(__file__).parents[1]
    for target in [*re.findall(r"\]\((?!http)(.*?)\)", README), *re.findall(r"`([\w/]+\.md)`", README)]:
        assert (root / target).is_file(), target
