"""What a run tells of itself, and how that reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_crimson.stream import Progress

__all__ = ["Ahead", "Phase", "Report", "duration", "end_text", "part_done", "status_text"]

_THIN = "\u202f"  # narrow no-break space between thousands

Phase = Literal["starting", "preparing", "running", "complete", "cancelled", "failed"]


@dataclass(frozen=True)
class Ahead:
    """What goes ahead of the blocks, and the part of it that is done."""

    doing: str
    part: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a job tells its listener, on the main thread.

    `usage` is the device and the memory in words, `reason` why it was stopped where nobody pressed Cancel.
    """

    phase: Phase
    progress: Progress | None = None
    ahead: Ahead | None = None
    error: Exception | None = None
    usage: str = ""
    reason: str = ""


def part_done(report: Report) -> float:
    """How far a job is, from 0 to 1, for a bar."""
    if report.phase == "preparing" and report.ahead:
        return report.ahead.part
    return 0.0 if report.progress is None else report.progress.pixels_done / report.progress.pixels


def status_text(report: Report) -> str:
    """One line of a report: how much, how fast, how long still."""
    progress = report.progress
    if report.phase == "starting":
        return "Loading the remover …"
    if report.phase == "failed":
        return f"Stopped: {report.error}"
    if report.phase == "preparing" and report.ahead:
        return f"Preparing: {report.ahead.doing}, {100 * report.ahead.part:.0f}{_THIN}%"
    if report.phase == "cancelled" and report.reason:
        return f"Stopped: {report.reason}"
    if progress is None:
        return {"complete": "Complete.", "cancelled": "Cancelled before the first block."}.get(report.phase, "")
    done = f"{_count(progress.pixels_done)} of {_count(progress.pixels)} pixels"
    if report.phase == "cancelled":
        return f"Cancelled: {done}.\nThe layer holds this part; Run goes on from there."
    if report.phase == "complete":
        done = f"Complete: {_count(progress.pixels)} pixels"
    rate = f"{_count(progress.spectra_per_s)} spectra/s"
    if report.phase == "running":
        rate += f" · {duration(progress.seconds_left)} left"
    if report.usage:
        rate += f"\n{report.usage}"
    bad = f"\nPixels without a spectrum, left NaN: {_count(progress.bad_pixels)}" if progress.bad_pixels else ""
    lost = f"\nBlocks that could not be read, left NaN: {_count(progress.damaged_blocks)}" if progress.damaged_blocks else ""
    return f"{done}\n{rate}{bad}{lost}"


def end_text(report: Report) -> str:
    """How a run ended, for the line above the next one's status."""
    first, *rest = status_text(report).splitlines()
    return " ".join([first, *rest]) if report.phase == "cancelled" else first


def _count(number: float) -> str:
    return f"{number:,.0f}".replace(",", _THIN)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02}"
