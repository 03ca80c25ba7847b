"""What is looked at in a vendor's file before a library that believes every number in it may read it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import EAGER_BYTES, check_eager

__all__ = ["check_horiba", "check_wdf"]

_BLOCK = struct.Struct("<4sIQ")  # name, number, length with this header
_MOST_BLOCKS = 10_000
_MOST_ELEMENTS = 4_000_000
_MOST_DEPTH = 64
_ROOT, _ROW = "LSX_Data", "LSX_Row"


def check_wdf(path: Path) -> None:
    """Walk the blocks of a Renishaw file, and compare what its header promises with what is there.

    Raises
    ------
    CrimsonError
        If blocks are missing, do not follow each other, or are too small or too large for the promise.
    """
    with path.open("rb") as file:
        check_eager(path, "the file", path.stat().st_size)
        blocks = _blocks(path, file)
        missing = [name.decode() for name in (b"WDF1", b"XLST", b"DATA") if name not in blocks]
        if missing:
            raise CrimsonError(f"{path}: lacks the blocks {', '.join(missing)} of a Renishaw measurement; was it stopped before it began?")
        file.seek(blocks[b"WDF1"][0])
        (points, capacity, count, _, names, axis_points, origins) = struct.unpack("<IQQIIII", file.read(96)[44 : 44 + 36])
    check_eager(path, f"a map of {capacity} spectra of {points} points", max(capacity, count) * points * 4)
    promised = {b"DATA": count * points * 4, b"XLST": axis_points * 4, b"YLST": names * 4, b"ORGN": origins * (24 + 8 * count)}
    for name, size in promised.items():
        held = blocks.get(name, (0, 0))[1]
        if size > held and name in blocks:
            raise CrimsonError(
                f"{path}: block {name.decode()} should hold {size} bytes for {count} spectra of {points} points, it has {held}; "
                "copy or export it again"
            )
    if points < 2 or count < 1:
        raise CrimsonError(f"{path}: {count} spectra of {points} points were finished; there is nothing to open")


def _blocks(path: Path, file: IO[bytes]) -> dict[bytes, tuple[int, int]]:
    """Where the contents of each block begin and how many bytes they are, by name; the first of a name counts."""
    blocks: dict[bytes, tuple[int, int]] = {}
    at, size = 0, path.stat().st_size
    for _ in range(_MOST_BLOCKS):
        file.seek(at)
        head = file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            return blocks
        name, _, length = _BLOCK.unpack(head)
        if length < _BLOCK.size:
            raise CrimsonError(f"{path}: the block at byte {at} is {length} bytes long, which is none; copy or export it again")
        blocks.setdefault(name, (at + _BLOCK.size, min(length, size - at) - _BLOCK.size))
        at += length
    raise CrimsonError(f"{path}: more than {_MOST_BLOCKS} blocks; it is no Renishaw measurement")


def check_horiba(path: Path) -> None:
    """Walk the elements of a LabSpec file without keeping them.

    Raises
    ------
    CrimsonError
        If it has a DOCTYPE, another root, too many or too deep elements, rows of different lengths, or
        is no XML at all.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    check_eager(path, "the file", path.stat().st_size)
    parser = DefusedXMLParser(target=_Walk(path), forbid_dtd=True)
    try:
        with path.open("rb") as file:
            while piece := file.read(2**20):
                parser.feed(piece)
        parser.close()
    except DefusedXmlException as error:
        raise CrimsonError(f"{path}: has a DOCTYPE or entities, which LabSpec never writes, and is refused; export it again") from error
    except ParseError as error:
        raise CrimsonError(f"{path}: is no whole XML ({error}); export it from LabSpec again") from error


class _Walk:
    """Counts elements as the parser meets them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.depth = self.elements = self.rows = 0
        self.row_points = 0

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if self.elements == 0 and tag != _ROOT:
            raise CrimsonError(f"{self.path}: XML of root <{tag[:40]}>, LabSpec's is <{_ROOT}>; export the map from LabSpec as XML")
        self.elements += 1
        self.depth += 1
        if self.elements > _MOST_ELEMENTS or self.depth > _MOST_DEPTH:
            raise CrimsonError(f"{self.path}: over {_MOST_ELEMENTS} elements or {_MOST_DEPTH} levels of XML; it is no LabSpec map")
        if tag == _ROW:
            self._row(attrib.get("Size", ""))

    def _row(self, size: str) -> None:
        points = int(size) if size.isdecimal() and len(size) < 10 else 0
        if points < 1 or (self.rows and points != self.row_points):
            raise CrimsonError(f"{self.path}: spectrum {self.rows + 1} has Size {size[:20]!r}, expected {self.row_points or 'a number'}")
        self.rows, self.row_points = self.rows + 1, points
        if self.rows * points * 8 > EAGER_BYTES:
            check_eager(self.path, f"over {self.rows} spectra of {points} points", self.rows * points * 8)

    def end(self, tag: str) -> None:
        self.depth -= 1

    def data(self, text: str) -> None:
        """Text is not looked at."""

    def close(self) -> None:
        """Nothing was kept."""
