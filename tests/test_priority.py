"""Threads that stand back: they and those they start, and no other."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from napari_crimson.plugin.patient import patiently
from napari_crimson.priority import as_here, stand_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a thread's priority")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def in_a_thread(work: Callable[[], int]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_stands_back_and_so_do_those_it_starts() -> None:
    def both() -> int:
        stand_back()
        with ThreadPoolExecutor(1, initializer=as_here()) as pool:
            assert pool.submit(niceness).result() == niceness()
        return niceness()

    before = niceness()
    assert in_a_thread(both) > before
    assert niceness() == before
    assert in_a_thread(niceness) == before


def test_work_is_done_patiently_and_its_steps_are_heard_where_it_was_asked_for() -> None:
    def work():  # type: ignore[no-untyped-def]
        yield niceness()
        yield threading.current_thread().name

    before, threads = niceness(), threading.active_count()
    nice, name = patiently(work())
    assert nice > before
    assert name == "crimson-work"
    assert niceness() == before
    assert threading.active_count() == threads


def test_what_the_work_raises_is_raised_where_it_was_asked_for() -> None:
    def work():  # type: ignore[no-untyped-def]
        yield 1
        raise ValueError("no")

    steps = patiently(work())
    assert next(steps) == 1
    with pytest.raises(ValueError, match="no"):
        next(steps)


def test_closing_ends_the_work_after_its_step() -> None:
    ended = threading.Event()

    def work():  # type: ignore[no-untyped-def]
        try:
            while True:
                yield 1
        finally:
            ended.set()

    steps = patiently(work())
    next(steps)
    steps.close()
    assert ended.wait(5)
    assert "crimson-work" not in [thread.name for thread in threading.enumerate()]
