"""Threads that stand back: they and those they start, and no other."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from at_once import AtOnce
from napari_crimson import priority
from napari_crimson.plugin.patient import patiently
from napari_crimson.priority import as_here, leave_cores, stand_back, window_in_use

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


def most_at_once(monkeypatch: pytest.MonkeyPatch, cores: int, *, back: bool, used: bool) -> int:
    """How many of six threads, three at most of which may go at once, are found within `leave_cores` together."""
    at_once = AtOnce()
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    def work(_: int) -> None:
        if used:
            window_in_use()
        with leave_cores(), at_once.work(0.1):
            pass

    with ThreadPoolExecutor(3, initializer=stand_back if back else None) as pool:
        list(pool.map(work, range(6)))
    return at_once.most


@pytest.mark.parametrize(
    ("cores", "back", "used", "most"), [(4, True, True, 2), (4, True, False, 3), (4, False, True, 3), (1, True, True, 1)]
)
def test_two_cores_are_left_to_a_window_in_use(cores: int, back: bool, used: bool, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_used", -1e9)
    monkeypatch.setattr(priority, "_PATIENCE_S", 0.05)
    assert most_at_once(monkeypatch, cores, back=back, used=used) == most


def test_on_two_cores_work_waits_for_the_window_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(priority, "_PATIENCE_S", 0.3)
    began = time.perf_counter()

    def work() -> float:
        with leave_cores():
            return time.perf_counter() - began

    with ThreadPoolExecutor(1, initializer=stand_back) as pool:
        window_in_use()
        waiting = pool.submit(work)
        while not waiting.done():
            window_in_use()  # it never rests
            time.sleep(0.02)
    assert 0.3 <= waiting.result() < 5


def test_all_cores_are_taken_again_once_the_window_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_USED_S", 0.05)
    window_in_use()
    time.sleep(0.1)
    assert most_at_once(monkeypatch, 3, back=True, used=False) == 3
