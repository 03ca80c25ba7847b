"""Text from a file, and sizes, as they may be shown: in a terminal, as the name of a layer, in a message."""

from __future__ import annotations

__all__ = ["bytes_in_words", "printable"]


def printable(text: object, most: int | None = None) -> str:
    """Make one line of a text, in which what would be obeyed or choked on is escaped, and of which `most` characters are left.

    Escaped are control characters, those that turn the direction of writing, and halves of surrogate pairs.
    """
    line = " ".join(str(text).splitlines())
    if most is not None and len(line) > most:
        line = line[: most - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in line)


def bytes_in_words(size: int) -> str:
    """A number of bytes as a person says it."""
    power = min((len(str(size)) - 1) // 3, 4)
    return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"
