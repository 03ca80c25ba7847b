"""How much memory may be taken at once: a part of what there is, and no more than a limit that was set."""

from __future__ import annotations

import psutil

from napari_crimson.errors import CrimsonError

__all__ = ["SHARE", "check_result", "limit_memory", "memory_room", "under_limit", "work_room"]

SHARE = 0.6  # of what is free: the part that one result may take
_WORK_SHARE = 0.25  # of all memory: the part that the work on blocks may take

_limit_bytes: int | None = None


def limit_memory(size: int | None) -> None:
    """Let no result, no file that must be read whole and no work on blocks take more than `size` bytes in this process; None lifts it."""
    global _limit_bytes
    _limit_bytes = size


def memory_room(share: float = SHARE) -> int:
    """Bytes that may be taken now: this share of what is free, or the limit where that is less."""
    room = int(share * psutil.virtual_memory().available)
    return room if _limit_bytes is None else min(room, _limit_bytes)


def work_room() -> int:
    """Bytes that the work on blocks may take: the limit, or a quarter of all memory; no more than is free."""
    memory = psutil.virtual_memory()
    return min(int(_WORK_SHARE * memory.total) if _limit_bytes is None else _limit_bytes, int(memory.available))


def under_limit(size: int, parts: int) -> int:
    """Bytes for one of so many parts of the work: `size`, or less under a limit that was set, and the same whatever is free."""
    return size if _limit_bytes is None else min(size, _limit_bytes // parts)


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
