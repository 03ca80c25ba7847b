"""What stands where a number, a text or a table should: the ends of types, and what has broken readers elsewhere."""

from __future__ import annotations

from typing import Any

__all__ = ["DEEP", "NODES", "NUMBERS", "TEXTS", "deepened"]

DEEP = "@deep@"  # stands for lists within lists, deeper than a writer can go
_DEPTH = 20_000

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 16, 127, 128, 255, 256, 1600, 32767, 65535, 65536, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40)
NUMBERS = (*NUMBERS, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -(2**31), -(2**63))

TEXTS = (
    "",
    "0",
    "-1",
    "1",
    "3",
    "nan",
    "inf",
    "1e999",
    "1e-320",
    "99999999999999999999999999",
    "9" * 5000,
    "true",
    "../outside/secret",
    "../../../../../../etc/passwd",
    "/dev/zero",
    "file:///etc/passwd",
    "http://127.0.0.1:9/a",
    "\\\\host\\share\\a",
    "\x1b[31mred\x1b]0;title\x07",
    "one\ntwo",
    "\u202egnp.exe",
    "\0",
    "\ud800",
    "é" * 300,
    "x" * 70_000,
    "{" * 3000,
    "<a>" * 3000,
    "%s%n{0}${HOME}",
    "wavenumber",
    "cars",
    "..",
    ".",
    "pickle",
)

NODES: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], [None], {"": None}, {"..": {"a": []}}, [0, 0, 0], [1e308, -1e308], [1, 2, 3, 4, 5, 6],
    [5, 4, 3, 3, 2, 1], [[1, 2], [3]],
    ["a", 1], DEEP, [0.5] * 3000, 0.1, -0.5, 1e308, 1e-308, float("nan"), float("inf"), *NUMBERS, *TEXTS,
)  # fmt: skip


def deepened(text: str) -> str:
    """Put lists within lists where a text that was written says `DEEP`."""
    return text.replace(f'"{DEEP}"', "[" * _DEPTH + "]" * _DEPTH)
