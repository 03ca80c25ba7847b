"""The seam: what a remover is, and what is true of every one of them.

A remover turns spectra (N, W) into Raman-like spectra (N, W). Pixels that hold no spectrum come back
as NaN, alone: that is decided here, once. No remover sees them, a sound spectrum stands in their place,
so that the others get the very same result, bit by bit, as without them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.stack import check_axis

__all__ = ["FunctionRemover", "Remover", "sound_pixels"]

Spectra = NDArray[np.float32]


class Remover(ABC):
    """Removes the non-resonant background of spectra.

    Attributes
    ----------
    name : str
        The name in lists, layer names and provenance.
    convention : str
        ``"relative"`` for Im χ_R/χ_NR or ``"susceptibility"`` for Im χ_R.
    fewest_points : int
        Shorter spectra are refused.
    recipe : tuple of str, optional
        Name or path, device and precision by which it can be loaded again, in another process.
    """

    name: str
    convention: str = "relative"
    gives_uncertainty: bool = False
    fewest_points: int = 1
    recipe: tuple[str, str, str] | None = None

    @abstractmethod
    def correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, Spectra | None]:
        """Correct sound spectra (N, W), N ≥ 1, on an ascending axis; return them and their sd, or None."""

    def check(self, wavenumber: NDArray[np.float64], reference: Spectra | None) -> None:
        """Raise `CrimsonError` if the reference will not do; called ahead of any work. A remover may ask for more than this."""
        if reference is not None:
            _check_reference(reference, wavenumber.size)

    def doubts(self, wavenumber: NDArray[np.float64]) -> str:
        """Why an answer on this axis is not to be trusted, for people; empty where nothing speaks against it."""
        return ""

    @property
    def provenance(self) -> dict[str, Any]:
        """What an output's record says of this remover: plain values that fit in JSON."""
        return {"remover": self.name, "convention": self.convention}

    @overload
    def __call__(
        self, spectra: ArrayLike, wavenumber: ArrayLike, reference: ArrayLike | None = None, *, uncertainty: Literal[False] = False
    ) -> Spectra: ...
    @overload
    def __call__(
        self, spectra: ArrayLike, wavenumber: ArrayLike, reference: ArrayLike | None = None, *, uncertainty: Literal[True]
    ) -> tuple[Spectra, Spectra]: ...
    def __call__(
        self, spectra: ArrayLike, wavenumber: ArrayLike, reference: ArrayLike | None = None, *, uncertainty: bool = False
    ) -> Spectra | tuple[Spectra, Spectra]:
        """Remove the background.

        Parameters
        ----------
        spectra : array_like, shape (N, W)
            CARS intensities, dark subtracted, any positive scale.
        wavenumber : array_like, shape (W,)
            Raman shift in cm⁻¹, ascending.
        reference : array_like, shape (W,), optional
            Intensity of a purely non-resonant sample, dark subtracted.
        uncertainty : bool
            Also return the standard deviation, shape (N, W).

        Returns
        -------
        ndarray, shape (N, W), float32
            NaN in every pixel whose spectrum is not finite or nowhere positive.

        Raises
        ------
        CrimsonError
            If shapes do not fit, the axis falls or is too short, the reference has too little light, or uncertainty is asked
            of a remover without.
        """
        x = np.asarray(spectra, dtype=np.float32)
        axis = np.asarray(wavenumber, dtype=np.float64)
        if x.ndim != 2:
            raise CrimsonError(f"spectra of shape {x.shape}, expected (pixels, wavenumbers)")
        check_axis(axis, x.shape[1])
        if axis.size < self.fewest_points:
            raise CrimsonError(
                f"spectra of {axis.size} points: remover '{self.name}' needs at least {self.fewest_points}; crop less, or take more bands"
            )
        if axis.size > 1 and axis[0] > axis[-1]:
            raise CrimsonError(f"the axis falls from {axis[0]:g} to {axis[-1]:g}; turn it and the spectra (open_stack does)")
        if uncertainty and not self.gives_uncertainty:
            raise CrimsonError(f"remover '{self.name}' gives no uncertainty; leave uncertainty out or choose a network")
        ref = None if reference is None else np.asarray(reference, dtype=np.float32)
        self.check(axis, ref)

        sound = sound_pixels(x)
        if sound.any() and not sound.all():
            # as many spectra as without bad ones: the last bits of a matrix product may depend on its size
            x = np.where(sound[:, None], x, x[sound.argmax()])
        raman = np.full(x.shape, np.nan, dtype=np.float32)
        sd = np.full(x.shape, np.nan, dtype=np.float32) if uncertainty else None
        if sound.any():
            mean, spread = self.correct(x, axis, ref)
            raman[sound] = mean[sound]
            if sd is not None and spread is not None:
                sd[sound] = spread[sound]
        return raman if sd is None else (raman, sd)


class FunctionRemover(Remover):
    """A plain function ``(spectra, wavenumber, reference) -> spectra`` as a remover."""

    def __init__(self, function: Callable[..., ArrayLike], name: str | None = None) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", "function"))

    def correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, None]:
        """Call the function."""
        answer = np.asarray(self.function(spectra, wavenumber, reference), dtype=np.float32)
        if answer.shape != spectra.shape:
            raise CrimsonError(f"remover '{self.name}' gave shape {answer.shape} for spectra {spectra.shape}; it must give the same shape")
        return answer, None


def sound_pixels(spectra: Spectra) -> NDArray[np.bool_]:
    """Mark (N,) the spectra (N, W) that are finite throughout and somewhere positive."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = spectra.sum(axis=1, dtype=np.float64)  # one pass: any NaN or infinity shows in the sum
    sound: NDArray[np.bool_] = np.isfinite(total) & (spectra.max(axis=1, initial=-np.inf) > 0)
    return sound


def _check_reference(reference: Spectra, points: int) -> None:
    if reference.shape != (points,):
        raise CrimsonError(f"a reference of shape {reference.shape} for spectra of {points} points; give ({points},)")
    if not np.isfinite(reference).all() or not (reference > 0).any():
        raise CrimsonError("the reference is nowhere positive or not finite after dark subtraction; measure it again or leave it out")
