"""The same spectra through several removers: `compare` gives them side by side, `agreements` how far they agree.

Whoever asks again and again, as a dock widget does, plans once with `plan_comparison` and goes on pixel by pixel
with `compare_spectra`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.correction import Correction, Data, RemoverLike, Settings, SpectrumLike, plan_correction
from napari_crimson.errors import CrimsonError
from napari_crimson.metrics import score
from napari_crimson.pixels import Pixels, Region, choose_pixels, pixels_of_region, read_spectra
from napari_crimson.remover import Remover, load_remover
from napari_crimson.resynthesis.spectra import CheckSettings, admissible, residuals

__all__ = ["TRUTH", "Agreement", "agreements", "average", "compare", "compare_spectra", "has_truth", "plan_comparison"]

TRUTH = "truth"
_FEWEST_POINTS = 16  # of a spectrum that can be checked
_BATCH = 64  # spectra: a network is several times slower on a few


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far `second` agrees with `first`, taken as the truth, over the bands that both have.

    Attributes
    ----------
    first, second : str
        Removers, or ``"truth"``.
    spectra : int
        How many were compared.
    r : float
        Median Pearson correlation.
    nrmse : float
        √(Σ (second − first)² / Σ first²).
    slope : float
        Σ second · first / Σ first²; NaN where `scaled`.
    scaled : bool
        The two give results of different conventions, so each spectrum of `second` was scaled to `first` by least squares.
    """

    first: str
    second: str
    spectra: int
    r: float
    nrmse: float
    slope: float
    scaled: bool


def compare(
    data: Data,
    removers: Sequence[RemoverLike],
    *,
    pixels: Sequence[Sequence[int]] | None = None,
    region: Region | None = None,
    wavenumber: ArrayLike | None = None,
    reference: SpectrumLike = "auto",
    dark: SpectrumLike = "auto",
    device: str = "auto",
    precision: str = "auto",
    speed: bool = False,
) -> xr.Dataset:
    """Remove the background of a few spectra of a stack with several removers; reads no others.

    Parameters
    ----------
    data : xarray.Dataset, DataArray or ndarray, shape ([T,] [Z,] Y, X, W)
        A stack, or an array with `wavenumber`. A variable ``raman`` that no remover made is the truth.
    removers : sequence
        Of what `load_remover` takes, each once. The others are compared with the first, unless there is a truth.
    pixels : sequence of ([t,] [z,] y, x), optional
        Counted from 0.
    region : sequence of slice, optional
        One for each of ``([t,] [z,] y, x)``; of a large one at most 4096 pixels, evenly spread. Without `pixels` and
        `region` the brightest, the median and the dimmest pixel of three rows are taken.
    wavenumber, reference, dark, device, precision
        As for `remove_background`.
    speed : bool
        Also measure how fast each remover is, on batches of 64 made of these spectra.

    Returns
    -------
    xarray.Dataset
        Dims (remover, spectrum, wavenumber). ``cars`` (spectrum, wavenumber) as stored; ``raman``, float32, NaN as
        `remove_background` has it; ``uncertainty`` where any remover gives it, NaN for the others; ``difference`` to
        the truth, or to the first remover (attrs ``against``); ``unexplained``, what is left of the measured intensity when
        that of the answer is subtracted, in standard deviations of the noise (see `resynthesis.residuals`), of removers that
        give Im χ_R/χ_NR where there is a reference, NaN for the others; ``truth`` where there is one; ``spectra_per_s``
        (remover,) if asked for; coordinates y, x (z, t) of each spectrum.

    Raises
    ------
    CrimsonError
        If a pixel is not in the stack, a remover is asked for twice or cannot do with the stack.
    """
    settings = Settings(reference=reference, dark=dark, device=device, precision=precision)
    stack, corrections = plan_comparison(data, removers, settings, wavenumber=wavenumber)
    if pixels is not None and region is not None:
        raise CrimsonError("pixels and a region: give one of them")
    places = Pixels.of(pixels, stack) if pixels is not None else choose_pixels(stack) if region is None else pixels_of_region(region, stack)
    truth = read_spectra(data["raman"], places) if isinstance(data, xr.Dataset) and has_truth(data) else None
    raw = read_spectra(stack["cars"], places)
    *_, result = compare_spectra(corrections, raw, truth=truth)
    if speed:
        result["spectra_per_s"] = ("remover", [_rate(correction, raw) for correction in corrections.values()])
    coords = {dim: ("spectrum", places.index[:, at]) for at, dim in enumerate(stack["cars"].dims[:-1])}
    return result.assign_coords(coords).assign_attrs(chosen=places.chosen, source=stack.attrs["source"])


def plan_comparison(
    data: Data, removers: Sequence[RemoverLike], settings: Settings, *, wavenumber: ArrayLike | None = None
) -> tuple[xr.Dataset, dict[str, Correction]]:
    """Load the removers and check that each can do with the stack; see `compare` for errors.

    Returns
    -------
    stack : xarray.Dataset
    corrections : dict
        By the remover's name, or by its path where two have the same name; all see the same bands.
    """
    if not removers:
        raise CrimsonError("no remover to compare; name two or more, such as cnn and kk")
    loaded = [load_remover(remover, device=settings.device, precision=settings.precision) for remover in removers]
    names = [remover.name for remover in loaded]
    titles = [
        str(given) if names.count(name) > 1 and isinstance(given, str | Path) else name for given, name in zip(removers, names, strict=True)
    ]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise CrimsonError(f"remover {', '.join(twice)} is named twice; name each once")
    stack, first = plan_correction(data, loaded[0], _for(loaded[0], settings), wavenumber=wavenumber)
    corrections = {titles[0]: first}
    for title, remover in zip(titles[1:], loaded[1:], strict=True):
        corrections[title] = replace(first, remover=remover, uncertainty=remover.gives_uncertainty)
        corrections[title](np.full((1, first.wavenumber.size), np.nan, dtype=np.float32))  # refuses here what it would refuse later
    return stack, corrections


def compare_spectra(corrections: Mapping[str, Correction], raw: NDArray[Any], *, truth: NDArray[Any] | None = None) -> Iterator[xr.Dataset]:
    """Give the comparison of raw spectra (N, W), with their truth (N, W) if known, after each remover; see `compare`."""
    done: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, correction in corrections.items():
        done[name] = correction(raw)
        done[name]["unexplained"] = _unexplained(correction, raw, done[name]["raman"])
        yield _as_dataset(corrections, done, raw, truth)


def agreements(result: xr.Dataset) -> list[Agreement]:
    """Figures of each remover against the truth, where there is one, and of each pair of removers.

    Parameters
    ----------
    result : xarray.Dataset
        Of `compare`.
    """
    names = [str(name) for name in result["remover"].values]
    curves = {name: (result["raman"].values[at], str(result["convention"].values[at])) for at, name in enumerate(names)}
    pairs = list(combinations(names, 2))
    if TRUTH in result:
        curves = {TRUTH: (result[TRUTH].values, "relative"), **curves}
        pairs = [*((TRUTH, name) for name in names), *pairs]
    return [_agreement(first, second, *curves[first], *curves[second]) for first, second in pairs]


def average(result: xr.Dataset) -> xr.Dataset:
    """Average a comparison over its spectra, without pixels that hold none.

    Returns
    -------
    xarray.Dataset
        The variables of `compare` without dim ``spectrum``, and ``<name>_sd``, the standard deviation between pixels; NaN of
        a single one. ``uncertainty`` is left out: that of a mean is another.
    """
    images = result.drop_vars("uncertainty", errors="ignore")
    sound = images["raman"].notnull().any(["remover", "wavenumber"])
    images = images.drop_vars([name for name in images.coords if images[name].dims == ("spectrum",)])
    kept = images.isel(spectrum=np.flatnonzero(sound)).astype(np.float64)
    if not kept.sizes["spectrum"]:
        kept = images.isel(spectrum=[0]).astype(np.float64) * np.nan
    spectra = [name for name, values in kept.data_vars.items() if "spectrum" in values.dims]
    spread = kept[spectra].std("spectrum", skipna=False, ddof=1 if kept.sizes["spectrum"] > 1 else 0)
    if kept.sizes["spectrum"] == 1:
        spread = spread * np.nan
    mean = kept[spectra].mean("spectrum", skipna=False)
    return mean.merge(spread.rename({name: f"{name}_sd" for name in spectra})).assign_attrs(result.attrs)


def has_truth(data: xr.Dataset) -> bool:
    """Tell whether the variable ``raman`` of a dataset is a truth: it is there, and no remover made it."""
    return "raman" in data and "remover" not in {**data.attrs, **data["raman"].attrs}


def _rate(correction: Correction, raw: NDArray[Any]) -> float:
    """Spectra a second of one remover, once it is warm."""
    batch = raw[np.arange(_BATCH) % len(raw)]
    correction(batch)
    start = time.perf_counter()
    correction(batch)
    return _BATCH / max(time.perf_counter() - start, 1e-9)


def _for(remover: Remover, settings: Settings) -> Settings:
    return replace(settings, uncertainty=remover.gives_uncertainty)


def _as_dataset(
    corrections: Mapping[str, Correction],
    done: Mapping[str, Mapping[str, NDArray[np.float32]]],
    raw: NDArray[Any],
    truth: NDArray[Any] | None,
) -> xr.Dataset:
    first = next(iter(corrections.values()))
    conventions = [_convention(corrections[name]) for name in done]
    raman = np.stack([values["raman"] for values in done.values()])
    spread = [values.get("uncertainty") for values in done.values()]
    against, base, unit = (next(iter(done)), raman[0], conventions[0]) if truth is None else (TRUTH, truth, "relative")
    scaled = np.stack([curve if one == unit else _fitted(base, curve) for curve, one in zip(raman, conventions, strict=True)])
    dims = ("remover", "spectrum", "wavenumber")
    result = xr.Dataset(
        {"cars": (dims[1:], raw), "raman": (dims, raman), "difference": (dims, scaled - base)},
        {"remover": list(done), "convention": ("remover", conventions), "wavenumber": first.wavenumber},
        {"against": against},
    )
    result["unexplained"] = (dims, np.stack([values["unexplained"] for values in done.values()]))
    if any(values is not None for values in spread):
        result["uncertainty"] = (dims, np.stack([np.full_like(raman[0], np.nan) if one is None else one for one in spread]))
    if truth is not None:
        result[TRUTH] = (dims[1:], truth)
    return result


def _unexplained(correction: Correction, raw: NDArray[Any], raman: NDArray[np.float32]) -> NDArray[np.float32]:
    """Residuals (N, W) of the physics check, with the reference as the excitation; NaN where it cannot be made."""
    left = np.full(raman.shape, np.nan, dtype=np.float32)
    axis, lit = correction.wavenumber[correction.lit], correction.lit
    light = None if correction.reference is None else correction.reference[lit]
    if light is None or not (light > 0).all() or axis.size < _FEWEST_POINTS or _convention(correction) != "relative":
        return left
    counts = raw[:, lit] - (0.0 if correction.dark is None else correction.dark[lit])
    points = CheckSettings().resolution_cm1 * (axis.size - 1) / (axis[-1] - axis[0])
    # of what can be lines only: a noisy answer explains its own noise
    left[:, lit] = residuals(counts, admissible(raman[:, lit], points), axis, light)
    return left


def _convention(correction: Correction) -> str:
    assert isinstance(correction.remover, Remover)
    return correction.remover.convention


def _agreement(first: str, second: str, a: NDArray[Any], unit: str, b: NDArray[Any], other_unit: str) -> Agreement:
    common = np.isfinite(a).any(axis=0) & np.isfinite(b).any(axis=0)  # some bands have no light
    a, b = a[:, common], b[:, common]
    scaled = unit != other_unit
    figures = score(a, _fitted(a, b) if scaled else b) if common.any() else {}
    return Agreement(
        first=first,
        second=second,
        spectra=int(figures.get("spectra", 0)),
        r=figures.get("r_median", np.nan),
        nrmse=figures.get("nrmse", np.nan),
        slope=np.nan if scaled else figures.get("slope", np.nan),
        scaled=scaled,
    )


def _fitted(base: NDArray[Any], curve: NDArray[Any]) -> NDArray[Any]:
    """Scale each spectrum of `curve` (N, W) to that of `base` (N, W) by least squares."""
    both = np.isfinite(base) & np.isfinite(curve)
    t, p = np.where(both, base, 0.0), np.where(both, curve, 0.0)
    power = (p * p).sum(axis=1, keepdims=True)
    factor = np.divide((t * p).sum(axis=1, keepdims=True), power, out=np.ones_like(power), where=power > 0)
    return np.asarray(curve * factor)
