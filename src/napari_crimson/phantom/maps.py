"""How much of which species is where in a simulated sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["liquid_maps", "tissue_maps"]

Float64 = NDArray[np.float64]


def tissue_maps(shape: tuple[int, ...], rng: np.random.Generator, /) -> Float64:
    """Smooth maps (S, *shape) of lipid, protein, nucleic acid and water, 0–1 each: cells with nuclei and droplets."""
    size = max(shape[-2:])
    grid = _grid(shape)
    body, nucleus, droplets = (np.zeros(shape) for _ in range(3))
    for _ in range(5):
        centre = rng.uniform(0.1, 0.9, len(shape)) * shape
        radius = size * rng.uniform(0.14, 0.22, len(shape))
        body = np.maximum(body, _ball(grid, centre, radius, 0.06))
        nucleus = np.maximum(nucleus, _ball(grid, centre + 0.2 * radius * rng.normal(size=len(shape)), 0.4 * radius, 0.08))
        for _ in range(6):
            offset = rng.normal(size=len(shape)) * radius * 0.5
            droplets = np.maximum(
                droplets,
                rng.uniform(0.4, 1) * _ball(grid, centre + offset, np.full(len(shape), max(1.2, size * rng.uniform(0.012, 0.035))), 0.15),
            )
    texture = gaussian_filter(rng.normal(size=shape), max(1.0, size / 40))
    texture = 1 + 0.15 * texture / max(1e-12, np.abs(texture).max())
    lipid = np.clip(0.04 + 0.10 * body * texture + droplets, 0, 1)
    protein = np.clip((0.05 + 0.55 * body - 0.15 * nucleus) * texture * (1 - 0.7 * droplets), 0, 1)
    acid = np.clip((0.02 + 0.55 * nucleus) * texture * (1 - 0.7 * droplets), 0, 1)
    return np.stack([lipid, protein, acid, np.clip(1 - 0.6 * body - 0.9 * droplets, 0.05, 1)])


def liquid_maps(shape: tuple[int, ...], rng: np.random.Generator, /) -> Float64:
    """Volume fractions (S, *shape) of oil, DMSO, water and polystyrene: three chambers along x with glass between them.

    The third holds water with beads of polystyrene and drops of oil; glass holds none of the four.
    """
    size = max(shape[-2:])
    grid = _grid(shape)
    x = (grid[-1] + 0.5) / shape[-1]
    oil, dmso, water = (_soft_step(x - first, 0.004) * _soft_step(last - x, 0.004) for first, last in ((-1, 0.28), (0.34, 0.58), (0.64, 2)))
    beads, drops = np.zeros(shape), np.zeros(shape)
    for kind, count, smallest, largest in ((beads, 14, 0.025, 0.05), (drops, 4, 0.03, 0.06)):
        for _ in range(count):
            radius = max(1.2, size * rng.uniform(smallest, largest))
            centre = rng.uniform(0.05, 0.95, len(shape)) * shape
            centre[-1] = rng.uniform(0.68, 0.97) * shape[-1]
            np.maximum(kind, _ball(grid, centre, np.full(len(shape), radius), 0.08), out=kind)
    around = water * (1 - beads)
    return np.stack([oil + around * drops, dmso, around * (1 - drops), water * beads])


def _ball(grid: list[Float64], centre: Float64, radii: Float64, edge: float) -> Float64:
    """A ball or ellipsoid, 1 within, with a soft edge of this part of its radius."""
    distance = np.sqrt(sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)))
    return _soft_step(1 - distance, edge)


def _soft_step(x: Float64, width: float) -> Float64:
    step: Float64 = 1 / (1 + np.exp(np.clip(-x / width, -50, 50)))
    return step


def _grid(shape: tuple[int, ...]) -> list[Float64]:
    return list(np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij"))
