"""Denoising by singular value decomposition (SVD), out of core: two passes over the blocks of a stack.

The first pass sums the Gram matrix XᵀX (W×W, float64), whose eigenvectors are the spectral vectors of the SVD: with
some thousand bands that is exact, and no random projection would be faster. The second, lazy, projects each block. Only
a few blocks and the matrix are ever in memory.

`decompose` gives singular values, spectral vectors and spatial maps to look at and choose from, and `Decomposition.denoise`
the stack of as many components as one likes; `denoise_svd` is both in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.carried import changed_settings, steps_of, with_steps
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.anscombe import NoiseModel, anscombe, inverse_anscombe
from napari_crimson.prepare.counts import check_dark
from napari_crimson.prepare.gram import SLAB_VALUES, Forward, gram_matrix
from napari_crimson.prepare.rank import band_noise, components_that_pay, principal_axes
from napari_crimson.prepare.step import changed, finite_spectrum, lazy_cars, map_spectra
from napari_crimson.spectra import float_spectra, sound_pixels

__all__ = ["Decomposition", "SVDSettings", "decompose", "denoise_svd"]

Float64 = NDArray[np.float64]
Values = NDArray[np.float32]
Scaling = Literal["noise", "anscombe", "none"]


@dataclass(frozen=True, kw_only=True)
class SVDSettings:
    """Choices of the SVD denoising.

    Attributes
    ----------
    components : int or "auto"
        Components kept; "auto" keeps those that bring more signal than noise.
    scaling : {"noise", "anscombe", "none"}
        Divide each band by its noise, found from the stack; or stabilise the variance value by value, with the camera's
        noise model; or neither, so that bright bands decide.
    noise_model : NoiseModel
        Of the camera; used by "anscombe" only.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    components: int | Literal["auto"] = "auto"
    scaling: Scaling = "noise"
    noise_model: NoiseModel = field(default_factory=NoiseModel)

    def __post_init__(self) -> None:
        if self.components != "auto" and (not isinstance(self.components, int) or self.components < 1):
            raise CrimsonError(f"components {self.components!r}: give 'auto' or a number from 1 up")
        if self.scaling not in get_args(Scaling):
            raise CrimsonError(f"scaling {self.scaling!r}: give one of {', '.join(get_args(Scaling))}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Decomposition:
    """A stack's SVD, of its scaled or stabilised intensities.

    Attributes
    ----------
    stack : xarray.Dataset
    settings : SVDSettings
    components : int
        As chosen, by the settings or automatically.
    singular_values : ndarray, shape (K,)
        Falling; K is the smaller of bands and sound pixels. In units of the noise where the scaling is "noise".
    vectors : xarray.DataArray, dims ("component", "wavenumber"), shape (K, W)
        Spectral vectors of unit length.
    noise : ndarray, shape (W,)
        Standard deviation of the noise of each band, in counts or, for "anscombe", in stabilised values.
    pixels, bad_pixels : int
        All pixels, and those left out: saturated, not finite, or nowhere positive.
    """

    stack: xr.Dataset
    settings: SVDSettings
    components: int
    singular_values: Float64
    vectors: xr.DataArray
    noise: Float64
    pixels: int
    bad_pixels: int

    def maps(self, components: int) -> xr.DataArray:
        """Spatial maps of the leading components, lazy, dims (..., "y", "x", "component"), float32; NaN in bad pixels."""
        lead = self._lead(components)
        project = partial(_map, forward=_forward(self.stack, self.settings), vectors=lead * self._weights[:, None])
        scores = map_spectra(project, lazy_cars(self.stack), points=components)
        pixel_dims = self.stack["cars"].dims[:-1]
        coords = {dim: self.stack[dim] for dim in pixel_dims if dim in self.stack.coords}
        return xr.DataArray(scores, coords, (*pixel_dims, "component"), name="maps")

    def denoise(self, components: int | None = None) -> xr.Dataset:
        """Stack of the leading components, lazy, float32 counts; NaN in bad pixels; the number kept is in the attrs of its ``cars``.

        Raises
        ------
        CrimsonError
            If there are fewer components than asked for.
        """
        kept = self.components if components is None else components
        lead, weights = self._lead(kept), self._weights[:, None]
        backward = _backward(self.stack, self.settings)
        project = partial(
            _project, forward=_forward(self.stack, self.settings), backward=backward, into=lead * weights, out=(lead / weights).T
        )
        cars = map_spectra(project, lazy_cars(self.stack))
        marked = (self.stack["cars"].dims, cars, {**self.stack["cars"].attrs, "svd_components": kept})
        chosen = "" if self.settings.components != "auto" or components is not None else ", chosen automatically"
        bad = f"; {self.bad_pixels} of {self.pixels} pixels hold no spectrum" if self.bad_pixels else ""
        step = {"name": "denoise_svd", **changed_settings(self.settings)} | ({} if components is None else {"components": components})
        done = changed(self.stack, f"denoised by SVD: {kept} components{chosen}, scaling {self.settings.scaling}{bad}", cars=marked)
        return with_steps(done, [*steps_of(self.stack), step])

    @property
    def _weights(self) -> Float64:
        return 1 / self.noise if self.settings.scaling == "noise" else np.ones_like(self.noise)

    def _lead(self, components: int) -> Float64:
        """Leading spectral vectors (W, components)."""
        _check_components(components, self.pixels - self.bad_pixels, self.noise.size)
        lead: Float64 = self.vectors.values[:components].T
        return lead


def decompose(ds: xr.Dataset, settings: SVDSettings | None = None, *, progress: Callable[[float], object] | None = None) -> Decomposition:
    """Decompose a stack: one pass over its blocks, now.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack; a `dark` in it is known to "anscombe" as the counts without light.
    settings : SVDSettings, optional
        Scaling, and the number of components.
    progress : callable, optional
        Called with the fraction of the blocks read so far, 0 to 1; whatever it raises ends the pass.

    Raises
    ------
    CrimsonError
        If fewer pixels hold a spectrum than components are asked for, or none does; for "anscombe", if the dark is not finite or
        brighter than the data.
    """
    chosen = settings or SVDSettings()
    cars = lazy_cars(ds)
    if chosen.scaling == "anscombe" and "dark" in ds:
        check_dark(ds, finite_spectrum(ds, "dark"))
    gram, sound = gram_matrix(cars, _forward(ds, chosen), progress=progress)
    pixels = int(np.prod(cars.shape[:-1]))
    if sound == 0:
        raise CrimsonError(f"none of {pixels} pixels holds a spectrum (all saturated, not finite or nowhere positive): nothing to denoise")
    if chosen.components != "auto":
        _check_components(chosen.components, sound, cars.shape[-1])
    noise = band_noise(gram, sound)
    scale = noise if chosen.scaling == "noise" else np.ones_like(noise)
    values, vectors = principal_axes(gram / np.outer(scale, scale))
    kept = components_that_pay(values, vectors, sound, noise / scale) if chosen.components == "auto" else chosen.components
    most = min(sound, noise.size)
    return Decomposition(
        stack=ds,
        settings=chosen,
        components=kept,
        singular_values=np.sqrt(values[:most]),
        vectors=xr.DataArray(vectors.T[:most], {"wavenumber": ds["wavenumber"]}, ("component", "wavenumber"), name="vectors"),
        noise=noise,
        pixels=pixels,
        bad_pixels=pixels - sound,
    )


def denoise_svd(ds: xr.Dataset, settings: SVDSettings | None = None, *, progress: Callable[[float], object] | None = None) -> xr.Dataset:
    """Denoise a stack by SVD: keep the components that hold signal.

    The stack is read once now, and again when the result, lazy float32 counts, is computed.

    Parameters and result are those of `decompose` and `Decomposition.denoise`.

    Raises
    ------
    CrimsonError
        As `decompose`.
    """
    return decompose(ds, settings, progress=progress).denoise()


def _check_components(components: int, sound: int, points: int) -> None:
    if not 1 <= components <= min(sound, points):
        raise CrimsonError(
            f"{components} components of {sound} pixels with a spectrum and {points} bands: give 1 to {min(sound, points)}, or 'auto'"
        )


def _project(block: NDArray[Any], *, forward: Forward, backward: Forward, into: Float64, out: Float64) -> Values:
    """Block (..., W) through the components: `into` (W, K), and `out` (K, W) of them."""
    scores = _map(block, forward=forward, vectors=into)
    return backward(scores @ out.astype(np.float32))


def _map(block: NDArray[Any], *, forward: Forward, vectors: Float64) -> Values:
    """Scores (..., K) of a block (..., W); NaN in bad pixels."""
    spectra = block.reshape(-1, block.shape[-1])
    scores = np.full((len(spectra), vectors.shape[1]), np.nan, dtype=np.float32)
    rows = max(1, SLAB_VALUES // spectra.shape[1])
    for start in range(0, len(spectra), rows):
        counts = float_spectra(spectra[start : start + rows])
        sound = sound_pixels(counts)
        scores[start : start + rows][sound] = forward(counts[sound]) @ vectors.astype(np.float32)
    return scores.reshape(*block.shape[:-1], -1)


def _forward(ds: xr.Dataset, settings: SVDSettings) -> Forward:
    if settings.scaling != "anscombe":
        return _same
    return partial(anscombe, noise=settings.noise_model, dark=ds["dark"].values if "dark" in ds else 0.0)


def _backward(ds: xr.Dataset, settings: SVDSettings) -> Forward:
    if settings.scaling != "anscombe":
        return _same
    return partial(inverse_anscombe, noise=settings.noise_model, dark=ds["dark"].values if "dark" in ds else 0.0)


def _same(values: NDArray[Any]) -> Values:
    return values
