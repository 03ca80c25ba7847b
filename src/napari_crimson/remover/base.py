"""The seam: what a remover is, and what is true of every one of them.

A remover turns spectra (N, W) into Raman-like spectra (N, W). Pixels that hold no spectrum come back
as NaN, alone: that is decided here, once. No remover sees them, a sound spectrum stands in their place,
so that the others get the very same result, bit by bit, as without them.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.spectra import float_spectra, longest_at_top, sound_pixels
from napari_crimson.stack import check_axis

__all__ = ["DTYPES", "FunctionRemover", "Remover", "Task", "check_reference"]

Spectra = NDArray[np.float32]

DTYPES = ("float32", "float16")  # of results
_LIMITED = ("relative", "susceptibility")  # conventions whose results are of the order of 1
_LONGEST_AT_TOP, _SHARE_AT_TOP = 10, 0.02  # a smooth reference of whole counts has some neighbours at its maximum


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """What is asked of a remover, the spectra apart; checked. See `Remover.__call__`."""

    wavenumber: NDArray[np.float64]
    dark: Spectra | None = None
    reference: Spectra | None = None
    uncertainty: bool = False
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))


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
    most_dark : float
        Share of the bands at which a reference may have no light.
    recipe : tuple of str, optional
        Name or path, device and precision by which it can be loaded again, in another process.
    """

    name: str
    convention: str = "relative"
    gives_uncertainty: bool = False
    fewest_points: int = 1
    most_dark: float = 0.1
    recipe: tuple[str, str, str] | None = None

    @abstractmethod
    def correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, Spectra | None]:
        """Correct sound spectra (N, W), N ≥ 1, on an ascending axis; return them and their sd, or None."""

    def check(self, wavenumber: NDArray[np.float64], reference: Spectra | None) -> None:
        """Raise `CrimsonError` if the reference will not do; called ahead of any work. A remover may ask for more than this."""
        if reference is not None:
            check_reference(reference, wavenumber, most_dark=self.most_dark)

    def doubts(self, wavenumber: NDArray[np.float64]) -> str:
        """Why an answer on this axis is not to be trusted, for people; empty where nothing speaks against it."""
        return ""

    @property
    def provenance(self) -> dict[str, Any]:
        """What an output's record says of this remover: plain values that fit in JSON."""
        return {"remover": self.name, "convention": self.convention}

    @overload
    def __call__(
        self,
        spectra: ArrayLike,
        wavenumber: ArrayLike,
        reference: ArrayLike | None = None,
        *,
        dark: ArrayLike | None = None,
        uncertainty: Literal[False] = False,
        dtype: str = "float32",
    ) -> Spectra: ...
    @overload
    def __call__(
        self,
        spectra: ArrayLike,
        wavenumber: ArrayLike,
        reference: ArrayLike | None = None,
        *,
        dark: ArrayLike | None = None,
        uncertainty: Literal[True],
        dtype: str = "float32",
    ) -> tuple[Spectra, Spectra]: ...
    def __call__(
        self,
        spectra: ArrayLike,
        wavenumber: ArrayLike,
        reference: ArrayLike | None = None,
        *,
        dark: ArrayLike | None = None,
        uncertainty: bool = False,
        dtype: str = "float32",
    ) -> Spectra | tuple[Spectra, Spectra]:
        """Remove the background.

        Parameters
        ----------
        spectra : array_like, shape (N, W)
            CARS intensities, any positive scale; whole numbers are counts as stored, and saturated where they are at the end of their
            range.
        wavenumber : array_like, shape (W,)
            Raman shift in cm⁻¹, ascending.
        reference : array_like, shape (W,), optional
            Intensity of a purely non-resonant sample, dark subtracted.
        dark : array_like, shape (W,), optional
            Counts without light, subtracted from the spectra; left out where that has been done.
        uncertainty : bool
            Also return the standard deviation, shape (N, W).
        dtype : str
            ``"float32"``, or ``"float16"``: half the size, three digits.

        Returns
        -------
        ndarray, shape (N, W), of `dtype`
            NaN in every pixel whose spectrum is saturated, not finite or nowhere positive.

        Raises
        ------
        CrimsonError
            If shapes do not fit, the axis falls or is too short, the reference has too little light, uncertainty is asked
            of a remover without, or the results would not fit into the dtype.
        """
        x = np.asarray(spectra)
        axis = np.asarray(wavenumber, dtype=np.float64)
        if x.ndim != 2:
            raise CrimsonError(f"spectra of shape {x.shape}, expected (pixels, wavenumbers)")
        check_axis(axis, x.shape[1])
        ref = None if reference is None else np.asarray(reference, dtype=np.float32)
        counts = None if dark is None else np.asarray(dark, dtype=np.float32)
        if counts is not None and counts.shape != axis.shape:
            raise CrimsonError(f"a dark of shape {counts.shape} for spectra of {axis.size} points; give ({axis.size},)")
        if counts is not None and not np.isfinite(counts).all():
            raise CrimsonError(f"a dark that is not finite at {int((~np.isfinite(counts)).sum())} of {axis.size} points; measure it again")
        self.check_task(axis, ref, uncertainty=uncertainty, dtype=dtype)
        task = Task(wavenumber=axis, dark=counts, reference=ref, uncertainty=uncertainty, dtype=np.dtype(dtype))
        raman, *sd = self._answer(x, task)
        return (raman, sd[0]) if uncertainty else raman

    def check_task(self, wavenumber: NDArray[np.float64], reference: Spectra | None, *, uncertainty: bool, dtype: str = "float32") -> None:
        """Raise `CrimsonError` if this remover will not do what is asked of it, whatever the spectra; see `__call__`."""
        if wavenumber.size < self.fewest_points:
            raise CrimsonError(
                f"spectra of {wavenumber.size} points: remover '{self.name}' needs at least {self.fewest_points}; "
                "crop less, or take more bands"
            )
        if wavenumber.size > 1 and wavenumber[0] > wavenumber[-1]:
            raise CrimsonError(f"the axis falls from {wavenumber[0]:g} to {wavenumber[-1]:g}; turn it and the spectra (open_stack does)")
        if uncertainty and not self.gives_uncertainty:
            raise CrimsonError(f"remover '{self.name}' gives no uncertainty; leave uncertainty out or choose a network")
        if dtype not in DTYPES:
            raise CrimsonError(f"no results in '{dtype}'; there are {', '.join(DTYPES)}")
        if dtype != "float32" and self.convention not in _LIMITED:
            raise CrimsonError(f"results of remover '{self.name}' ({self.convention}) may not fit into {dtype}; take float32")
        self.check(wavenumber, reference)

    def _answer(self, spectra: NDArray[Any], task: Task) -> list[NDArray[Any]]:
        """Give results (N, W), the deviation second where asked for; NaN where there is no spectrum."""
        x = float_spectra(spectra)
        if task.dark is not None:
            x -= task.dark
        sound = sound_pixels(x)
        results = [np.full(x.shape, np.nan, dtype=task.dtype) for _ in range(1 + task.uncertainty)]
        if sound.any():
            # as many spectra as without bad ones: the last bits of a matrix product may depend on its size
            x = x if sound.all() else np.where(sound[:, None], x, x[sound.argmax()])
            for result, answer in zip(results, self.correct(x, task.wavenumber, task.reference), strict=False):
                if answer is not None:
                    result[sound] = answer[sound]
        return results


class FunctionRemover(Remover):
    """A plain function ``(spectra, wavenumber, reference) -> spectra`` as a remover."""

    most_dark = 1.0  # what it makes of them is its own business

    def __init__(self, function: Callable[..., ArrayLike], name: str | None = None) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", "function"))

    def correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, None]:
        """Call the function."""
        answer = np.asarray(self.function(spectra, wavenumber, reference), dtype=np.float32)
        if answer.shape != spectra.shape:
            raise CrimsonError(f"remover '{self.name}' gave shape {answer.shape} for spectra {spectra.shape}; it must give the same shape")
        return answer, None


def check_reference(reference: NDArray[Any], wavenumber: NDArray[np.float64], *, most_dark: float) -> None:
    """Refuse a reference without light, dark subtracted, at more than a share of its bands, and warn of one that is clipped."""
    points = wavenumber.size
    if reference.shape != (points,):
        raise CrimsonError(f"a reference of shape {reference.shape} for spectra of {points} points; give ({points},)")
    if not np.isfinite(reference).all() or not (reference > 0).any():
        raise CrimsonError("the reference is nowhere positive or not finite after dark subtraction; measure it again or leave it out")
    dark = np.flatnonzero(reference <= 0)
    if dark.size > most_dark * points:
        raise CrimsonError(
            f"the reference is zero or negative at {dark.size} of {points} points, the first at {wavenumber[dark[0]]:g} cm⁻¹; "
            "subtract its dark once, crop the axis to where the excitation reaches, or leave the reference out"
        )
    if points > (clipped := longest_at_top(reference)) > max(_LONGEST_AT_TOP, _SHARE_AT_TOP * points):
        warnings.warn(
            f"the reference has its maximum at {clipped} neighbouring bands: it is clipped, and answers there are wrong; measure it again "
            "with less light",
            stacklevel=4,
        )
