"""How much memory may be taken at once: a part of what is free, and no more than a limit that was set."""

from __future__ import annotations

import psutil

from napari_crimson.errors import CrimsonError

__all__ = ["SHARE", "check_result", "limit_memory", "memory_room"]

SHARE = 0.6  # of what is free: the part that one result may take

_limit_bytes: int | None = None


def limit_memory(size: int | None) -> None:
    """Let no result, no file that must be read whole and no work on blocks take more than `size` bytes in this process; None lifts it."""
    global _limit_bytes
    _limit_bytes = size


def memory_room(share: float = SHARE) -> int:
    """Bytes that may be taken now: this share of what is free, or the limit where that is less."""
    room = int(share * psutil.virtual_memory().available)
    return room if _limit_bytes is None else min(room, _limit_bytes)


def check_result(size: int) -> None:
    """Refuse a result of `size` bytes that would stay in memory and does not fit there.

    Raises
    ------
    CrimsonError
        With the cure.
    """
    room = memory_room()
    if size > room:
        raise CrimsonError(
            f"a result of {size / 2**30:.3g} GiB, for which there are {room / 2**30:.3g} GiB of memory; "
            "give output= a path ending in .zarr, and it is written to disk block by block"
        )
