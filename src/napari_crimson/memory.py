"""How much memory may be taken at once: a part of what is free, and no more than a limit that was set."""

from __future__ import annotations

import psutil

__all__ = ["SHARE", "limit_memory", "memory_room"]

SHARE = 0.6  # of what is free: the part that one result may take

_limit_bytes: int | None = None


def limit_memory(size: int | None) -> None:
    """Let no result, and no file that must be read whole, take more than `size` bytes in this process; None lifts the limit."""
    global _limit_bytes
    _limit_bytes = size


def memory_room(share: float = SHARE) -> int:
    """Bytes that may be taken now: this share of what is free, or the limit where that is less."""
    room = int(share * psutil.virtual_memory().available)
    return room if _limit_bytes is None else min(room, _limit_bytes)
