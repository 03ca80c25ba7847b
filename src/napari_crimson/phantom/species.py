"""What simulated samples are made of: the lines of each species.

A line is (Ω, Γ, height of Im χ_R): cm⁻¹, cm⁻¹, relative within a sample. Places are after the literature named beside each list;
widths and heights are round figures in the proportions of spontaneous Raman spectra, to which Im χ_R is proportional.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_crimson.physics import gaussian_broadening, resonant_chi3

__all__ = ["LIQUIDS", "TISSUE", "Lines", "species_chi3"]

Lines = dict[str, tuple[tuple[float, float, float], ...]]

# Z. Movasaghi, S. Rehman and I. U. Rehman, Appl. Spectrosc. Rev. 42, 493 (2007)
TISSUE: Lines = {
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

# Oil: K. Czamara et al., J. Raman Spectrosc. 46, 4 (2015), doi:10.1002/jrs.4607.
# DMSO: W. N. Martens et al., J. Raman Spectrosc. 33, 84 (2002), doi:10.1002/jrs.827.
# Water: D. M. Carey and G. M. Korenowski, J. Chem. Phys. 108, 2669 (1998), doi:10.1063/1.475659.
# Polystyrene: ASTM E1840, Standard Guide for Raman Shift Standards for Spectrometer Calibration.
LIQUIDS: Lines = {
    "oil": (
        (868, 12, 0.04), (1080, 15, 0.07), (1267, 9, 0.10), (1303, 9, 0.22), (1440, 13, 0.32), (1656, 8, 0.26), (1747, 10, 0.08),
        (2726, 14, 0.02), (2853, 10, 0.62), (2877, 14, 0.22), (2897, 15, 0.34), (2930, 17, 0.42), (2961, 12, 0.10), (3009, 9, 0.14),
    ),
    "DMSO": (
        (335, 7, 0.10), (383, 8, 0.12), (667, 6, 0.36), (698, 6, 0.32), (953, 12, 0.05), (1042, 16, 0.12), (1417, 10, 0.10),
        (2913, 7, 1.00), (2995, 9, 0.42),
    ),
    "water": ((1640, 45, 0.01), (3230, 95, 0.16), (3420, 90, 0.18)),
    "polystyrene": (
        (620.9, 5, 0.14), (795.8, 6, 0.09), (1001.4, 4, 0.80), (1031.8, 5, 0.22), (1155.3, 8, 0.10), (1450.5, 12, 0.10), (1583.1, 7, 0.12),
        (1602.3, 6, 0.28), (2852.4, 14, 0.10), (2904.5, 20, 0.26), (3054.3, 10, 0.60),
    ),
}  # fmt: skip


def species_chi3(axis: NDArray[np.float64], species: Lines, /) -> NDArray[np.complex128]:
    """χ_R (S, W) of each of some species, broadened by an instrument of 6 cm⁻¹."""
    step = (axis[-1] - axis[0]) / max(1, axis.size - 1)
    margin = int(np.ceil(20 / step))
    ends = step * np.arange(1, margin + 1)
    extended = np.concatenate([axis[0] - ends[::-1], axis, axis[-1] + ends])
    most = max(map(len, species.values()))
    lines = torch.zeros(3, len(species), most, dtype=torch.float64)
    lines[2] = 1.0  # an absent line has no amplitude, but still a width
    for row, one in enumerate(species.values()):
        position, hwhm, height = torch.tensor(one, dtype=torch.float64).T
        lines[:, row, : len(one)] = torch.stack([height * hwhm, position, hwhm])
    sigma = torch.full((len(species),), 6.0 / 2.3548 / step, dtype=torch.float64)
    real, imag = (gaussian_broadening(part, sigma).numpy() for part in resonant_chi3(torch.from_numpy(extended), *lines))
    chi: NDArray[np.complex128] = (real + 1j * imag)[:, margin : margin + axis.size]
    return chi
