"""Libraries that log what is wrong with a file: it is told in our own words, and their log would go to the terminal as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Keep what the library `name` logs to itself."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
