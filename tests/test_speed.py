"""The speed benchmark: every name in one table, ratios to SpecNet, counts that are right, a history that grows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_crimson.__main__ import main
from napari_crimson.errors import CrimsonError
from napari_crimson.remover import FunctionRemover
from napari_crimson.speed import machine, measure_speed
from napari_crimson.speed.contender import Contender
from napari_crimson.speed.cost import count_cost
from napari_crimson.speed.measure import Job, interleave, median_ratio
from napari_crimson.speed.published import PUBLISHED, GANGenerator, SpecNet, Vector8

OURS = ["cnn", "kk"]


@dataclass(frozen=True)
class Run:
    """What one call of the command left."""

    printed: str
    lines: list[str]

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.lines[-1])
        return record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One call on eight spectra, with a history that had a line before."""
    history = tmp_path_factory.mktemp("speed") / "history.jsonl"
    history.write_text('{"date": "earlier"}\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_CPU_SIDE", 256)
        printed: list[str] = []
        patch.setattr("typer.echo", lambda line="", **options: printed.append(str(line)))
        words = ["--removers", ",".join(OURS), "--spectra", "8", "--repeats", "1", "--device", "cpu", "--json", str(history)]
        with pytest.raises(SystemExit) as end:
            main(["benchmark", "--speed", *words])
    assert not end.value.code
    return Run("\n".join(printed), history.read_text(encoding="utf-8").splitlines())


def test_the_table_has_every_remover_published_network_and_format(run: Run) -> None:
    starts = [line.split("  ")[0] for line in run.printed.splitlines()]
    for name in (*OURS, *PUBLISHED, "SpecNet float32"):
        assert name in starts
    assert [(row["name"], row["source"]) for row in run.record["file_rows"]] == [
        (name, place) for name in OURS for place in ("Zarr", "HDF5")
    ]


def test_it_says_which_instructions_for_matrices_there_are(run: Run) -> None:
    assert all(f"{name} {'yes' if there else 'no'}" in run.printed for name, there in instructions(run.record["machine"]).items())


def instructions(found: dict[str, Any]) -> dict[str, bool]:
    return {"AVX-512": found["avx512"], "AVX-512 BF16": found["avx512_bfloat16"], "AMX": found["amx"]}


def test_ratios_are_to_specnet(run: Run) -> None:
    rows = {row["name"]: row for row in run.record["rows"]}
    assert rows["SpecNet"]["ratio"] == 1
    assert rows["SpecNet float32"]["ratio_float32"] == 1
    for row in rows.values():
        assert row["ratio"] == pytest.approx(row["spectra_per_s"] / rows["SpecNet"]["spectra_per_s"])


def test_a_network_of_ours_stays_within_100_mflop(run: Run) -> None:
    cnn = next(row for row in run.record["rows"] if row["name"] == "cnn")
    assert 20 < cnn["mflop"] <= 100
    assert cnn["matrix_share"] > 0


def test_what_cannot_be_counted_is_left_open(run: Run) -> None:
    kk = next(row for row in run.record["rows"] if row["name"] == "kk")
    assert kk["mflop"] is kk["parameters"] is kk["matrix_share"] is kk["memory_share"] is None


def test_a_record_is_appended_to_the_history(run: Run) -> None:
    first, second = (json.loads(line) for line in run.lines)
    assert first == {"date": "earlier"}
    assert {"date", "version", "machine", "rows", "file_rows"} <= second.keys()
    assert (second["spectra"], second["points"], second["spectra_in_files"]) == (8, 1000, 144)


def test_published_networks_have_the_parameters_of_their_papers() -> None:
    """Of SpecNet the paper tells the sum, about six million; of VECTOR-8 every kernel, channel and size of feature map."""
    assert count(SpecNet(640)) == pytest.approx(6e6, rel=0.01)
    kernels = 8 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    assert count(Vector8()) == 2 * kernels + 2 * 2 * (64 + 128 + 256) + 2 * 512
    sizes: list[tuple[int, ...]] = []
    network = Vector8()
    for layer in (*network.down, *network.up):
        layer.register_forward_hook(lambda _, __, answer: sizes.append(tuple(answer.shape[1:])))
    with torch.no_grad():
        network(torch.rand(1, 1000))
    down = [(64, 993), (128, 493), (256, 243), (512, 118)]
    assert sizes == [*down, *reversed(down[:-1]), (1, 1000)]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("points", [100, 129])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_gives_as_many_points_as_it_takes(name: str, points: int) -> None:
    with torch.no_grad():
        assert PUBLISHED[name](points)(torch.rand(2, points)).shape == (2, points)


def test_a_published_network_gives_the_same_in_any_batches() -> None:
    spectra = np.random.default_rng(0).random((40, 100), dtype=np.float32)
    contender = Contender("GAN generator", spectra, "cpu", as_published=True)
    whole = contender(spectra)
    contender.batch = 7
    np.testing.assert_allclose(contender(spectra), whole, atol=1e-5)
    assert whole.std() > 0
    with torch.no_grad():
        np.testing.assert_allclose(contender.network(torch.from_numpy(spectra)).numpy(), whole, atol=1e-5)


def test_operations_and_numbers_are_counted_also_in_recurrent_layers() -> None:
    dense, recurrent = nn.Sequential(nn.Linear(10, 4), nn.ReLU()), nn.LSTM(3, 5)
    with torch.no_grad():
        cost = count_cost(dense, lambda: dense(torch.ones(1, 10)))
        steps = count_cost(recurrent, lambda: recurrent(torch.ones(20, 1, 3)))
    assert (cost.parameters, cost.mflop, cost.values) == (44, pytest.approx(80e-6), 10 + 4 + 4 + 4)
    assert (steps.mflop, steps.values) == (pytest.approx(20 * 2 * 4 * 5 * (3 + 5) * 1e-6), 20 * (3 + 5))


def test_the_generator_is_counted_at_every_stride() -> None:
    """Half the length a layer: at full length the same layers would do ten times the work."""
    network = GANGenerator(1000).eval()
    assert 40 < count_cost(network, lambda: network(torch.rand(1, 1000))).mflop < 50


def test_jobs_take_turns_after_one_round_to_warm_up() -> None:
    done: list[str] = []
    jobs = [Job(name=name, work=lambda name=name: done.append(name), amount=1, after=lambda: done.append("-")) for name in "ABC"]
    rates = interleave(jobs, 2)
    assert "".join(done) == "A-B-C-" * 3
    assert {name: len(values) for name, values in rates.items()} == {"A": 2, "B": 2, "C": 2}


def test_a_drift_of_the_machine_leaves_ratios_alone() -> None:
    drift = np.array([1.0, 0.5, 0.1])
    assert median_ratio(list(30 * drift), list(10 * drift)) == pytest.approx(3)


def test_two_removers_of_one_name_are_refused() -> None:
    with pytest.raises(CrimsonError, match=r"several removers are called same; give each once"):
        measure_speed([FunctionRemover(lambda *_: 0, "same"), FunctionRemover(lambda *_: 1, "same")], device="cpu")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "history.jsonl"], "add --speed"),
        (["--speed", "--csv", "table.csv"], "leave them out with --speed"),
        (["--speed", "--sets", "wide"], "leave them out with --speed"),
        (["--speed", "--json", "nowhere/history.jsonl"], "choose another file or folder"),
        (["--speed", "--device", "cuda:99"], "no device 'cuda:99' here"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["benchmark", *words])
    assert end.value.code
    shown = capsys.readouterr()
    assert said in shown.err
    assert not shown.out
    assert not list(tmp_path.iterdir())
