"""Removal of the background from single spectra while one looks: as `remove_background` would do it, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.correction import Correction, Settings, load_once, plan_correction
from napari_crimson.remover.spectral_filters import HilbertTransform

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Corrected", "LiveRemover"]

_PADDING = 1  # lengths of the spectrum, as Kramers–Kronig has them
_LEAST = 1e-2  # of |1 + χ_R/χ_NR|²: below this the measured intensity is noise, and says nothing of the background


@dataclass(frozen=True, eq=False, kw_only=True)
class Corrected:
    """Spectra (N, W) without their background, float32; NaN where there is no result.

    Attributes
    ----------
    raman : ndarray
    uncertainty : ndarray, optional
        Standard deviation, of removers that give it.
    background : ndarray, optional
        The non-resonant intensity alone, in the counts of the stack; of removers that give Im χ_R/χ_NR.
    """

    raman: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None
    background: NDArray[np.float32] | None


class LiveRemover:
    """One remover for spectra of one stack; loaded when it is first called, which takes seconds.

    Networks run on the CPU, which is quick enough for single spectra and leaves a GPU to those who need it.

    Parameters
    ----------
    stack : xarray.Dataset
        Lends wavenumbers, dark and reference, and the bands that have light.
    remover : str
        As for `load_remover`.
    """

    def __init__(self, stack: xr.Dataset, remover: str) -> None:
        self._stack, self._remover = stack, remover
        self._correction: Correction | None = None
        self._relative = False

    @property
    def ready(self) -> bool:
        """Whether the remover is loaded."""
        return self._correction is not None

    @property
    def doubts(self) -> str:
        """Why the remover is not to be trusted on this axis, once it is loaded; empty where it is."""
        return "" if self._correction is None else self._correction.doubts

    def load(self) -> Correction:
        """Load the remover, if that has not been done.

        Raises
        ------
        CrimsonError
            If there is no such remover, or it cannot do with this axis.
        """
        if self._correction is None:
            remover = load_once(self._remover, "cpu", "auto")
            self._relative = remover.convention == "relative"
            _, self._correction = plan_correction(self._stack, remover, Settings(uncertainty=remover.gives_uncertainty))
        return self._correction

    def steps(self) -> Iterator[None]:
        """Load as work for a thread."""
        self.load()
        yield

    def __call__(self, raw: NDArray[Any]) -> Corrected:
        """Correct raw spectra (N, W) as stored."""
        correction = self.load()
        found = correction(raw)
        raman = found["raman"]
        return Corrected(
            raman=raman,
            uncertainty=found.get("uncertainty"),
            background=_background(raw, raman, correction) if self._relative else None,
        )


def _background(raw: NDArray[Any], raman: NDArray[np.float32], correction: Correction) -> NDArray[np.float32]:
    """Non-resonant intensity behind raw spectra (N, W) of which Im χ_R/χ_NR is known.

    The measured intensity is that of the background times |1 + χ_R/χ_NR|²; the real part of the ratio follows from its
    imaginary part by a Hilbert transform (Y. Liu, Y. J. Lee and M. T. Cicerone, Opt. Lett. 34, 1363 (2009)).
    """
    lit = correction.lit
    imaginary = raman[:, lit].astype(np.float64)
    real = -HilbertTransform(imaginary.shape[1], _PADDING)(imaginary)
    enhancement = np.maximum((1.0 + real) ** 2 + imaginary**2, _LEAST)
    dark = np.zeros(raw.shape[1]) if correction.dark is None else correction.dark
    background = np.full(raw.shape, np.nan, dtype=np.float32)
    background[:, lit] = (raw[:, lit] - dark[lit]) / enhancement + dark[lit]
    return background
