"""The loop of a job on workers: blocks are handed out as threads come free, and noted as they are finished."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import dask.array as da

from napari_crimson.blocks import Region
from napari_crimson.cluster.task import Plan, Task, Trial, part, to_send
from napari_crimson.cluster.workers import TRIED_S, ask, check_workers, connect
from napari_crimson.correction import Correction
from napari_crimson.errors import CrimsonError
from napari_crimson.results.sinks import ZarrSink
from napari_crimson.results.store import KEPT
from napari_crimson.stream import Correct, Progress, Sink, Tally

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["Cluster"]

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
        self._client = connect(address)
        try:
            check_workers(self._client, address)
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
        plan = Plan(correct=to_send(correct, self.device), path=sink.path.resolve(), dims=sink.dims, names=tuple(sink.arrays))
        told = self._try_out(plan, part(cars, tuple(slice(0, 1) for _ in regions[0])))
        running: dict[str, int] = {}
        ended: SimpleQueue[Future] = SimpleQueue()
        try:
            while todo or running:
                for _ in range(min(len(todo), self._room() - len(running))):
                    block = todo.popleft()
                    task = Task(plan=plan, cars=part(cars, regions[block]), region=regions[block])
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

    def _try_out(self, plan: Plan, pixel: da.Array) -> dict[str, Any]:
        """Let each worker load the remover and look at input and output; tells what the workers run on."""
        answers = ask(self._client, Trial(plan=plan, pixel=pixel), within_s=TRIED_S)
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
