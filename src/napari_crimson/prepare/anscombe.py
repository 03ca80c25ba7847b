"""Variance stabilisation: counts whose noise grows with the light, turned into values whose noise is 1 everywhere, and back.

M. Mäkitalo and A. Foi, IEEE Trans. Image Process. 22, 91 (2013): the generalised Anscombe transform and the closed
form of its exact unbiased inverse. The plain inverse of the root would be too low by ¼ of an electron and more at low light.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.carried import recorded
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.counts import check_dark
from napari_crimson.prepare.step import changed, finite_spectrum, lazy_cars, map_spectra
from napari_crimson.spectra import float_spectra

__all__ = ["NoiseModel", "anscombe", "inverse_anscombe", "restore_counts", "stabilise_variance"]

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class NoiseModel:
    """Noise of a camera: counts = gain · Poisson(electrons) + dark + Normal(0, read_noise).

    Attributes
    ----------
    gain : float
        Counts an electron.
    read_noise : float
        Standard deviation in the dark, in counts.

    Raises
    ------
    CrimsonError
        If the gain is not positive, or the read noise negative.
    """

    gain: float = 1.0
    read_noise: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.gain < np.inf:
            raise CrimsonError(f"gain {self.gain}: give the counts an electron makes, a number above 0 such as 1")
        if not 0 <= self.read_noise < np.inf:
            raise CrimsonError(f"read_noise {self.read_noise}: give its standard deviation in counts, 0 or more")


def anscombe(counts: ArrayLike, /, *, noise: NoiseModel, dark: ArrayLike = 0.0) -> Values:
    """Stabilise the variance of counts (..., W).

    Parameters
    ----------
    counts : array_like, shape (..., W)
        Counts with the dark in them, or without it and ``dark=0``.
    noise : NoiseModel
        Of the camera.
    dark : array_like, shape (W,), or float
        Mean counts in the dark.

    Returns
    -------
    ndarray, shape (..., W), float32
        Values with a standard deviation of about 1, from some four electrons up, whatever the light.
    """
    electrons = (np.asarray(counts, dtype=np.float32) - np.asarray(dark, dtype=np.float32)) / np.float32(noise.gain)
    values: Values = 2 * np.sqrt(np.maximum(electrons + np.float32(_shift(noise)), 0), dtype=np.float32)
    return values


def inverse_anscombe(values: ArrayLike, /, *, noise: NoiseModel, dark: ArrayLike = 0.0) -> Values:
    """Counts (..., W), float32, of stabilised values: the closed form of the exact unbiased inverse.

    What it gives for a mean of stabilised values is the mean of the counts, which the inverse of the root is not.
    Values below that of no light give no light.
    """
    root = np.asarray(values, dtype=np.float64)
    least = 2 * np.sqrt(_shift(noise))
    floor = np.maximum(root, least)
    c = np.sqrt(1.5)
    electrons = floor**2 / 4 + c / (4 * floor) - 11 / (8 * floor**2) + 5 * c / (8 * floor**3) - 1 / 8 - (noise.read_noise / noise.gain) ** 2
    counts: Values = (np.maximum(electrons, 0) * noise.gain + np.asarray(dark, dtype=np.float64)).astype(np.float32)
    return counts


@recorded
def stabilise_variance(ds: xr.Dataset, noise: NoiseModel | None = None) -> xr.Dataset:
    """Stack of stabilised intensities, to be denoised by any means and given to `restore_counts`.

    A `dark` in the stack is taken for the mean counts in the dark. `dark` and `reference` stay counts: no remover
    may see the stack before its counts are restored. Saturated pixels become NaN.

    Raises
    ------
    CrimsonError
        If the intensities are stabilised already, or the dark is not finite or brighter than the data (see `check_dark`).
    """
    model = noise or NoiseModel()
    if "noise_model" in ds["cars"].attrs:
        raise CrimsonError("the intensities are stabilised already; restore_counts(ds) first")
    dark: ArrayLike = 0.0
    if "dark" in ds:
        dark = finite_spectrum(ds, "dark")
        check_dark(ds, dark)
    cars = map_spectra(partial(_forward, noise=model, dark=dark), lazy_cars(ds))
    attrs = {**ds["cars"].attrs, "noise_model": asdict(model)}
    note = f"variance stabilised (Anscombe, gain {model.gain:g}, read noise {model.read_noise:g} counts)"
    return changed(ds, note, cars=(ds["cars"].dims, cars, attrs))


@recorded
def restore_counts(ds: xr.Dataset) -> xr.Dataset:
    """Undo `stabilise_variance`: counts, float32, with their dark.

    Raises
    ------
    CrimsonError
        If the intensities are not stabilised ones.
    """
    attrs = dict(ds["cars"].attrs)
    if "noise_model" not in attrs:
        raise CrimsonError("the intensities are counts already: restore_counts undoes stabilise_variance, and nothing else")
    model = NoiseModel(**attrs.pop("noise_model"))
    dark = finite_spectrum(ds, "dark") if "dark" in ds else 0.0
    cars = map_spectra(partial(inverse_anscombe, noise=model, dark=dark), lazy_cars(ds))
    return changed(ds, "counts restored (unbiased inverse Anscombe)", cars=(ds["cars"].dims, cars, attrs))


def _forward(block: NDArray[Any], *, noise: NoiseModel, dark: ArrayLike) -> Values:
    return anscombe(float_spectra(block), noise=noise, dark=dark)


def _shift(noise: NoiseModel) -> float:
    """Electrons under the root at no light."""
    return 3 / 8 + (noise.read_noise / noise.gain) ** 2
