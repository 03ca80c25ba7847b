"""Unmixing: a few spectra, and how much of each is in every pixel.

The spectra are found from a sample of the pixels, once; the shares of all pixels are then lazy, block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.analysis.components import clustered_spectra, factorised_spectra, resolved_spectra
from napari_crimson.analysis.corrected import pixel_coords, spectra_of, variable_of
from napari_crimson.analysis.nfindr import purest_spectra
from napari_crimson.analysis.nonnegative import shares_of
from napari_crimson.analysis.sample import Sample, draw_sample
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import map_spectra

__all__ = ["UNMIXING", "unmix"]

Float64 = NDArray[np.float64]
Method = Literal["mcr", "nmf", "nfindr", "kmeans"]

UNMIXING: tuple[str, ...] = get_args(Method)
_SCALED = ("mcr", "nmf")  # their spectra have no scale of their own
_START = 100  # iterations of NMF that MCR begins with


def unmix(
    result: xr.Dataset,
    method: Method = "mcr",
    *,
    components: int = 4,
    sum_to_one: bool = False,
    most_pixels: int = 10_000,
    iterations: int = 500,
    tolerance: float = 1e-6,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
) -> xr.Dataset:
    """Find the components of a stack, and their share in each pixel.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack. It is read once now, for the sample.
    method : {"mcr", "nmf", "nfindr", "kmeans"}
        MCR-ALS, NMF, N-FINDR (the purest pixels) or k-means (groups of like pixels).
    components : int
        From 2 up.
    sum_to_one : bool
        Hold the shares of a pixel to a sum of 1; not for k-means, which gives each pixel to one component.
    most_pixels : int
        Size of the sample.
    iterations, tolerance : int, float
        Of mcr, nmf and, the former, kmeans: at most so many, and it ends when they change the residual by less than this part.
    seed : int
        Of the sample and of what starts at random; the same seed gives the same answer.
    progress : callable, optional
        Called with 0 to 1 while the spectra are sought; whatever it raises ends the work.

    Returns
    -------
    xarray.Dataset
        ``abundance`` (component, [t,] [z,] y, x), float32, lazy, not negative; NaN in pixels without a spectrum. ``spectra``
        (component, wavenumber), float64; NaN in bands without light. ``lack_of_fit`` of the sample in percent,
        100 √(Σ residual² / Σ value²) (J. Jaumot, A. de Juan and R. Tauler, Chemom. Intell. Lab. Syst. 140, 1, 2015). Components
        that bring most come first. Spectra of mcr and nmf have their highest point at 1, so that the abundance is in units of the
        stack; those of nfindr and kmeans are in units of the stack, and the abundance is a share.

    Raises
    ------
    CrimsonError
        If a choice is unknown or unusable, fewer pixels hold a spectrum than components are asked for, or the extra
        ``analysis`` is missing.
    """
    if method not in UNMIXING:
        raise CrimsonError(f"method '{method}': give one of {', '.join(UNMIXING)}")
    if components < 2 or most_pixels < 2 or iterations < 1 or not tolerance >= 0:
        raise CrimsonError(
            f"components {components}, most_pixels {most_pixels}, iterations {iterations}, tolerance {tolerance:g}: "
            "give at least 2 components, 2 pixels, 1 iteration and a tolerance of 0 or more"
        )
    heed = progress or _ignore
    lazy, axis = spectra_of(result)
    sample = draw_sample(lazy, most_pixels, np.random.default_rng(seed), progress=lambda part: heed(part / 2))
    most = min(sample.spectra.shape)
    if components > most:
        pixels, bands = sample.spectra.shape
        raise CrimsonError(f"{components} components of {pixels} pixels with a spectrum and {bands} bands: give 2 to {most}")
    values = sample.spectra.astype(np.float64)
    found = _find(values, method, components, seed, iterations, tolerance, lambda part: heed(0.5 + part / 2))
    found, lack = _ordered(found, values, method, sum_to_one)
    shares = map_spectra(
        partial(_shares, bands=sample.bands, spectra=found, nearest=method == "kmeans", sum_to_one=sum_to_one), lazy, points=components
    )
    heed(1.0)
    spectra = np.full((components, axis.size), np.nan)
    spectra[:, sample.bands] = found
    return _dataset(result, shares, spectra, lack, _told(method, components, sum_to_one, sample, lack))


def _find(values: Float64, method: str, components: int, seed: int, iterations: int, tolerance: float, heed: Any) -> Float64:
    """Spectra (K, B) of the components, as the method gives them."""
    if method == "nfindr":
        return purest_spectra(values, components, progress=heed)
    if method == "kmeans":
        return clustered_spectra(values, components, seed=seed, iterations=iterations)
    factorise = partial(factorised_spectra, values, components, seed=seed, tolerance=tolerance)
    if method == "nmf":
        return factorise(iterations=iterations, progress=heed)
    start = factorise(iterations=min(_START, iterations), progress=lambda part: heed(part / 2))
    return resolved_spectra(values, start, iterations=iterations, tolerance=tolerance, progress=lambda part: heed(0.5 + part / 2))


def _ordered(found: Float64, values: Float64, method: str, sum_to_one: bool) -> tuple[Float64, float]:
    """Scale the spectra, put first what brings most, and tell the lack of fit in percent."""
    if method in _SCALED:
        found = found / np.maximum(found.max(axis=1, keepdims=True), np.finfo(float).tiny)
    shares = _nearest(values, found) if method == "kmeans" else shares_of(values, found, sum_to_one=sum_to_one)
    brought = (shares**2).sum(axis=0) * (found**2).sum(axis=1)
    lack = 100 * np.linalg.norm(values - shares @ found) / max(float(np.linalg.norm(values)), np.finfo(float).tiny)
    return found[np.argsort(-brought, kind="stable")], float(lack)


def _shares(block: NDArray[Any], *, bands: NDArray[np.bool_], spectra: Float64, nearest: bool, sum_to_one: bool) -> NDArray[np.float32]:
    """Shares (..., K) of a block (..., W)."""
    values = block.reshape(-1, block.shape[-1])[:, bands]
    sound = np.isfinite(values).all(axis=1)
    shares = np.full((len(values), len(spectra)), np.nan, dtype=np.float32)
    known = values[sound].astype(np.float64)
    shares[sound] = _nearest(known, spectra) if nearest else shares_of(known, spectra, sum_to_one=sum_to_one)
    return shares.reshape(*block.shape[:-1], -1)


def _nearest(values: Float64, spectra: Float64) -> Float64:
    """1 for the spectrum that is nearest, 0 for the others."""
    distance = (spectra**2).sum(axis=1) - 2 * values @ spectra.T
    one_of: Float64 = np.eye(len(spectra))[distance.argmin(axis=1)]
    return one_of


def _dataset(result: xr.Dataset, shares: da.Array, spectra: Float64, lack: float, note: str) -> xr.Dataset:
    dims = result[variable_of(result)].dims[:-1]
    number = np.arange(1, len(spectra) + 1)
    variables = {
        "abundance": (("component", *dims), da.moveaxis(shares, -1, 0), {"long_name": "share of each component"}),
        "spectra": (("component", "wavenumber"), spectra, {"long_name": "spectra of the components"}),
        "lack_of_fit": ((), lack, {"units": "percent"}),
    }
    coords = {"component": ("component", number), "wavenumber": result["wavenumber"], **pixel_coords(result)}
    attrs = {"source": result.attrs.get("source", ""), "history": [*result.attrs.get("history", ()), note]}
    return xr.Dataset(variables, coords, attrs)


def _told(method: str, components: int, sum_to_one: bool, sample: Sample, lack: float) -> str:
    whole = f"{len(sample.spectra)} of {sample.pixels} pixels"
    bad = f", {sample.bad_pixels} hold no spectrum" if sample.bad_pixels else ""
    one = ", shares summing to 1" if sum_to_one else ""
    return f"unmixed by {method} into {components} components{one}, from {whole}{bad}: lack of fit {lack:.3g} %"


def _ignore(_: float) -> None:
    """Heed nothing."""
