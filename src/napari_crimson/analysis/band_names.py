"""Bands by name, by number or by their edges.

Assignments after Z. Movasaghi, S. Rehman and I. U. Rehman, Appl. Spectrosc. Rev. 42, 493 (2007); O–H of water after
D. M. Carey and G. M. Korenowski, J. Chem. Phys. 108, 2669 (1998).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from napari_crimson.errors import CrimsonError

__all__ = ["NAMED_BANDS", "Band", "BandLike", "band_of", "bands_at"]

WIDTH_CM1 = 20.0  # of a band given by its centre alone
_PLAIN = str.maketrans("₂₃–—", "23--")


@dataclass(frozen=True, kw_only=True)
class Band:
    """A part of the axis.

    Attributes
    ----------
    name : str
        For people; may be empty.
    centre_cm1, width_cm1 : float
        The band goes half the width to either side.
    meaning : str
        What it is assigned to.

    Raises
    ------
    CrimsonError
        If the centre is not finite, or the width not positive.
    """

    name: str = ""
    centre_cm1: float
    width_cm1: float = WIDTH_CM1
    meaning: str = ""

    def __post_init__(self) -> None:
        if not np.isfinite(self.centre_cm1) or not 0 < self.width_cm1 < np.inf:
            raise CrimsonError(f"a band at {self.centre_cm1:g} of width {self.width_cm1:g}: give cm⁻¹, the width above 0")

    @property
    def edges_cm1(self) -> tuple[float, float]:
        """Lower and upper edge."""
        return self.centre_cm1 - self.width_cm1 / 2, self.centre_cm1 + self.width_cm1 / 2

    @property
    def title(self) -> str:
        """Its name, or its centre."""
        return self.name or f"{self.centre_cm1:g}"

    def __str__(self) -> str:
        low, high = self.edges_cm1
        return f"{self.name + ' ' if self.name else ''}{low:g}–{high:g} cm⁻¹"


BandLike = Band | str | float | tuple[float, float]

NAMED_BANDS = {
    band.name: band
    for band in (
        Band(name="nucleic acid", centre_cm1=785, width_cm1=20, meaning="ring breathing of pyrimidines and O–P–O, DNA and RNA"),
        Band(name="phenylalanine", centre_cm1=1004, width_cm1=12, meaning="ring breathing, proteins"),
        Band(name="amide III", centre_cm1=1250, width_cm1=40, meaning="C–N stretch and N–H bend, proteins"),
        Band(name="CH bend", centre_cm1=1445, width_cm1=24, meaning="CH₂ and CH₃ bend, lipids and proteins"),
        Band(name="amide I", centre_cm1=1655, width_cm1=30, meaning="C=O stretch of proteins; C=C of lipids is in it"),
        Band(name="ester", centre_cm1=1745, width_cm1=20, meaning="C=O stretch of esters, lipids"),
        Band(name="CH2", centre_cm1=2850, width_cm1=20, meaning="symmetric CH₂ stretch, lipids"),
        Band(name="CH3", centre_cm1=2935, width_cm1=20, meaning="symmetric CH₃ stretch, proteins above all"),
        Band(name="OH", centre_cm1=3400, width_cm1=150, meaning="O–H stretch, water"),
    )
}


def _plain(name: str) -> str:
    return re.sub(r"[\s-]", "", name).casefold()


_BY_PLAIN_NAME = {_plain(name): band for name, band in NAMED_BANDS.items()}
_BY_PLAIN_NAME |= {"phe": NAMED_BANDS["phenylalanine"], "water": NAMED_BANDS["OH"], "dna": NAMED_BANDS["nucleic acid"]}


def band_of(band: BandLike, *, width_cm1: float | None = None) -> Band:
    """Take what a user names as a band.

    Parameters
    ----------
    band : Band, str, float or (float, float)
        A name of `NAMED_BANDS`, in any case and spelling of its digits; a centre in cm⁻¹; both edges, also as ``"2840-2860"``.
    width_cm1 : float, optional
        Instead of the band's own width; by default that of the name, or 20.

    Raises
    ------
    CrimsonError
        If there is no band of this name; the closest ones are told.
    """
    found = band if isinstance(band, Band) else _read(band)
    return found if width_cm1 is None else replace(found, width_cm1=width_cm1)


def bands_at(wavenumber_cm1: float, *, reach_cm1: float = 0.0) -> list[Band]:
    """Named bands that a wavenumber lies in, or whose centre is within `reach_cm1` of it."""
    return [band for band in NAMED_BANDS.values() if abs(wavenumber_cm1 - band.centre_cm1) <= max(band.width_cm1 / 2, reach_cm1)]


def _read(band: str | float | tuple[float, float]) -> Band:
    if isinstance(band, tuple):
        first, last = sorted(band)
        return Band(centre_cm1=(first + last) / 2, width_cm1=last - first)
    if not isinstance(band, str):
        return Band(centre_cm1=float(band))
    text = band.translate(_PLAIN).replace("cm⁻¹", "").strip()
    plain = _plain(text)
    if plain in _BY_PLAIN_NAME:
        return _BY_PLAIN_NAME[plain]
    named = re.fullmatch(r"(.*?)\s+\d+(?:\.\d+)?", text)  # with its place behind it, such as "CH2 2850"
    if named and _plain(named[1]) in _BY_PLAIN_NAME:
        return _BY_PLAIN_NAME[_plain(named[1])]
    edges = re.fullmatch(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)", text)
    if edges:
        return _read((float(edges[1]), float(edges[2])))
    try:
        return Band(centre_cm1=float(text))
    except ValueError:
        close = [_BY_PLAIN_NAME[name].name for name in get_close_matches(plain, _BY_PLAIN_NAME, n=2)]
        meant = f" (did you mean {' or '.join(dict.fromkeys(close))}?)" if close else ""
        raise CrimsonError(
            f"'{band}' is no band{meant}; give {', '.join(NAMED_BANDS)}, a Raman shift such as 2850, or edges such as 2840-2860"
        ) from None
