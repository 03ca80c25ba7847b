"""The same job on the workers of a dask.distributed scheduler: one task a block, which reads, corrects and writes it there.

The blocks share no chunk of the output, so workers write side by side; the process that asked holds the output's lock, lists
the blocks as they are finished, and tells the progress as `stream` does. A worker that dies costs the blocks it was at: dask
gives them to another. Input and output must lie where all machines see them by the same path.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

import dask
import dask.array as da

from napari_crimson.blocks import Region
from napari_crimson.correction import Correction
from napari_crimson.errors import CrimsonError
from napari_crimson.faults import persist
from napari_crimson.remover import Remover
from napari_crimson.results.sinks import ZarrSink
from napari_crimson.results.store import KEPT, write_block
from napari_crimson.stream import Correct, Progress, Sink, Tally, correct_block, read_block

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster"]

_PACKAGE = "napari-crimson"
ANSWER_S = 10.0  # in which a scheduler must answer
ALONE_S = 60.0  # without a single worker, after which the run stops
_LOOK_S = 2.0
_AHEAD = 2  # tasks for each thread, so that none waits for the next


class Cluster:
    """The workers of a scheduler, all of which have this very version of the package.

    Parameters
    ----------
    address : str
        As ``tcp://host:8786``.
    device : str
        For the networks on the workers.

    Raises
    ------
    CrimsonError
        If dask.distributed is not installed, no scheduler answers, it has no workers, or one of them has no or another
        napari-crimson.
    """

    def __init__(self, address: str, *, device: str = "auto") -> None:
        self.address, self.device = address, device
        self._client = _connect(address)
        try:
            _check_workers(self._client, address)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the scheduler; it and its workers stay."""
        self._client.close()

    def stream(
        self, cars: da.Array, correct: Correct, sink: Sink, regions: Sequence[Region]
    ) -> Generator[Progress, None, Mapping[str, Any] | None]:
        """Correct a stack block by block on the workers; takes the place of `stream.stream`.

        Closing the generator lets the blocks under way end, and lists them.

        Returns
        -------
        mapping
            ``device`` and ``precision`` of the workers.

        Raises
        ------
        CrimsonError
            Before any work: there is no output on disk, the remover cannot be sent, a worker does not see the input or the
            output. During it: whatever a block raises there, no worker for a minute, the scheduler is lost.
        """
        if not isinstance(sink, ZarrSink) or not isinstance(correct, Correction):
            raise CrimsonError("workers write to disk: give output= a path ending in .zarr that all of them see")
        tally = Tally(regions, sink.finished(), damaged=len(sink.damaged()))
        todo = deque(block for block in range(len(regions)) if block not in sink.finished())
        if not todo:
            return None
        plan = _Plan(correct=_to_send(correct, self.device), path=sink.path.resolve(), dims=sink.dims, names=tuple(sink.arrays))
        told = self._try_out(plan, _part(cars, tuple(slice(0, 1) for _ in regions[0])))
        running: dict[str, int] = {}
        ended: SimpleQueue[Future] = SimpleQueue()
        try:
            while todo or running:
                for _ in range(min(len(todo), self._room() - len(running))):
                    block = todo.popleft()
                    task = _Task(plan=plan, cars=_part(cars, regions[block]), region=regions[block])
                    future = self._client.submit(task, pure=False, key=f"crimson-{plan.path.stem}-{block}-{uuid4().hex[:8]}")
                    running[future.key] = block
                    future.add_done_callback(ended.put)
                future = self._wait(ended)
                block = running.pop(future.key)
                bad, damage = self._result(future)
                sink.note(block, bad, damage)
                yield tally.count(block, bad, damage)
        finally:
            self._end(running, ended, sink)
        return told

    def _room(self) -> int:
        """How many tasks may be under way."""
        return int(max(1, _AHEAD * sum(self._client.nthreads().values())))

    def _wait(self, ended: SimpleQueue[Future]) -> Future:
        """The next task that has ended."""
        seen = time.monotonic()
        while True:
            with suppress(Empty):
                return ended.get(timeout=_LOOK_S)
            if self._client.status != "running":
                raise CrimsonError(f"the scheduler at {self.address} is gone; start it again{KEPT}")
            if self._client.nthreads():
                seen = time.monotonic()
            elif time.monotonic() - seen > ALONE_S:
                raise CrimsonError(f"the scheduler at {self.address} has had no worker for {ALONE_S:g} s; start one{KEPT}")

    def _result(self, future: Future) -> tuple[int, str]:
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        try:
            bad, damage = future.result()
        except KilledWorker as error:
            raise CrimsonError(f"workers died one after another at the same block ({error}); give them more memory{KEPT}") from error
        except (CancelledError, CommClosedError) as error:
            raise CrimsonError(f"the scheduler at {self.address} is gone ({error}); start it again{KEPT}") from error
        return bad, damage

    def _end(self, running: dict[str, int], ended: SimpleQueue[Future], sink: ZarrSink) -> None:
        """Let the tasks under way end, as they write to the output, and list their blocks."""
        with suppress(CrimsonError):  # of which the first is on its way already
            while running:
                future = self._wait(ended)
                block = running.pop(future.key)
                if future.status == "finished":
                    sink.note(block, *self._result(future))

    def _try_out(self, plan: _Plan, pixel: da.Array) -> dict[str, Any]:
        """Let each worker load the remover and look at input and output; tells what the workers run on."""
        answers: dict[str, Any] = self._client.run(_Trial(plan=plan, pixel=pixel), on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, CrimsonError):
                raise CrimsonError(f"worker {worker}: {answer}")
            if isinstance(answer, Exception):
                raise CrimsonError(
                    f"worker {worker} cannot take the remover or the stack ({type(answer).__name__}: {answer}); "
                    "what it is made of must be installed there as well"
                )
        return {
            key: ", ".join(f"{value} ({times} workers)" for value, times in Counter(filter(None, values)).items())
            for key in ("device", "precision")
            if any(values := [answer.get(key) for answer in answers.values()])
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """What all blocks share."""

    correct: Correction
    path: Path
    dims: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _Task:
    """One block, done where it is called."""

    __name__: ClassVar[str] = "correct_block"  # dask shows it; without one it prints the task, arrays and all, at each submission

    plan: _Plan
    cars: da.Array
    region: Region

    def __call__(self) -> tuple[int, str]:
        spectra, damage = read_block(self.cars, tuple(slice(0, size) for size in self.cars.shape[:-1]))
        results, bad = correct_block(spectra, self.plan.correct)
        persist(lambda: write_block(self.plan.path, self.plan.names, self.plan.dims, self.region, results))
        return bad, damage


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trial:
    """All that a task needs, tried out on a worker ahead of any work."""

    plan: _Plan
    pixel: da.Array

    def __call__(self) -> dict[str, Any]:
        path = self.plan.path
        if not (path / "zarr.json").is_file() or not os.access(path, os.W_OK):
            raise CrimsonError(f"cannot write to {path}; the output must lie where all workers see it by the same path")
        self.plan.correct.check()
        read_block(self.pixel, tuple(slice(0, 1) for _ in self.pixel.shape[:-1]))
        return self.plan.correct.loaded.provenance


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise CrimsonError('a scheduler needs dask.distributed: pip install "napari-crimson[distributed]"') from error
    try:
        return Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CrimsonError(
            f"no scheduler answers at {address} within {ANSWER_S:g} s ({error}); start one with 'dask scheduler', "
            "or give the address it prints, such as tcp://host:8786"
        ) from error


def _check_workers(client: Client, address: str) -> None:
    if not client.nthreads():
        raise CrimsonError(f"the scheduler at {address} has no workers; start some with 'dask worker {address}'")
    here = installed_version(_PACKAGE)
    for worker, version in client.run(installed_version, _PACKAGE, on_error="return").items():
        if isinstance(version, PackageNotFoundError):
            raise CrimsonError(f"worker {worker} has no napari-crimson; install version {here} there")
        if version != here:
            raise CrimsonError(f"worker {worker} has napari-crimson {version}, this is {here}; install the same there")


def _to_send(correct: Correction, device: str) -> Correction:
    """A correction that can travel: a remover that has a name goes by it, and is loaded once in each process."""
    from distributed.protocol import pickle

    remover = correct.remover
    if isinstance(remover, Remover) and remover.recipe is not None:
        name, _, precision = remover.recipe
        remover = (name, device, precision)
    sent = replace(correct, remover=remover)
    try:
        pickle.dumps(sent)
    except Exception as error:  # whatever it holds may object in its own words
        name = remover.name if isinstance(remover, Remover) else remover[0]
        raise CrimsonError(
            f"remover '{name}' cannot be sent to workers ({type(error).__name__}: {error}); "
            "write it as a function that holds no files, locks or windows, or use one that is known by name"
        ) from error
    return sent


def _part(cars: da.Array, region: Region) -> da.Array:
    """A region of a stack with no more of its graph than that takes."""
    part: da.Array
    (part,) = dask.optimize(cars[region])  # type: ignore[attr-defined, no-untyped-call]
    return part
