"""A short run of the fuzzing, the same cases each time; ``make fuzz`` is the long one. And that the fuzzing finds what it is for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("hypothesis", reason='no hypothesis: pip install "napari-crimson[dev]"')

from fuzzing.campaign import Tally, Worker, as_text, fuzz
from fuzzing.seeds import SEEDS, UNSEEDED
from napari_crimson.io.formats import FORMATS, recognise

CASES = 24


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with closing(Worker()) as one:
        yield one


@pytest.mark.parametrize("name", SEEDS)
def test_edited_inputs_open_or_are_one_error(name: str, worker: Worker) -> None:
    tally = Tally()
    fuzz(name, worker, tally, cases=CASES, number=0)
    assert not tally.finds, "\n".join(map(as_text, tally.finds))
    assert tally.cases >= CASES / 2


def test_every_format_has_a_seed_or_a_reason(tmp_path: Path) -> None:
    seen = set()
    for name, seed in SEEDS.items():
        if seed.target == "stack":
            (folder := tmp_path / name.replace(" ", "_")).mkdir()
            seed.write(folder / seed.name)
            seen.add(recognise(folder / seed.name))
    lacking = {key for key, form in FORMATS.items() if form not in seen}
    assert lacking == set(UNSEEDED)


def test_the_seed_of_ome_tiff_holds_its_record(tmp_path: Path) -> None:
    SEEDS["ome-tiff"].write(path := tmp_path / SEEDS["ome-tiff"].name)
    assert b"http://www.openmicroscopy.org/Schemas/OME/" in path.read_bytes()


MISBEHAVIOUR = {
    "good": "$",
    "raises": "raised ZeroDivisionError",
    "warns": "warned: mind this",
    "says": "printed: b'something",
    "writes": "opened .*new' with mode 'w'",
    "strays": "opened '/etc/hostname'",
    "runs": "os.system",
    "unpickles": "pickle.find_class",
    "grows": "asked for more memory than there is",
    "hangs": "took longer than 3 s",
    "crashes": "ended the process, code -6",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and figures of a process are those of Linux")
def test_what_must_not_happen_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    with closing(Worker(most_seconds=3.0)) as worker:
        for reader, said in MISBEHAVIOUR.items():
            worker.begin("fuzzing.misbehaviour:good", path)  # again, where the one before has ended it
            problem = worker.judge(f"fuzzing.misbehaviour:{reader}", path, path).problem
            assert re.match(said, problem), f"{reader}: {problem}"
            path.with_name("new").unlink(missing_ok=True)
