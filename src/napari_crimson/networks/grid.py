"""The uniform grid a network works on, and the way there and back as a matrix product on the device."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["STEP_CM1", "grid_step", "network_grid", "resampling_matrix"]

STEP_CM1 = (1.5, 4.0)  # spacings the networks are trained on; a finer or coarser axis is resampled into them


def grid_step(step: float) -> float:
    """The spacing of the grid for an axis of spacing `step`, cm⁻¹."""
    return min(max(step, STEP_CM1[0]), STEP_CM1[1])


def network_grid(wavenumber: Tensor) -> Tensor:
    """Uniform grid (G,) for an ascending axis (W,): the axis itself where it is uniform and its step fits."""
    points = wavenumber.numel()
    span = float(wavenumber[-1] - wavenumber[0])
    step = span / (points - 1)
    wanted = grid_step(step)
    grid_points = points if wanted == step else max(2, round(span / wanted) + 1)
    grid = torch.linspace(float(wavenumber[0]), float(wavenumber[-1]), grid_points, dtype=wavenumber.dtype, device=wavenumber.device)
    if grid_points == points and bool(((grid - wavenumber).abs() <= 0.02 * step).all()):
        return wavenumber
    return grid


def resampling_matrix(source: Tensor, target: Tensor) -> Tensor:
    """Matrix (W, G) that takes spectra from axis `source` (W,) to `target` (G,): ``spectra @ matrix``.

    Linear interpolation where the target is finer; where it is coarser, a triangular average over the target's step,
    so that no measured photon is thrown away. Targets beyond the source take its end.
    """
    source, target = source.double(), target.double()
    inside = target.clamp(source[0], source[-1])
    right = torch.searchsorted(source, inside).clamp(1, source.numel() - 1)
    gap = source[right] - source[right - 1]
    share = (inside - source[right - 1]) / gap
    matrix = torch.zeros(source.numel(), target.numel(), dtype=torch.float64, device=source.device)
    column = torch.arange(target.numel(), device=source.device)
    matrix[right - 1, column] = 1 - share
    matrix[right, column] += share
    step = float(target[-1] - target[0]) / max(1, target.numel() - 1)
    if step > 1.01 * float(source[-1] - source[0]) / (source.numel() - 1):
        hat = (1 - (source.unsqueeze(1) - inside).abs() / step).clamp(min=0)
        weight = torch.gradient(source)[0].unsqueeze(1)  # what each source point stands for
        matrix = torch.where(gap < step, hat * weight, matrix)
        matrix = matrix / matrix.sum(0, keepdim=True)
    return matrix.float()
