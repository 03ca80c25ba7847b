"""Widgets in reference cycles are never collected in a worker's thread: Qt would crash."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import dask.array as da
import pytest

from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.pointing.newest import Newest

pytestmark = pytest.mark.gui

PATIENCE_MS = 20_000


class Told:
    """Garbage once it is left alone; notes the thread in which it is collected."""

    def __init__(self, threads: list[threading.Thread]) -> None:
        self.itself, self.threads = self, threads

    def __del__(self) -> None:
        self.threads.append(threading.current_thread())


def litter(threads: list[threading.Thread]) -> None:
    """Leave garbage, and make more objects than Python lets pass without a look for some; slice what turns its collector on."""
    da.zeros(10, chunks=1)[2:5]
    Told(threads)
    assert len([[] for _ in range(20 * (gc.get_threshold()[0] or 700))]) > 0


@pytest.mark.usefixtures("viewer")
def test_work_in_threads_leaves_its_garbage_to_the_main_one(qtbot: Any) -> None:
    threads: list[threading.Thread] = []
    before = gc.get_threshold()

    class Job(BackgroundJob):
        def _work(self) -> Iterator[Any]:
            litter(threads)
            yield None
            self._complete = True

    def look() -> Iterator[str]:
        litter(threads)
        yield "looked"

    answers: list[Any] = []
    newest, job = Newest(lambda *answer: answers.append(answer)), Job()
    job.start()
    newest.ask("there", look)
    qtbot.waitUntil(lambda: not job.running and bool(answers), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: gc.get_threshold() == before, timeout=PATIENCE_MS)
    newest.close()
    gc.collect()
    assert len(threads) == 2
    assert set(threads) == {threading.main_thread()}


@pytest.mark.usefixtures("viewer")
def test_litter_is_collected_where_it_is_made_without_that() -> None:
    threads: list[threading.Thread] = []
    work = threading.Thread(target=litter, args=(threads,))
    work.start()
    work.join()
    assert threads == [work]
