"""Seeds, edits and workers together: cases by the number or by the clock, and what was found."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from fuzzing.edits import apply, edits
from fuzzing.seeds import SEEDS
from fuzzing.worker import MOST_BYTES, Verdict, serve

__all__ = ["Find", "Tally", "Worker", "as_text", "fuzz", "peak_text"]

MOST_SECONDS = 10.0


@dataclass(frozen=True)
class Find:
    """What must not happen and how it is told from others, the seed and the edits that made it, and the traceback."""

    seed: str
    kind: str
    problem: str
    edits: Any
    trace: str


@dataclass
class Tally:
    """Of one seed: cases, those that opened, the worst time and memory, finds."""

    cases: int = 0
    opened: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    finds: list[Find] = field(default_factory=list)


class Worker:
    """A process that reads cases; begun again when one has ended it or has taken longer than `most_seconds`."""

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self.most_seconds = most_seconds
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None

    def begin(self, target: str, good: Path, *, is_second: bool = False) -> None:
        """Let it read a good input, so that all is loaded, and see that nothing is wrong with that."""
        if self._process is None:
            self._pipe, other = self._context.Pipe()
            self._process = self._context.Process(target=serve, args=(other,), daemon=True)
            self._process.start()
            other.close()
        verdict = self._ask(target, good, is_good=True, seconds=120)
        if verdict.problem and not is_second:  # what a case before it left behind
            self.close()
            self.begin(target, good, is_second=True)
        elif verdict.problem or not verdict.opened:
            raise AssertionError(f"a good input does not open: {verdict}")

    def judge(self, target: str, path: Path, good: Path) -> Verdict:
        """Let it read one case, after a `good` one where it has to be begun again."""
        if self._process is None:
            self.begin(target, good)
        return self._ask(target, path, is_good=False, seconds=self.most_seconds)

    def _ask(self, target: str, path: Path, *, is_good: bool, seconds: float) -> Verdict:
        start = time.monotonic()
        try:
            self._pipe.send((target, str(path), is_good))
            if self._pipe.poll(seconds):
                verdict: Verdict = self._pipe.recv()
                return verdict
            problem = f"took longer than {seconds:g} s"
        except (EOFError, OSError):
            self._process.join(5)
            problem = f"ended the process, code {self._process.exitcode}"
        self.close()
        return Verdict(problem, "", False, time.monotonic() - start, 0)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None


def fuzz(
    name: str, worker: Worker, tally: Tally, *, cases: int, number: int, until: float = float("inf"), known: frozenset[str] = frozenset()
) -> None:
    """Throw `cases` at the reader of a seed; `number` makes them other ones. Each problem is found once, shrunk."""
    seed = SEEDS[name]
    with tempfile.TemporaryDirectory(prefix="crimson-fuzz-") as made:
        good, folder = Path(made) / "good", Path(made) / "case"
        good.mkdir()
        seed.write(good / seed.name)
        worker.begin(seed.target, good / seed.name)
        told: dict[str, Find] = {}

        @hypothesis.seed(number)
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(chosen=edits())
        def throw(chosen: list[Any]) -> None:
            if time.monotonic() > until:
                return
            verdict = _case(seed, good, folder, chosen, worker)
            tally.cases += 1
            tally.opened += verdict.opened
            tally.seconds = max(tally.seconds, verdict.seconds)
            tally.peak_bytes = max(tally.peak_bytes, verdict.peak_bytes)
            if verdict.problem and (kind := _kind(verdict)) not in told and f"{name}: {kind}" not in known:
                fewest = _shrunk(chosen, lambda some: _kind(_case(seed, good, folder, some, worker)) == kind)
                told[kind] = Find(name, kind, verdict.problem, fewest, verdict.trace)

        throw()
    tally.finds.extend(told.values())


def _case(seed: Any, good: Path, folder: Path, chosen: list[Any], worker: Worker) -> Verdict:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    apply(folder / seed.name, chosen)
    return worker.judge(seed.target, folder / seed.name, good / seed.name)


def _kind(verdict: Verdict) -> str:
    """What tells one find from another: how the problem begins, and where the first exception was raised."""
    first = verdict.trace.partition("The above exception")[0]
    places = re.findall(r'File "(?:.*/)?([^"/]+)", line \d+, in (\w+)', first)
    return " ".join(re.sub(r"\d+", "", verdict.problem).split()[:3]) + (f" {places[-1][0]} {places[-1][1]}" if places else "")


def _shrunk(chosen: list[Any], still: Any) -> list[Any]:
    """Leave out the edits without which the problem stays."""
    for one in list(chosen):
        fewer = [other for other in chosen if other is not one]
        if fewer and still(fewer):
            chosen = fewer
    return chosen


def as_text(find: Find) -> str:
    """A find as a line, and its traceback."""
    return f"{find.seed}: {find.problem[:400]}\n    {json.dumps(find.edits, default=repr)[:600]}\n{find.trace[:6000]}"


def peak_text(tally: Tally) -> str:
    """The worst memory in MiB, marked where it is too much."""
    return f"{tally.peak_bytes / 2**20:.0f} MiB" + (" !" if tally.peak_bytes > MOST_BYTES else "")
