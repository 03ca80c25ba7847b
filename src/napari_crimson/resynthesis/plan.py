"""What every pixel is checked by: the excitation, the noise and the usual residuals, found from a sample of the stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.blocks import plan_blocks
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare import NoiseModel
from napari_crimson.prepare.step import finite_spectrum, lazy_cars
from napari_crimson.resynthesis.spectra import (
    FEWEST_POINTS,
    CheckSettings,
    Float64,
    admissible,
    fit_excitation,
    fit_noise,
    intensity_ratio,
    levels,
    standard_deviation,
)
from napari_crimson.resynthesis.usual import Usual, learn
from napari_crimson.spectra import float_spectra

__all__ = ["Plan", "lazy_raman", "plan_check"]

SAMPLE = 4096  # pixels that tell what is usual
SAMPLE_BLOCKS = 32  # that they are taken from, so that a stack larger than memory is not read twice
FEWEST_PIXELS = 64
SLAB_VALUES = 2**20


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What a block of pixels is checked by.

    Attributes
    ----------
    settings : CheckSettings
    bands : slice
        Those that have an answer.
    inner : slice
        Of these, those that are judged.
    points : float
        The resolution in bands.
    dark : ndarray, shape (W,)
    excitation : ndarray, shape (bands,)
        Shared by the stack; its median level is 1.
    noise : NoiseModel
    usual : Usual, optional
        None until it has been learnt.
    usual_chi2 : float
        Median of the reduced χ² over the pixels of the sample.
    """

    settings: CheckSettings
    bands: slice
    inner: slice
    points: float
    dark: NDArray[np.float32]
    excitation: Float64
    noise: NoiseModel
    usual: Usual | None = None
    usual_chi2: float = np.nan

    def residuals(self, counts: Float64, ratio: Float64) -> Float64:
        """Residuals (N, inner) of counts (N, bands) for the line shapes `ratio`, in standard deviations."""
        expected = levels(counts / ratio, self.excitation) * self.excitation * ratio
        left: Float64 = ((counts - expected) / standard_deviation(expected, self.noise))[:, self.inner]
        return left

    def images(self, cars: NDArray[Any], raman: NDArray[Any]) -> NDArray[np.float32]:
        """Distrust and reduced χ², (2, N), of counts as stored and an answer (N, W); NaN without either."""
        found = np.full((2, len(cars)), np.nan, dtype=np.float32)
        rows = max(1, SLAB_VALUES // cars.shape[1])
        for start in range(0, len(cars), rows):
            part = slice(start, start + rows)
            counts, r, sound = _sound(cars[part], raman[part], self.dark, self.bands)
            if sound.any():
                assert self.usual is not None
                found[0, part][sound] = self.usual.unusual(self.residuals(counts, self.line_shape(r))) / self.settings.limit
                found[1, part][sound] = (self.residuals(counts, intensity_ratio(r)) ** 2).mean(axis=1)
        found[0] = np.where(np.isnan(found[0]), np.nan, np.maximum(found[0], 0))
        return found

    def residual_spectra(self, cars: NDArray[Any], raman: NDArray[Any]) -> NDArray[np.float32]:
        """Residuals (N, W) of counts as stored and an answer (N, W) as it is; NaN where there is none."""
        counts, r, sound = _sound(cars, raman, self.dark, self.bands)
        left = np.full(raman.shape, np.nan, dtype=np.float32)
        if sound.any():
            everywhere = replace(self, inner=slice(None))
            left[np.ix_(sound, np.arange(raman.shape[1])[self.bands])] = everywhere.residuals(counts, intensity_ratio(r))
        return left

    def line_shape(self, r: Float64) -> Float64:
        """|1 + ρ|² of the nearest admissible answers."""
        return intensity_ratio(admissible(r, self.points))


def plan_check(result: xr.Dataset, settings: CheckSettings | None = None, *, dark: str | ArrayLike | None = "auto") -> Plan:
    """Read a sample of pixels and find what the rest is checked by; see `check`."""
    chosen = settings or CheckSettings()
    _refuse(result)
    axis = result["wavenumber"].values
    counts_dark = _dark(result, dark)
    cars, raman = _sample(lazy_cars(result), lazy_raman(result))
    bands = _answered(raman)
    counts, r, sound = _sound(cars, raman, counts_dark, bands)
    points = counts.shape[1]
    if sound.sum() < FEWEST_PIXELS or points < FEWEST_POINTS:
        raise CrimsonError(
            f"{sound.sum()} of {sound.size} pixels looked at have an answer, in {points} bands: the check needs {FEWEST_PIXELS} pixels and "
            f"{FEWEST_POINTS} bands to tell what is usual; for single spectra use napari_crimson.resynthesis.residuals"
        )
    trim = round(chosen.edge * points)
    plan = Plan(
        settings=chosen,
        bands=bands,
        inner=slice(trim, points - trim),
        points=chosen.resolution_cm1 * (axis.size - 1) / (axis[-1] - axis[0]),
        dark=counts_dark,
        excitation=np.ones(points),
        noise=chosen.noise or fit_noise(counts),
    )
    quotient = counts / plan.line_shape(r)
    excitation = fit_excitation(quotient)
    plan = replace(plan, excitation=excitation * np.median(levels(quotient, excitation)))
    usual = learn(plan.residuals(counts, plan.line_shape(r)))
    chi2 = (plan.residuals(counts, intensity_ratio(r)) ** 2).mean(axis=1)
    return replace(plan, usual=usual, usual_chi2=float(np.median(chi2)))


def lazy_raman(result: xr.Dataset) -> da.Array:
    """The answer as dask, in the chunks of the intensities."""
    chunks = lazy_cars(result).chunks
    raman = result["raman"].data
    if not isinstance(raman, da.Array):
        raman = da.from_array(np.asarray(raman), chunks=chunks, name=False)  # type: ignore[no-untyped-call]
    lazy: da.Array = raman.rechunk(chunks)
    return lazy


def _sound(cars: NDArray[Any], raman: NDArray[Any], dark: NDArray[np.float32], bands: slice) -> tuple[Float64, Float64, NDArray[np.bool_]]:
    """Counts and answers (n, bands) of the pixels, marked in (N,), that have both."""
    counts = (float_spectra(cars) - dark)[:, bands].astype(np.float64)
    r = raman[:, bands].astype(np.float64)
    sound = np.isfinite(counts).all(axis=1) & np.isfinite(r).all(axis=1) & (counts.mean(axis=1) > 0)
    return counts[sound], r[sound], sound


def _sample(cars: da.Array, raman: da.Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Spectra (n, W) of some thousand pixels, from blocks all over the stack."""
    regions = plan_blocks(cars.shape, cars.chunks)
    chosen = [regions[i] for i in np.unique(np.linspace(0, len(regions) - 1, SAMPLE_BLOCKS).round().astype(int))]
    found: list[list[NDArray[Any]]] = [[], []]
    for region in chosen:
        for part, lazy in zip(found, (cars, raman), strict=True):
            block = np.asarray(lazy[region].compute(scheduler="synchronous")).reshape(-1, cars.shape[-1])
            wanted = -(-SAMPLE // len(chosen))
            part.append(block[:: max(1, len(block) // wanted)])
    return np.concatenate(found[0]), np.concatenate(found[1])


def _answered(raman: NDArray[Any]) -> slice:
    """From the first band to the last that has an answer in some pixel of (N, W)."""
    there = np.flatnonzero(np.isfinite(raman).any(axis=0))
    return slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, 0)


def _refuse(result: xr.Dataset) -> None:
    """Raise `CrimsonError` for what cannot be checked."""
    missing = [name for name in ("cars", "raman") if name not in result]
    if missing:
        raise CrimsonError(
            f"the dataset has variables {list(result)}, but no {' and no '.join(missing)}: the check needs the measured stack and its "
            "answer in one, as remove_background gives them"
        )
    if result["cars"].dims != result["raman"].dims:
        raise CrimsonError(f"measured {result['cars'].dims}, answer {result['raman'].dims}: both must have the same dims")
    if "noise_model" in result["cars"].attrs:
        raise CrimsonError("the intensities are variance-stabilised values, no counts: restore_counts(ds) first")
    convention = {**result.attrs, **result["raman"].attrs}.get("convention", "relative")
    if convention != "relative":
        raise CrimsonError(f"the answer is in the convention '{convention}'; only Im χ_R/χ_NR, 'relative', gives the intensity back")


def _dark(result: xr.Dataset, dark: str | ArrayLike | None) -> NDArray[np.float32]:
    """Counts (W,) without light."""
    points = result.sizes["wavenumber"]
    if isinstance(dark, str):
        if dark != "auto":
            raise CrimsonError(f"dark={dark!r}: give 'auto' (the stack's own), None, or a spectrum of {points} points")
        values = finite_spectrum(result, "dark") if "dark" in result else np.zeros(points)
    else:
        values = np.zeros(points) if dark is None else np.asarray(dark, dtype=np.float64)
    if values.shape != (points,) or not np.isfinite(values).all():
        raise CrimsonError(f"a dark of shape {values.shape}: give {points} finite counts")
    return values.astype(np.float32)
