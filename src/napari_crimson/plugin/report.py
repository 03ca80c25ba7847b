"""What a run tells of itself, and how that reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_crimson.stream import Progress

__all__ = ["Phase", "Report", "status_text"]

_THIN = "\u202f"  # narrow no-break space between thousands

Phase = Literal["starting", "running", "complete", "cancelled", "failed"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a job tells its listener, on the main thread."""

    phase: Phase
    progress: Progress | None = None
    error: Exception | None = None


def status_text(report: Report) -> str:
    """One line of a report: how much, how fast, how long still."""
    progress = report.progress
    if report.phase == "starting":
        return "Loading the remover …"
    if report.phase == "failed":
        return f"Stopped: {report.error}"
    if progress is None:
        return {"complete": "Complete.", "cancelled": "Cancelled before the first block."}.get(report.phase, "")
    done = f"{progress.pixels_done:,} of {progress.pixels:,} pixels".replace(",", _THIN)
    if report.phase == "cancelled":
        return f"Cancelled: {done}. The layer holds this part."
    rate = f"{progress.spectra_per_s:,.0f} spectra/s".replace(",", _THIN)
    if report.phase == "running":
        return f"{done} · {rate} · {_duration(progress.seconds_left)} left"
    bad = f" Pixels without a spectrum, left NaN: {progress.bad_pixels:,}.".replace(",", _THIN) if progress.bad_pixels else ""
    return f"Complete: {done} · {rate}.{bad}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{rest:02}"
