"""What is looked at in a vendor's XML before a library that believes it may read it."""

from __future__ import annotations

from pathlib import Path

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import EAGER_BYTES, check_eager

__all__ = ["check_horiba", "check_trivista"]

_MOST_ELEMENTS = 4_000_000
_MOST_DEPTH = 64
_GROWTH = 16  # rosettasciio makes a Python number, some 32 bytes, of two characters or more


def check_horiba(path: Path) -> None:
    """Walk the elements of a LabSpec file without keeping them.

    Raises
    ------
    CrimsonError
        If it has a DOCTYPE, another root, too many or too deep elements, rows of different lengths, or
        is no XML at all.
    """
    check_eager(path, "the file", path.stat().st_size)
    _walk(path, _Horiba(path, "LSX_Data", "LabSpec"))


def check_trivista(path: Path) -> None:
    """Walk the elements of a TriVista file, which holds XML in attributes of its XML.

    Raises
    ------
    CrimsonError
        As `check_horiba`, also for a DOCTYPE within an attribute.
    """
    check_eager(path, "the file", path.stat().st_size * _GROWTH)
    _walk(path, _Walk(path, "XmlMain", "TriVista"))


def _walk(path: Path, target: _Walk) -> None:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        with path.open("rb") as file:
            while piece := file.read(2**20):
                parser.feed(piece)
        parser.close()
    except DefusedXmlException as error:
        raise CrimsonError(
            f"{path}: has a DOCTYPE or entities, which {target.program} never writes, and is refused; export it again"
        ) from error
    except ParseError as error:
        raise CrimsonError(f"{path}: is no whole XML ({error}); export it from {target.program} again") from error


class _Walk:
    """Counts elements as the parser meets them."""

    def __init__(self, path: Path, root: str, program: str) -> None:
        self.path, self.root, self.program = path, root, program
        self.depth = self.elements = 0

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        if self.elements == 0 and tag != self.root:
            raise CrimsonError(
                f"{self.path}: XML of root <{tag[:40]}>, that of {self.program} is <{self.root}>; export the map from {self.program}"
            )
        self.elements += 1
        self.depth += 1
        if self.elements > _MOST_ELEMENTS or self.depth > _MOST_DEPTH:
            raise CrimsonError(
                f"{self.path}: over {_MOST_ELEMENTS} elements or {_MOST_DEPTH} levels of XML, which no {self.program} map has; "
                "export it again"
            )
        if any("<!" in value for value in attrib.values()):
            raise CrimsonError(
                f"{self.path}: has a DOCTYPE within <{tag[:40]}>, which {self.program} never writes, and is refused; export it again"
            )

    def end(self, tag: str) -> None:
        self.depth -= 1

    def data(self, text: str) -> None:
        """Text is not looked at."""

    def close(self) -> None:
        """Nothing was kept."""


class _Horiba(_Walk):
    """Looks at the lengths of the spectra, too."""

    rows = row_points = 0

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        super().start(tag, attrib)
        if tag == "LSX_Row":
            self._row(attrib.get("Size", ""))

    def _row(self, size: str) -> None:
        points = int(size) if size.isdecimal() and len(size) < 10 else 0
        if points < 1 or (self.rows and points != self.row_points):
            wanted = self.row_points or "a number"
            raise CrimsonError(f"{self.path}: spectrum {self.rows + 1} has Size {size[:20]!r}, expected {wanted}; export the map again")
        self.rows, self.row_points = self.rows + 1, points
        if self.rows * points * 8 > EAGER_BYTES:
            check_eager(self.path, f"over {self.rows} spectra of {points} points", self.rows * points * 8)
