"""Timing of several jobs in turn, so that a drift of the machine hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Job", "interleave", "median_ratio"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that is timed; `amount` is what it does in one go, `after` tidies up and is not timed."""

    name: str
    work: Callable[[], object]
    amount: float
    after: Callable[[], object] | None = None


def interleave(jobs: Sequence[Job], repeats: int, progress: Callable[[str], object] | None = None) -> dict[str, list[float]]:
    """Run all jobs once to warm up, then each in turn, `repeats` times over.

    Returns
    -------
    dict
        By name, the amount a second in each of the rounds.
    """
    rates: dict[str, list[float]] = {job.name: [] for job in jobs}
    for turn in range(repeats + 1):
        if progress:
            progress(f"round {turn} of {repeats}" if turn else "warming up")
        for job in jobs:
            started = time.perf_counter()
            job.work()
            seconds = time.perf_counter() - started
            if job.after:
                job.after()
            if turn:
                rates[job.name].append(job.amount / seconds)
    return rates


def median_ratio(rates: Sequence[float], others: Sequence[float]) -> float:
    """Median of the ratios of two jobs, each within its round."""
    return median(one / other for one, other in zip(rates, others, strict=True))
