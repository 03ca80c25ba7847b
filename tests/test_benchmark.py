"""The benchmark: the same table every time, right for a remover whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_crimson import weights
from napari_crimson.__main__ import main
from napari_crimson.benchmark import SETS, benchmark, dilution, silent_region
from napari_crimson.errors import CrimsonError
from napari_crimson.remover import FunctionRemover, load_remover, removers
from napari_crimson.synthesis import PRIORS


def test_every_prior_has_a_set() -> None:
    assert {type(one.prior) for one in SETS.values()} == set(PRIORS.values())


def test_the_same_spectra_and_figures_every_time() -> None:
    kk = [load_remover("kk")]
    first, again = (
        [(row.set, {k: v for k, v in row.figures.items() if k != "spectra_per_s"}) for row in benchmark(kk, ["vector"], spectra=16)]
        for _ in "ab"
    )
    assert [name for name, _ in first] == ["vector 1a", "vector 2b"]
    assert first == again


def test_a_remover_of_the_other_convention_is_scaled_and_its_row_says_so() -> None:
    kk = load_remover("kk")

    def tenfold(spectra: NDArray[Any], wavenumber: NDArray[Any], reference: NDArray[Any] | None) -> NDArray[Any]:
        return 10 * kk(spectra, wavenumber, reference)

    plain, tens = list(benchmark([kk, FunctionRemover(tenfold)], ["specnet"], spectra=16))
    assert plain.scaled
    assert tens.scaled
    assert tens.figures["mse_mean"] == pytest.approx(plain.figures["mse_mean"], rel=1e-4)
    assert not next(benchmark([kk], ["wide, C-H"], spectra=16)).scaled


def test_the_uncertainty_of_a_network_is_held_against_the_truth() -> None:
    (row,) = benchmark([load_remover("cnn", device="cpu")], ["wide, C-H, reference"], spectra=40)
    assert 0 < row.figures["within_1sd"] <= row.figures["within_2sd"] <= 1


def half(spectra: NDArray[Any], wavenumber: NDArray[Any], reference: NDArray[Any] | None) -> NDArray[Any]:
    raman: NDArray[Any] = 0.5 * load_remover("cnn", device="cpu")(spectra, wavenumber, reference)
    return raman


def test_dilution_tells_a_remover_that_halves_all_peaks() -> None:
    whole, halved = dilution(load_remover("cnn", device="cpu"), spectra=20), dilution(FunctionRemover(half), spectra=20)
    assert halved["slope"] == pytest.approx(whole["slope"] / 2, rel=1e-3)
    assert halved["linearity"] == pytest.approx(whole["linearity"], abs=1e-4)


def test_invented_lines_in_the_silent_region_are_counted() -> None:
    def three_lines(spectra: NDArray[Any], wavenumber: NDArray[Any], reference: NDArray[Any] | None) -> NDArray[Any]:
        lines: NDArray[Any] = sum(
            (10 * np.exp(-0.5 * ((wavenumber - at) / 8) ** 2) for at in (1900, 2200, 2500, 2900)), np.zeros(wavenumber.size)
        )
        return np.tile(lines, (len(spectra), 1))

    assert silent_region(FunctionRemover(three_lines), spectra=10)["invented"] == 3
    assert silent_region(FunctionRemover(lambda spectra, *_: 0 * spectra), spectra=10)["invented"] == 0


def test_an_unknown_set_is_answered_with_those_there_are() -> None:
    with pytest.raises(CrimsonError, match=r"no set is called 'tissue'; there are crimson 2-5 lines; "):
        list(benchmark([load_remover("kk")], ["tissue"]))


def test_the_command_prints_a_row_a_set_and_remover_and_writes_them(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "--removers", "kk", "--sets", "vector 1a", "--spectra", "16", "--csv", str(tmp_path / "t.csv")])
    assert not end.value.code
    out = capsys.readouterr().out
    assert "vector 1a             kk*" in out
    assert (tmp_path / "t.csv").read_text().startswith("set,remover,scaled,mse_mean")


def test_names_of_sets_may_hold_a_comma_and_a_table_without_a_folder_is_told_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "--removers", "kk", "--sets", "wide, C-H, reference, vector 1a", "--spectra", "40"])
    assert not end.value.code
    assert [line[:22].strip() for line in capsys.readouterr().out.splitlines()[1:3]] == ["vector 1a", "wide, C-H, reference"]
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "--removers", "kk", "--csv", str(tmp_path / "none" / "t.csv")])
    assert end.value.code == 1
    said = capsys.readouterr()
    assert "there is no folder" in said.err
    assert not said.out


def test_a_fully_connected_network_of_equal_size_stands_beside_the_others_and_is_no_remover_to_choose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("napari_crimson.remover.removers", lambda: ["cnn", "kk"])
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "--sets", "vector 2b", "--spectra", "8"])
    assert not end.value.code
    out = capsys.readouterr().out
    assert "vector 2b             dense*" in out
    told = {words[0]: words for line in out.splitlines() if len(words := line.split()) == 6}
    assert "kk" not in told
    parameters, training = ({name: float(told[name][at].replace(",", "")) for name in ("cnn", "dense")} for at in (1, 4))
    assert parameters["dense"] == pytest.approx(parameters["cnn"], rel=0.1)
    assert training["dense"] > 2 * training["cnn"]
    both = [load_remover(name, device="cpu") for name in ("cnn", weights.BASELINE)]  # on the same spectra
    found = {row.remover: row.figures["r2_median"] for row in benchmark(both, ["wide, drawn out"], spectra=64)}
    assert found["cnn"] > 0.9
    assert found["dense"] < 0.6
    assert "dense" not in removers()
