"""Text from a small file: a card, a recipe, an axis. What is none, or far too large for one, is not read."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_text"]


def read_text(path: Path, most_bytes: int) -> str:
    """Read a text in UTF-8, with or without the mark that Windows puts ahead of it.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no regular file, larger than `most_bytes`, or no text.
    """
    if path.exists() and not path.is_file():  # a device or a pipe has no end, or no beginning
        raise ValueError("no regular file")
    with path.open("rb") as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise ValueError(f"more than {most_bytes:,} bytes")
    return raw.decode("utf-8-sig").replace("\r\n", "\n")
