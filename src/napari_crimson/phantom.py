"""`simulate_stack`: a tissue-like CARS stack with its truth, for samples, the demo and tests.

Cells with nuclei and lipid droplets lie in water; four species with lines at their textbook places share the
pixels. What the microscope adds is simulated too: an excitation of two colours with a ripple, a camera's dark
counts and noise, and a reference measured on a glass whose χ_NR is not quite the tissue's.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from napari_crimson.errors import CrimsonError
from napari_crimson.physics import gaussian_broadening, resonant_chi3
from napari_crimson.stack import make_stack

__all__ = ["SPECIES", "simulate_stack"]

# (Ω, Γ, height of Im χ_R): cm⁻¹, cm⁻¹, relative; places after Movasaghi, Rehman, Rehman, Appl. Spectrosc. Rev. 42, 493 (2007)
SPECIES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "lipid": (
        (719, 7, 0.06), (870, 12, 0.06), (1065, 9, 0.14), (1128, 9, 0.12), (1267, 11, 0.10), (1300, 10, 0.28), (1441, 11, 0.40),
        (1657, 8, 0.24), (1745, 9, 0.08), (2727, 14, 0.04), (2850, 11, 1.00), (2884, 14, 0.85), (2930, 18, 0.70), (3010, 9, 0.16),
    ),
    "protein": (
        (643, 6, 0.04), (755, 7, 0.07), (828, 8, 0.06), (853, 8, 0.07), (938, 14, 0.08), (1004, 4, 0.22), (1032, 6, 0.06), (1126, 9, 0.06),
        (1245, 22, 0.16), (1320, 18, 0.14), (1340, 14, 0.14), (1450, 14, 0.28), (1555, 8, 0.05), (1660, 18, 0.30), (2875, 22, 0.35),
        (2935, 24, 0.80), (3060, 12, 0.08),
    ),
    "nucleic acid": (
        (728, 8, 0.10), (785, 8, 0.30), (830, 11, 0.06), (1093, 11, 0.20), (1240, 14, 0.10), (1338, 13, 0.22), (1376, 10, 0.14),
        (1420, 9, 0.08), (1484, 11, 0.22), (1577, 9, 0.24), (2895, 20, 0.25), (2958, 20, 0.40),
    ),
    "water": ((1640, 45, 0.04), (3230, 95, 0.30), (3420, 90, 0.32)),
}  # fmt: skip


def simulate_stack(
    shape: tuple[int, ...] = (128, 128),
    /,
    *,
    wavenumber: ArrayLike | None = None,
    ratio: float = 0.4,
    photons: float = 40_000.0,
    dark_counts: float = 400.0,
    misfit: float = 0.08,
    seed: int = 0,
) -> xr.Dataset:
    """Simulate a tissue-like stack.

    Parameters
    ----------
    shape : tuple of int
        Pixels ([z,] y, x).
    wavenumber : array_like, shape (W,), optional
        Ascending axis in cm⁻¹; by default 1000 points from 500 to 3500.
    ratio : float
        Largest max|χ_R|/χ_NR of any pixel; 0.02 to 0.5 in tissue.
    photons : float
        Detected electrons, and counts, at the brightest point; at most 60,000.
    dark_counts : float
        Camera offset.
    misfit : float
        Relative bend of the reference's χ_NR against the tissue's.
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
        If `shape` or `photons` is unusable.
    """
    if not 2 <= len(shape) <= 3 or min(shape) < 1:
        raise CrimsonError(f"shape {shape}: give pixels as (y, x) or (z, y, x), each at least 1")
    if not 1 <= photons <= 60_000:
        raise CrimsonError(f"photons {photons:g}: a 16-bit camera takes 1 to 60,000 above its offset")
    rng = np.random.default_rng(seed)
    axis = np.linspace(500.0, 3500.0, 1000) if wavenumber is None else np.asarray(wavenumber, dtype=np.float64)
    chi = _species_chi3(axis)
    maps = _concentrations(shape, rng)
    strongest = max(
        float(np.abs(np.tensordot(c, chi, axes=(0, 0))).max()) for c in maps.reshape(len(maps), -1).T[:: max(1, maps[0].size // 2000)]
    )
    chi *= ratio / strongest

    background = _excitation(axis, rng)
    x = np.linspace(-1, 1, axis.size)
    dark = dark_counts + 4.0 * np.cos(3 * x) * (dark_counts > 0)
    reference = photons / 1.5 * background * (1 + misfit * (0.6 * x + 0.4 * x**2)) ** 2 + dark

    flat = maps.reshape(len(maps), -1).T.astype(np.float32)
    cars = np.empty((len(flat), axis.size), dtype=np.uint16)
    raman = np.empty((len(flat), axis.size), dtype=np.float32)
    # the largest |1 + χ_R/χ_NR|² sets the exposure, so that no pixel saturates
    full = photons / (1 + ratio) ** 2
    power = gaussian_filter(rng.normal(size=shape), 12, mode="nearest").reshape(-1, 1)
    power = 1 + 0.1 * power / max(1e-12, np.abs(power).max())
    for start in range(0, len(flat), 4096):
        rows = slice(start, start + 4096)
        resonant = flat[rows] @ chi.astype(np.complex64)
        raman[rows] = resonant.imag
        counts = full / 1.1 * power[rows] * background * np.abs(1 + resonant) ** 2
        noisy = counts + np.sqrt(counts + 6.0**2) * rng.standard_normal(counts.shape) + dark
        cars[rows] = np.clip(np.rint(noisy), 0, 65_534)

    steps = {"z": 1.0, "y": 0.5, "x": 0.5}
    history = [f"simulated by napari-crimson: seed {seed}, ratio {ratio:g}, {photons:g} photons"]
    ds = make_stack(
        cars.reshape(*shape, -1), axis, dark=dark, reference=reference, step_um=steps, source="simulated tissue", history=history
    )
    ds["raman"] = (ds["cars"].dims, raman.reshape(*shape, -1), {"long_name": "Im χ_R/χ_NR, truth"})
    for name, concentration in zip(SPECIES, maps, strict=True):
        ds[f"concentration_{name.replace(' ', '_')}"] = (ds["cars"].dims[:-1], concentration.astype(np.float32))
    return ds


def _species_chi3(axis: NDArray[np.float64]) -> NDArray[np.complex128]:
    """χ_R of each species (S, W), broadened by an instrument of 6 cm⁻¹, Im χ_R at most about 1."""
    step = (axis[-1] - axis[0]) / max(1, axis.size - 1)
    margin = int(np.ceil(20 / step))
    ends = step * np.arange(1, margin + 1)
    extended = np.concatenate([axis[0] - ends[::-1], axis, axis[-1] + ends])
    most = max(map(len, SPECIES.values()))
    lines = torch.zeros(3, len(SPECIES), most, dtype=torch.float64)
    lines[2] = 1.0  # an absent line has no amplitude, but still a width
    for row, species in enumerate(SPECIES.values()):
        position, hwhm, height = torch.tensor(species, dtype=torch.float64).T
        lines[:, row, : len(species)] = torch.stack([height * hwhm, position, hwhm])
    sigma = torch.full((len(SPECIES),), 6.0 / 2.3548 / step, dtype=torch.float64)
    real, imag = (gaussian_broadening(part, sigma).numpy() for part in resonant_chi3(torch.from_numpy(extended), *lines))
    chi: NDArray[np.complex128] = (real + 1j * imag)[:, margin : margin + axis.size]
    return chi


def _excitation(axis: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """I_S·χ_NR² (W,), maximum 1: a three-colour shoulder at low shifts, a two-colour hump, a ripple."""
    three = np.exp(-0.5 * ((axis - 300) / 900) ** 2)
    two = 0.75 * np.exp(-0.5 * ((axis - 2700) / 800) ** 2)
    period, phase = rng.uniform(350, 500), rng.uniform(0, 2 * np.pi)
    ripple = 1 + 0.015 * np.cos(2 * np.pi * axis / period + phase)
    curve: NDArray[np.float64] = (three + two + 0.12) * ripple
    curve /= curve.max()
    return curve


def _concentrations(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth maps (S, *shape) of the species, 0–1 each."""
    size = max(shape[-2:])
    grid = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij")

    def ball(centre: NDArray[np.float64], radii: NDArray[np.float64], edge: float) -> NDArray[np.float64]:
        distance = np.sqrt(sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)))
        soft: NDArray[np.float64] = 1 / (1 + np.exp(np.clip((distance - 1) / edge, -50, 50)))
        return soft

    body, nucleus, droplets = (np.zeros(shape) for _ in range(3))
    for _ in range(5):
        centre = rng.uniform(0.1, 0.9, len(shape)) * shape
        radius = size * rng.uniform(0.14, 0.22, len(shape))
        body = np.maximum(body, ball(centre, radius, 0.06))
        nucleus = np.maximum(nucleus, ball(centre + 0.2 * radius * rng.normal(size=len(shape)), 0.4 * radius, 0.08))
        for _ in range(6):
            offset = rng.normal(size=len(shape)) * radius * 0.5
            droplets = np.maximum(
                droplets, rng.uniform(0.4, 1) * ball(centre + offset, np.full(len(shape), max(1.2, size * rng.uniform(0.012, 0.035))), 0.15)
            )
    texture = gaussian_filter(rng.normal(size=shape), max(1.0, size / 40))
    texture = 1 + 0.15 * texture / max(1e-12, np.abs(texture).max())
    lipid = np.clip(0.04 + 0.10 * body * texture + droplets, 0, 1)
    protein = np.clip((0.05 + 0.55 * body - 0.15 * nucleus) * texture * (1 - 0.7 * droplets), 0, 1)
    acid = np.clip((0.02 + 0.55 * nucleus) * texture * (1 - 0.7 * droplets), 0, 1)
    return np.stack([lipid, protein, acid, np.clip(1 - 0.6 * body - 0.9 * droplets, 0.05, 1)])
