"""`napari-crimson inspect` as its user meets it: a table, figures and exit codes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from napari_crimson import simulate_stack, weights
from napari_crimson.__main__ import main
from napari_crimson.errors import CrimsonError
from napari_crimson.inspect_network import Spectrum, figures, look_inside
from napari_crimson.networks import build

FIGURES = {"training", "field", "filters", "maps", "peak"}


def run(*arguments: object) -> int:
    """Run the command line here and return its exit code."""
    with pytest.raises(SystemExit) as end:
        main(["inspect", *map(str, arguments)])
    return int(end.value.code or 0)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    phantom = simulate_stack((6, 7), wavenumber=np.linspace(600, 3400, 500))
    path = tmp_path / "cell.npz"
    np.savez(path, cars=phantom["cars"].values, wavenumber=phantom["wavenumber"].values, dark=phantom["dark"].values)
    return path


def test_two_networks_on_simulated_tissue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cnn,rnn", "--out", tmp_path) == 0
    said = capsys.readouterr().out
    cnn, rnn = said.split("\n\n")
    best = weights.read_card("cnn")["validation"]
    trained = f"{best['error']:.3g} at step {best['step']:,}"
    for fact in ("446,016", "39.9 for a spectrum of 1000 points", trained, "1568 points"):
        assert fact in cnn
    assert re.search("peak at 28(4[7-9]|5[0-3]|8[1-7]) cm⁻¹", cnn)  # two lines of one height, at 2850 and 2884
    assert "the whole spectrum" in rnn
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"{name}-{what}" for name in ("cnn", "rnn") for what in FIGURES}
    for path in tmp_path.glob("*.png"):
        picture = imread(path)[..., :3]
        assert min(picture.shape[:2]) > 400
        assert picture.std() > 0.05


def test_a_pixel_of_a_file_and_a_chosen_peak(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rnn", stack, "--pixel", "2,3", "--peak", "2852", "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "cell.npz, pixel (2, 3)" in said
    assert "peak at 2850 cm⁻¹" in said or "peak at 2855 cm⁻¹" in said
    assert run("rnn", stack, "--out", tmp_path / "out") == 0  # a bright one, then


def test_a_spectrum_that_gets_no_answer_is_not_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phantom = simulate_stack((6, 7), wavenumber=np.linspace(600, 3400, 500))
    counts = phantom["cars"].values.astype(np.uint16)
    counts[0, 0] = np.where(np.arange(500) % 3, 4095, 4000)  # saturated, with noise between
    path = tmp_path / "bright.npz"
    np.savez(path, cars=counts, wavenumber=phantom["wavenumber"].values, dark=phantom["dark"].values)
    assert run("cnn", path, "--pixel", "0,0", "--out", tmp_path / "out") == 1
    assert "bright.npz, pixel (0, 0): it is saturated, clipped or constant, and gets no answer; choose another with --pixel" in (
        capsys.readouterr().err
    )
    flat = Spectrum(cars=np.full(300, 7.0), wavenumber=np.linspace(600, 1200, 300))
    with pytest.raises(CrimsonError, match="this spectrum: it is saturated, clipped or constant"):
        look_inside("cnn", flat)


def test_weights_of_your_own_without_a_loss_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    arguments = {"points": 64, "hidden": [8]}
    network = build("dense", arguments)
    torch.nn.init.normal_(network.get_submodule("mean").weight, std=0.1)
    path = weights.save(
        tmp_path / "own", dict(network.state_dict()), {"network": "dense", "convention": "relative", "arguments": arguments}
    )
    assert run(path, "--out", tmp_path) == 0
    said = capsys.readouterr().out
    assert "the whole spectrum" in said
    assert "not told" in said
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"own-{what}" for what in FIGURES - {"training"}}


@pytest.mark.parametrize(
    ("range_cm1", "step_cm1", "points"),
    [((200.0, 600.0), (2.0, 2.0), (150, 200)), ((3550.0, 4000.0), (1.0, 3.0), (64, 150)), ((0.1, 1998.1), (2.0, 2.0), (1000, 1000))],
)
def test_a_network_is_looked_at_where_it_was_trained(
    range_cm1: tuple[float, float], step_cm1: tuple[float, float], points: tuple[int, int], tmp_path: Path
) -> None:
    arguments = {"points": 64, "hidden": [8]}
    network = build("dense", arguments)
    torch.nn.init.normal_(network.get_submodule("mean").weight, std=0.1)
    recipe = {"range_cm1": range_cm1, "step_cm1": step_cm1, "points": points}
    card = {"name": "../elsewhere", "network": "dense", "convention": "relative", "arguments": arguments, "recipe": recipe}
    path = weights.save(tmp_path / "own", dict(network.state_dict()), card)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert run(path, "--out", tmp_path / "out") == 0
    assert {path.stem for path in tmp_path.rglob("*.png")} == {f"own-{what}" for what in FIGURES - {"training"}}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["kk"], 1, "'kk' is no network"),
        (["cnn", "--peak", "9000"], 1, "the axis goes from"),
        (["cnn,runs/cnn.safetensors"], 1, "several are called cnn; give each once, or rename their files"),
        (["cnn", "--pixel", "1,2"], 2, "are of a FILE"),
        (["cnn", "STACK", "--pixel", "8,1"], 1, "not in the stack"),
        (["cnn", "STACK", "--pixel", "a,b"], 1, "give whole numbers"),
        (["cnn", "missing.h5"], 1, "missing.h5"),
    ],
)
def test_what_cannot_be_is_told(
    arguments: list[str], code: int, told: str, stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(stack) if word == "STACK" else word for word in arguments]
    assert run(*given, "--out", tmp_path / "out") == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(figures, "find_spec", lambda _: None)
    assert run("cnn", "--out", tmp_path) == 1
    assert 'pip install "napari-crimson[all]"' in capsys.readouterr().err
