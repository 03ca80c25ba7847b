"""The command line as its user meets it: lines, files and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr

from napari_crimson.__main__ import main
from napari_crimson.cli.batch import axis_from_option, output_paths, spectrum_from_option
from napari_crimson.cli.terminal import complain, duration, printable
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack, save_stack
from napari_crimson.remover import FunctionRemover
from napari_crimson.stack import make_stack
from refusing import unchanged

AXIS = np.linspace(600.0, 3400.0, 120)


def run(*arguments: object) -> int:
    """Run the command line here and return its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def write_stack(path: Path, *, seed: int = 0, shape: tuple[int, int] = (4, 5), axis: np.ndarray = AXIS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = np.random.default_rng(seed).integers(500, 5000, (*shape, axis.size)).astype(np.uint16)
    np.savez(path, cars=counts, wavenumber=axis)
    return path


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return write_stack(tmp_path / "in" / "cell.npz")


def test_info_says_what_is_in_a_file(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", stack) == 0
    said = capsys.readouterr().out
    for fact in (str(stack), "4 y × 5 x × 120 wavenumber", "600 to 3400 cm⁻¹", "step 23.53", "uint16, 4.8 kB", "cars"):
        assert fact in said


def test_info_takes_an_axis_for_a_file_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 4, 11)))
    assert run("info", tmp_path / "a.npy") == 1
    assert run("info", tmp_path / "a.npy", "--wavenumber", "2800,3000") == 0
    assert "2800 to 3000 cm⁻¹, step 20" in capsys.readouterr().out


def test_info_lists_the_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "--formats") == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("NIST", ".h5", ".tif", ".zarr", ".npy"))
    line = next(line for line in said.splitlines() if "Renishaw" in line)
    assert line.split(maxsplit=2)[2] == 'whole      .wdf  (pip install "napari-crimson[vendor]")'


def test_info_of_a_result_that_holds_its_uncertainty_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_stack(make_stack(np.ones((2, 3, 4), "f4"), np.arange(4.0)).rename(cars="uncertainty"), tmp_path / "a.mat")
    assert run("info", tmp_path / "a.mat") == 0
    assert "2 y × 3 x × 4 wavenumber" in capsys.readouterr().out


def test_info_without_a_file_is_a_usage_error() -> None:
    assert run("info") == 2


def test_one_bad_file_costs_one_line_and_the_others_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = [write_stack(tmp_path / f"{name}.npz") for name in "ab"]
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"PK\x03\x04 and then nothing")
    assert run("correct", good[0], bad, tmp_path / "missing.h5", good[1], "--out", tmp_path / "out", "--remover", "kk") == 1
    said = capsys.readouterr()
    errors = said.err.strip().splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") for line in errors)
    assert "bad.npz" in errors[0]
    assert "missing.h5" in errors[1]
    assert len(said.out.splitlines()) == 2
    for name in "ab":
        assert np.isfinite(open_stack(tmp_path / "out" / f"{name}.zarr")["raman"].values).all()


def test_an_axis_outside_of_training_is_told_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write_stack(tmp_path / name) for name in ("a.npz", "b.npz")]  # of 120 points
    assert run("correct", *files, "--out", tmp_path / "out", "--device", "cpu") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "do not trust it here" in line]
    assert [f"warning: {file}: " in line for file, line in zip(files, told, strict=True)] == [True, True]
    assert "on 128 points and more, this axis has 120" in open_stack(tmp_path / "out" / "b.zarr").attrs["history"][-1]


def test_an_unknown_remover_is_one_line_naming_the_known(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("correct", stack, "--out", tmp_path / "out", "--remover", "magic") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no remover 'magic'" in line
    assert "kk" in line


def test_the_reference_option_changes_the_result(stack: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "nrb.csv", np.c_[AXIS[::-1], np.linspace(1000.0, 9000.0, AXIS.size)], delimiter=",")
    assert run("correct", stack, "--out", tmp_path / "with", "--remover", "kk", "--reference", tmp_path / "nrb.csv") == 0
    assert run("correct", stack, "--out", tmp_path / "without", "--remover", "kk", "--reference", "none") == 0
    results = [open_stack(tmp_path / folder / "cell.zarr")["raman"].values for folder in ("with", "without")]
    assert not np.allclose(*results)


def test_ctrl_c_leaves_a_partial_that_the_same_command_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = write_stack(tmp_path / "big.npz", shape=(64, 200), axis=np.linspace(600.0, 3400.0, 700))
    calls: list[int] = []
    stop_at = 2

    def remove(spectra: np.ndarray, wavenumber: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
        calls.append(len(spectra))
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return spectra * 2

    monkeypatch.setattr("napari_crimson.remover.load_remover", lambda *_, **__: FunctionRemover(remove, "doubling"))
    command = ("correct", stack, "--out", tmp_path / "out")
    assert run(*command) == 130
    assert "stopped" in capsys.readouterr().err
    assert run("info", tmp_path / "out" / "big.zarr") == 0
    assert "status      partial" in capsys.readouterr().out
    for suffix in ("h5", "tif", "mat", "zarr"):  # nor does another format pass it off as whole
        copy = tmp_path / f"copy.{suffix}"
        assert run("convert", tmp_path / "out" / "big.zarr", copy, "--image", "raman") == 0
        assert "unfinished result" in capsys.readouterr().err
        assert any("saved unfinished" in line for line in open_stack(copy).attrs["history"]), suffix
    assert run("analyse", tmp_path / "out" / "big.zarr", "--out", tmp_path / "images", "--band", "2850-2900") == 0
    assert "unfinished result" in capsys.readouterr().err
    first = calls[0]
    stop_at = -1
    calls.clear()
    assert run(*command) == 0
    assert sum(calls) == 64 * 200 - first
    stored = open_stack(tmp_path / "out" / "big.zarr")["raman"].values
    np.testing.assert_array_equal(stored, 2.0 * np.load(stack)["cars"])


def test_a_dry_run_tells_and_writes_nothing(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_stack(tmp_path / "in" / "other.npz")
    (tmp_path / "out" / "other.zarr").mkdir(parents=True)
    (tmp_path / "out" / "other.zarr" / "mine.txt").touch()
    assert run("correct", stack, other, "--out", tmp_path / "out", "--remover", "kk", "--dry-run") == 1
    said = capsys.readouterr()
    assert f"{stack} → {tmp_path / 'out' / 'cell.zarr'}: 4 y × 5 x × 120 wavenumber, 1 block; 9.6 kB on the disk" in said.out
    assert "kk on cpu: about a second" in said.out
    assert "no result of a background removal" in said.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["other.zarr"]


def test_a_bug_in_one_stack_keeps_its_traceback_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def remove(spectra: np.ndarray, wavenumber: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
        if wavenumber[0] < 500:
            raise ZeroDivisionError("a bug")
        return spectra

    monkeypatch.setattr("napari_crimson.remover.load_remover", lambda *_, **__: FunctionRemover(remove, "buggy"))
    files = [write_stack(tmp_path / "a.npz", axis=AXIS - 200), write_stack(tmp_path / "b.npz")]
    assert run("correct", *files, "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError: a bug" in said.err
    assert "b.npz" in said.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids such names")
def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_stack(tmp_path / "red\x1b[31m\nnew\u202eline.npz")
    with unchanged(tmp_path):
        assert run("info", file) == 0
        assert run("info", tmp_path / "gone\x1b[2J.npz") == 1
    said = capsys.readouterr()
    assert r"red\x1b[31m" in said.out
    assert r"\u202e" in said.out
    assert "\x1b" not in said.out + said.err.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert len(said.err.strip().splitlines()) == 1
    assert r"gone\x1b[2J.npz: no such file or folder; check the name and that the drive is connected" in said.err


def test_a_name_that_is_no_text_is_printable() -> None:
    assert printable(os.fsdecode(b"a\xff.h5")) == r"a\udcff.h5"


def test_results_of_inputs_with_one_stem_have_names_of_their_own(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("1/cell.h5", "2/cell.h5", "2/cell.tif", "2/CELL.npy", "other.h5")]
    names = [path.name for path in output_paths(files, Path("out")).values()]
    assert names == ["1_cell.h5.zarr", "2_cell.h5.zarr", "cell.tif.zarr", "CELL.npy.zarr", "other.zarr"]


def test_a_file_given_twice_is_corrected_once(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("correct", stack, stack.parent / ".." / "in" / "cell.npz", "--out", tmp_path, "--remover", "kk") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_result_never_takes_the_place_of_its_input(tmp_path: Path) -> None:
    with pytest.raises(CrimsonError, match="take its place"):
        output_paths([tmp_path / "a.zarr"], tmp_path)


def test_axis_option() -> None:
    assert axis_from_option("600,3400.5") == (600.0, 3400.5)
    assert axis_from_option("shifts, today.csv") == "shifts, today.csv"
    assert axis_from_option(None) is None


def test_spectrum_option_averages_a_stack_and_says_what_a_text_file_lacks(stack: Path, tmp_path: Path) -> None:
    mean = spectrum_from_option(str(stack))
    assert isinstance(mean, xr.DataArray)
    np.testing.assert_allclose(mean.values, np.load(stack)["cars"].mean((0, 1)))
    np.testing.assert_array_equal(mean["wavenumber"].values, AXIS)
    (tmp_path / "one.txt").write_text("1\n2\n3\n")
    with pytest.raises(CrimsonError, match="two columns"):
        spectrum_from_option(str(tmp_path / "one.txt"))
    with pytest.raises(CrimsonError, match=r"gone\.txt"):
        spectrum_from_option(str(tmp_path / "gone.txt"))


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (3 * 3600 + 125, "3 h 02 min")])
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_version_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    from napari_crimson import __version__

    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__
    assert run("paint") == 2


def test_messages_speak_of_options_instead_of_keywords(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 4, 11)))
    assert run("info", tmp_path / "a.npy") == 1
    assert "give --wavenumber " in capsys.readouterr().err
    for reference, code in (("auto", 0), ("auto", 0), (stack, 1)):
        assert run("correct", stack, "--out", tmp_path, "--remover", "kk", "--reference", reference) == code
    said = capsys.readouterr()
    assert "complete already" in said.out
    assert "--no-resume to replace it" in said.err
    assert run("correct", stack, "--out", tmp_path, "--remover", "kk", "--reference", stack, "--no-resume") == 0


def test_a_damaged_tiff_costs_one_line(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", np.ones((20, 8, 9), np.uint16))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:1000])
    command = [sys.executable, "-m", "napari_crimson", "info", str(tmp_path / "cut.tif"), "--wavenumber", "600,900"]
    said = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 1
    assert "truncated" in said.stderr


def test_a_reference_without_axis_takes_the_one_given(tmp_path: Path) -> None:
    for name in ("cell", "glass"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).integers(500, 5000, (3, 4, 50)))
    words = ("correct", tmp_path / "cell.npy", "--out", tmp_path, "--remover", "kk", "--reference", tmp_path / "glass.npy")
    assert run(*words) == 1
    assert run(*words, "--wavenumber", "600,3400") == 0
    assert xr.open_zarr(tmp_path / "cell.zarr").attrs["crimson"]["reference"] == "given"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("say reference=None", "say --reference none"),
        ("say resume=False to go on", "say --no-resume to go on"),
        ("give wavenumber= as numbers", "give --wavenumber as numbers"),
        ("cut it: ds.sel(wavenumber=slice(1, 2))", "cut it: ds.sel(wavenumber=slice(1, 2))"),
    ],
)
def test_keywords_are_told_as_options_and_code_stays(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    complain(CrimsonError(text))
    assert capsys.readouterr().err == f"error: {shown}\n"
