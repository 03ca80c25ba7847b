"""`simulate_stack`: what a microscope would measure of a sample that is known, and the truth beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from napari_crimson.errors import CrimsonError
from napari_crimson.phantom.maps import liquid_maps, tissue_maps
from napari_crimson.phantom.species import LIQUIDS, TISSUE, Lines, species_chi3
from napari_crimson.stack import make_stack

__all__ = ["SAMPLES", "Sample", "simulate_stack"]

Float64 = NDArray[np.float64]

_STRONGEST_OF = 2000  # pixels looked at for the strongest resonance


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample: the lines of its species, how much of which is where, and max|χ_R|/χ_NR of its strongest pixel."""

    lines: Lines
    maps: Callable[[tuple[int, ...], np.random.Generator], Float64]
    ratio: float


SAMPLES = {
    "tissue": Sample(lines=TISSUE, maps=tissue_maps, ratio=0.4),
    "liquids": Sample(lines=LIQUIDS, maps=liquid_maps, ratio=2.5),
}


def simulate_stack(
    shape: tuple[int, ...] = (128, 128),
    /,
    *,
    sample: str = "tissue",
    wavenumber: ArrayLike | None = None,
    ratio: float | None = None,
    photons: float = 40_000.0,
    dark_counts: float = 400.0,
    misfit: float = 0.08,
    seed: int = 0,
) -> xr.Dataset:
    """Simulate a stack of a sample that is known.

    ``"tissue"``: cells with nuclei and lipid droplets in water. ``"liquids"``: chambers of oil, of DMSO, and of water with beads of
    polystyrene and drops of oil, with glass between them. χ_NR is the same everywhere.

    Parameters
    ----------
    shape : tuple of int
        Pixels ([z,] y, x).
    sample : str
        ``"tissue"`` or ``"liquids"``.
    wavenumber : array_like, shape (W,), optional
        Ascending axis in cm⁻¹; by default 1000 points from 500 to 3500.
    ratio : float, optional
        Largest max|χ_R|/χ_NR of any pixel, by default 0.4 of tissue, where it is 0.02 to 0.5, and 2.5 of the liquids, of which the
        strongest, DMSO, then has it, and the weakest, water, some 0.6.
    photons : float
        Detected electrons, and counts, at the brightest point; at most 60,000.
    dark_counts : float
        Camera offset.
    misfit : float
        Relative bend of the reference's χ_NR against the sample's.
    seed : int
        The same seed gives the same stack.

    Returns
    -------
    xarray.Dataset
        A stack (`cars` uint16, `dark`, `reference`) with the truth `raman` = Im χ_R/χ_NR, float32, and the
        concentration map of each species as ``concentration_…``.

    Raises
    ------
    CrimsonError
        If there is no such sample, or `shape` or `photons` is unusable.
    """
    if sample not in SAMPLES:
        raise CrimsonError(f"there is no sample '{sample}'; give {' or '.join(SAMPLES)}")
    if not 2 <= len(shape) <= 3 or min(shape) < 1:
        raise CrimsonError(f"shape {shape}: give pixels as (y, x) or (z, y, x), each at least 1")
    if not 1 <= photons <= 60_000:
        raise CrimsonError(f"photons {photons:g}: a 16-bit camera takes 1 to 60,000 above its offset")
    known = SAMPLES[sample]
    ratio = known.ratio if ratio is None else ratio
    rng = np.random.default_rng(seed)
    axis = np.linspace(500.0, 3500.0, 1000) if wavenumber is None else np.asarray(wavenumber, dtype=np.float64)
    maps = known.maps(shape, rng)
    flat = maps.reshape(len(maps), -1).T
    chi = species_chi3(axis, known.lines)
    chi *= ratio / _strongest(flat, chi)

    background = _excitation(axis, rng)
    x = np.linspace(-1, 1, axis.size)
    dark = dark_counts + 4.0 * np.cos(3 * x) * (dark_counts > 0)
    reference = photons / 1.5 * background * (1 + misfit * (0.6 * x + 0.4 * x**2)) ** 2 + dark
    # the largest |1 + χ_R/χ_NR|² sets the exposure, so that no pixel saturates
    light = photons / (1 + ratio) ** 2 / 1.1 * background
    cars, raman = _expose(flat.astype(np.float32), chi.astype(np.complex64), light, _power(shape, rng), dark, rng)

    steps = {"z": 1.0, "y": 0.5, "x": 0.5}
    history = [f"simulated by napari-crimson: seed {seed}, ratio {ratio:g}, {photons:g} photons"]
    ds = make_stack(
        cars.reshape(*shape, -1), axis, dark=dark, reference=reference, step_um=steps, source=f"simulated {sample}", history=history
    )
    ds["raman"] = (ds["cars"].dims, raman.reshape(*shape, -1), {"long_name": "Im χ_R/χ_NR, truth"})
    for name, concentration in zip(known.lines, maps, strict=True):
        ds[f"concentration_{name.replace(' ', '_')}"] = (ds["cars"].dims[:-1], concentration.astype(np.float32))
    return ds


def _strongest(flat: Float64, chi: NDArray[np.complex128]) -> float:
    """Largest |χ_R| that concentrations (N, S) make of the species' χ_R (S, W)."""
    return max(float(np.abs(pixel @ chi).max()) for pixel in flat[:: max(1, len(flat) // _STRONGEST_OF)])


def _expose(
    flat: NDArray[np.float32], chi: NDArray[np.complex64], light: Float64, power: Float64, dark: Float64, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Counts of the camera, and Im χ_R/χ_NR, both (N, W), of concentrations (N, S)."""
    cars = np.empty((len(flat), chi.shape[1]), dtype=np.uint16)
    raman = np.empty((len(flat), chi.shape[1]), dtype=np.float32)
    for start in range(0, len(flat), 4096):
        rows = slice(start, start + 4096)
        resonant = flat[rows] @ chi
        raman[rows] = resonant.imag
        counts = light * power[rows] * np.abs(1 + resonant) ** 2
        noisy = counts + np.sqrt(counts + 6.0**2) * rng.standard_normal(counts.shape) + dark
        cars[rows] = np.clip(np.rint(noisy), 0, 65_534)
    return cars, raman


def _power(shape: tuple[int, ...], rng: np.random.Generator) -> Float64:
    """Power of the lasers (N, 1), which is not quite the same across the field."""
    power = gaussian_filter(rng.normal(size=shape), 12, mode="nearest").reshape(-1, 1)
    even: Float64 = 1 + 0.1 * power / max(1e-12, np.abs(power).max())
    return even


def _excitation(axis: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """I_S·χ_NR² (W,), maximum 1: a three-colour shoulder at low shifts, a two-colour hump, a ripple."""
    three = np.exp(-0.5 * ((axis - 300) / 900) ** 2)
    two = 0.75 * np.exp(-0.5 * ((axis - 2700) / 800) ** 2)
    period, phase = rng.uniform(350, 500), rng.uniform(0, 2 * np.pi)
    ripple = 1 + 0.015 * np.cos(2 * np.pi * axis / period + phase)
    curve: NDArray[np.float64] = (three + two + 0.12) * ripple
    curve /= curve.max()
    return curve
