"""The speed of this checkout, kept for comparison with later ones, by pytest-benchmark; `docs/speed.md` tells how.

    pip install -c constraints.txt -e ".[bench]"
    python -m pytest benchmarks/test_speed.py --benchmark-autosave       # keeps a record in .benchmarks
    python -m pytest benchmarks/test_speed.py --benchmark-compare        # against the last one; --benchmark-compare-fail=median:10% to fail

Rates of different days differ by what else the machine does: SpecNet, which does not change, tells how much.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_crimson.remover import load_remover
from napari_crimson.speed.contender import Contender
from napari_crimson.speed.files import Sample, file_jobs, simulate_sample

SPECTRA = 2048


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Spectra of 1000 points."""
    return simulate_sample(SPECTRA)


@pytest.mark.parametrize("name", ["cnn", "rnn", "kk", "mem"])
def test_a_remover_in_memory(name: str, sample: Sample, benchmark: Any) -> None:
    """Spectra in, results out, nothing on disk."""
    correct = sample.correct(load_remover(name))
    benchmark.pedantic(correct, rounds=5, warmup_rounds=2)


def test_the_yardstick(sample: Sample, benchmark: Any) -> None:
    """SpecNet, in the number format and batch that suit it here."""
    spectra = sample.spectra / sample.spectra.max()
    specnet = Contender("SpecNet", spectra, "cpu")
    benchmark.pedantic(lambda: specnet(spectra), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("place", ["Zarr", "HDF5"])
def test_from_file_to_file(place: str, sample: Sample, benchmark: Any, tmp_path: Path) -> None:
    """Open, correct, write."""
    jobs = {job.name: job for job in file_jobs(sample, [load_remover("cnn")], tmp_path)}
    job = jobs[f"cnn {place}"]
    benchmark.pedantic(job.work, teardown=job.after, rounds=5, warmup_rounds=1)
