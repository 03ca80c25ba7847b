"""What a reader hands over; `open_stack` makes the stack of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError

__all__ = ["IMAGES", "SPECTRA", "Found", "choose"]

IMAGES = ("cars", "raman", "uncertainty")  # variables of a stack with a spectrum in each pixel

SPECTRA: tuple[str, ...] = ("dark", "reference")  # variables with one spectrum for the whole stack


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is in a file.

    Attributes
    ----------
    arrays : mapping of str to FileArray or ndarray
        By variable name, the first is the main one (``cars``, or ``raman`` in a result); spectra last
        as far as the format tells.
    wavenumber : ndarray, shape (W,), optional
        Raman shift in cm⁻¹, where the file tells.
    wavelength_nm : ndarray, shape (W,), optional
        Wavelengths, where the file tells only these: they are no axis until the probe is known.
    doubt : str
        Why the file's own axis could not be taken, to be told where none is given.
    spectra : mapping of str to ndarray, shape (W,)
        ``dark`` and ``reference``, as far as they are there, in the order of the file; of another length they are left out.
    step_um : mapping
        Pixel step in µm by dimension.
    spectra_last : bool
        The format leaves no doubt that spectra are last.
    history : tuple of str
        What of it was assumed or chosen.
    attrs : mapping
        More attributes for the dataset.
    """

    arrays: Mapping[str, Any]
    wavenumber: NDArray[Any] | None = None
    wavelength_nm: NDArray[Any] | None = None
    doubt: str = ""
    spectra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    step_um: Mapping[str, float] = field(default_factory=dict)
    spectra_last: bool = False
    history: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)


def choose(path: Path, candidates: Mapping[str, tuple[int, ...]], name: str | None) -> str:
    """Choose an array by `name`, or the largest; names and shapes in `candidates`.

    Raises
    ------
    CrimsonError
        If there is none, none of that name, or several of the same size.
    """
    listed = "; ".join(f"'{key}' {shape}" for key, shape in list(candidates.items())[:20])
    if not candidates:
        raise CrimsonError(f"{path}: holds no array of rank 3 or more; a stack has dims ([t,] [z,] y, x, wavenumber)")
    if name is not None:
        hits = [key for key in candidates if key.strip("/") == name.strip("/")] or [key for key in candidates if key.endswith("/" + name)]
        if len(hits) != 1:
            raise CrimsonError(f"{path}: {'several arrays are' if hits else 'no array is'} named '{name}'; it holds {listed}")
        return hits[0]
    sizes = {key: prod(shape) for key, shape in candidates.items()}
    most = max(sizes.values())
    largest = [key for key, size in sizes.items() if size == most]
    if len(largest) > 1:
        raise CrimsonError(f"{path}: holds several arrays, {listed}; choose one with name=")
    return largest[0]
