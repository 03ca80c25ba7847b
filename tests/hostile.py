"""What the hostile and broken files of several tests are made of."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import pytest

__all__ = ["ANEW", "PAGES", "STACK", "memory_watched", "packed_zeros"]

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
PAGES = np.moveaxis(STACK, -1, 0)
ANEW = r"is it whole\? Copy or export it again"


def packed_zeros(pieces: int, wbits: int = zlib.MAX_WBITS) -> bytes:
    """A stream of zlib, or with 31 bits of gzip, of so many times 16 MiB of zeros."""
    packer = zlib.compressobj(1, zlib.DEFLATED, wbits)
    first, second = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))  # blocks of their own
    return first + (pieces - 1) * second


@contextmanager
def memory_watched() -> Iterator[None]:
    """Let numpy and zlib take 512 MiB more than there is, where the system can be told so."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**29, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
