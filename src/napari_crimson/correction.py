"""What is done to each spectrum, as one callable: dark, saturation, bands without light, remover.

`plan_correction` checks all of it ahead of any work. A `Correction` can be pickled, to serve a graph that
runs in other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson import weights
from napari_crimson.errors import CrimsonError, DamagedError
from napari_crimson.prepare.counts import check_dark
from napari_crimson.remover import Remover, load_remover
from napari_crimson.spectra import float_spectra, lit_bands, saturated, sound_pixels
from napari_crimson.stack import as_stack, check_axis

__all__ = ["Correction", "Data", "RemoverLike", "Settings", "SpectrumLike", "load_once", "plan_correction", "spectrum_on_axis"]

RemoverLike = str | Path | Remover | Callable[..., Any]
Data = xr.Dataset | xr.DataArray | NDArray[Any]
SpectrumLike = str | ArrayLike | xr.DataArray | None
Recipe = tuple[str, str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class Settings:
    """What may be chosen about a correction; the words of `remove_background`."""

    reference: SpectrumLike = "auto"
    dark: SpectrumLike = "auto"
    device: str = "auto"
    precision: str = "auto"
    uncertainty: bool = False
    dtype: str = "float32"
    recipe: Mapping[str, Any] | None = None  # the removal as a pipeline asked for it, where one did


@dataclass(frozen=True, eq=False, kw_only=True)
class Correction:
    """Correct raw spectra.

    Attributes
    ----------
    remover : Remover, or tuple of str
        Ready to be called, or its name, device and precision, to be loaded once in each process.
    wavenumber : ndarray, shape (W,)
    dark : ndarray, shape (W,), optional
    reference : ndarray, shape (W,), optional
        Dark subtracted already.
    uncertainty : bool
    lit : slice
        The bands that have light; the others have no result, and are kept from the remover.
    dtype : str
        Of the results, ``"float32"`` or ``"float16"``.
    """

    remover: Remover | Recipe
    wavenumber: NDArray[np.float64]
    dark: NDArray[np.float32] | None
    reference: NDArray[np.float32] | None
    uncertainty: bool
    lit: slice
    dtype: str = "float32"

    @property
    def names(self) -> list[str]:
        """Names of the results."""
        return ["raman", "uncertainty"] if self.uncertainty else ["raman"]

    @property
    def loaded(self) -> Remover:
        """The remover, ready to be called."""
        return self.remover if isinstance(self.remover, Remover) else load_once(*self.remover)

    @property
    def doubts(self) -> str:
        """Why the remover is not to be trusted on this axis, for people; empty where it is."""
        return self.loaded.doubts(self.wavenumber[self.lit])

    def check(self) -> None:
        """Raise `CrimsonError` if the remover will not do what is asked of it."""
        reference = None if self.reference is None else self.reference[self.lit]
        self.loaded.check_task(self.wavenumber[self.lit], reference, uncertainty=self.uncertainty, dtype=self.dtype)

    def __call__(self, raw: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Correct raw spectra (N, W) as stored; NaN for pixels that are saturated or hold no spectrum, and for unlit bands."""
        reference = None if self.reference is None else self.reference[self.lit]
        dark = None if self.dark is None else self.dark[self.lit]
        task = raw[:, self.lit], self.wavenumber[self.lit], reference
        remover, answers = self.loaded, list[NDArray[Any]]()
        if self.uncertainty:
            answers += remover(*task, dark=dark, dtype=self.dtype, uncertainty=True)
        else:
            answers += [remover(*task, dark=dark, dtype=self.dtype)]
        if task[0].shape != raw.shape:
            answers = [self._in_place(answer, raw) for answer in answers]
        return dict(zip(self.names, answers, strict=True))

    def _in_place(self, answer: NDArray[Any], raw: NDArray[Any]) -> NDArray[Any]:
        """Put results of the lit bands among all bands, but for pixels that are saturated in one of the others."""
        full = np.full(raw.shape, np.nan, dtype=answer.dtype)
        full[:, self.lit] = answer
        if np.issubdtype(raw.dtype, np.integer):
            full[saturated(raw)] = np.nan
        return full


def plan_correction(
    data: Data, remover: Remover, settings: Settings, *, wavenumber: ArrayLike | None = None
) -> tuple[xr.Dataset, Correction]:
    """Take the data as a stack, settle its spectra, and check that the remover can do what is asked.

    Raises
    ------
    CrimsonError
        If data are no stack, a spectrum does not fit the axis, the dark is brighter than the data, or the remover refuses.
    """
    if isinstance(data, str | Path):
        raise CrimsonError(f"{data!s} is a path, expected a stack; open it first: open_stack({str(data)!r})")
    if wavenumber is not None and isinstance(data, xr.Dataset | xr.DataArray):
        raise CrimsonError("wavenumber= is the axis of a plain array; this stack has its own, ds['wavenumber']")
    stack = as_stack(data, wavenumber=wavenumber)
    if "noise_model" in stack["cars"].attrs:
        raise CrimsonError("the intensities are variance-stabilised values, no counts: restore_counts(ds) first, after a denoiser")
    given = np.asarray(data["wavenumber"] if isinstance(data, xr.Dataset | xr.DataArray) else wavenumber)
    descending = bool(given[0] > given[-1])
    axis = stack["wavenumber"].values
    counts = _spectrum("dark", settings.dark, stack, descending)
    ref = _spectrum("reference", settings.reference, stack, descending)
    if counts is not None:
        check_dark(stack, counts)
        ref = None if ref is None else ref - counts
    correction = Correction(
        remover=remover,
        wavenumber=axis,
        dark=None if counts is None else counts.astype(np.float32),
        reference=None if ref is None else ref.astype(np.float32),
        uncertainty=settings.uncertainty,
        lit=_lit_bands(stack, counts) if ref is None else lit_bands(ref),
        dtype=settings.dtype,
    )
    correction.check()
    return stack, correction


def _lit_bands(stack: xr.Dataset, dark: NDArray[np.float64] | None) -> slice:
    """Tell the bands that have light from the middle row of a stack without reference, the only part of it read.

    The median of its sound pixels: bad ones must not move the bands of all others. Where the row is damaged, another tells.
    """
    cars = stack["cars"].data
    for part in (2 / 4, 1 / 4, 3 / 4):
        row = cars[(*(int(size * part) for size in cars.shape[:-2]), slice(None, 256))]
        with suppress(DamagedError):
            light = float_spectra(row.compute()) - np.float32(0 if dark is None else dark)
            light = light[sound_pixels(light)]
            return lit_bands(np.median(light, axis=0)) if len(light) else slice(None)
    return slice(None)


def _spectrum(name: str, value: SpectrumLike, stack: xr.Dataset, descending: bool) -> NDArray[np.float64] | None:
    """Give a dark or reference spectrum (W,) on the axis of the stack, or None.

    A plain array is in the order of the data: `descending` where the stack has been turned.
    """
    axis = stack["wavenumber"].values
    if isinstance(value, str):
        if value != "auto":
            raise CrimsonError(f"{name}={value!r}: give 'auto' (the stack's own), None, or a spectrum of {axis.size} points")
        values = np.asarray(stack[name].values, dtype=np.float64) if name in stack else None
    elif value is None:
        values = None
    elif isinstance(value, xr.DataArray) and "wavenumber" in value.coords:
        values = spectrum_on_axis(name, value, axis)
    else:
        values = np.asarray(value, dtype=np.float64)
        if values.shape != axis.shape:
            raise CrimsonError(
                f"a {name} of shape {values.shape} for spectra of {axis.size} points; give ({axis.size},), "
                "or a DataArray with its own coordinate 'wavenumber'"
            )
        values = values[::-1] if descending else values
    if values is not None and not np.isfinite(values).all():
        raise CrimsonError(f"the {name} holds {(~np.isfinite(values)).sum()} values that are not finite; mend it, or say {name}=None")
    return values


def spectrum_on_axis(name: str, spectrum: xr.DataArray, axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring a spectrum with its own axis to `axis` (W,), which it must cover: nothing is invented at the ends.

    Raises
    ------
    CrimsonError
        If it does not cover the axis, or is more than one spectrum.
    """
    if spectrum.dims != ("wavenumber",):
        raise CrimsonError(f"a {name} with dims {spectrum.dims}; average it to one spectrum along 'wavenumber'")
    ordered = spectrum.sortby("wavenumber")
    own = ordered["wavenumber"].values.astype(np.float64)
    check_axis(own, ordered.size, source=f"the {name}")
    slack = 1e-6 * (axis[-1] - axis[0])
    if own[0] > axis[0] + slack or own[-1] < axis[-1] - slack:
        raise CrimsonError(
            f"the {name} covers {own[0]:g}–{own[-1]:g} cm⁻¹, the stack {axis[0]:g}–{axis[-1]:g}; "
            f"give one that covers it, or cut the stack: ds.sel(wavenumber=slice({own[0]:g}, {own[-1]:g}))"
        )
    return np.interp(axis, own, ordered.values.astype(np.float64))


def load_once(name: str, device: str, precision: str) -> Remover:
    """Load a remover by name, once in a process; anew where other weights have taken the name."""
    return _load(name, device, precision, weights.read_card(name)["sha256"] if weights.is_weights(name) else "")


@lru_cache(maxsize=4)
def _load(name: str, device: str, precision: str, _: str) -> Remover:
    return load_remover(name, device=device, precision=precision)
