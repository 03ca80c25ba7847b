"""What training draws, minimises and is judged by."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from napari_crimson.networks import Network
from napari_crimson.networks.grid import STEP_CM1, network_grid, resampling_matrix
from napari_crimson.physics import uniform
from napari_crimson.recipe import Recipe
from napari_crimson.synthesis import Batch, Prior

__all__ = ["draw_on_grid", "judge", "loss", "quantile_loss", "unexplained"]


def draw_on_grid(recipe: Recipe, prior: Prior, generator: torch.Generator) -> Batch:
    """One batch on a random axis, resampled to the network's grid as in use."""

    def one(low: float, high: float, *, log: bool = False) -> float:
        return float(uniform(generator, (1,), low, max(low, high), log=log))

    step = one(*recipe.step_cm1, log=True)
    span = min(one(*recipe.points, log=True) * max(step, STEP_CM1[0]), recipe.range_cm1[1] - recipe.range_cm1[0])
    start = one(recipe.range_cm1[0], recipe.range_cm1[1] - span)
    axis = torch.linspace(start, start + span, max(128, round(span / step) + 1), device=generator.device)
    grid_points = network_grid(axis).numel()
    return _on_grid(prior.draw(max(8, recipe.batch_points // grid_points), axis, generator))


def loss(network: Network, batch: Batch, prior: Prior, *, compress: float = 0.0, deviation: bool = True) -> tuple[Tensor, Tensor]:
    """What is minimised: the error of a batch, plus what teaches the `deviation` (`quantile_loss`); and the squared error, detached.

    The error is squared, in units of each spectrum's largest value; or, with `compress`, the share of each spectrum that is left
    `unexplained`.
    """
    mean, *sd = network(batch.cars, batch.wavenumber, batch.reference, deviation=deviation)
    unit = _error_unit(batch, prior)
    residual = (mean - batch.raman) / unit
    # squared up to an error as large as the spectrum, linear beyond: a few hopeless spectra must not lead
    squared = 2 * torch.nn.functional.huber_loss(residual, torch.zeros_like(residual), delta=1.0)
    error = unexplained(residual, batch.raman / unit, compress).mean() if compress else squared
    return error + sum(0.01 * quantile_loss(residual.detach(), one / unit).mean() for one in sd), squared.detach()


def unexplained(residual: Tensor, truth: Tensor, compress: float) -> Tensor:
    """The share (N,) of each spectrum (N, W) that an answer leaves over, its logarithm beyond `compress` where that is not 0.

    That is 1 − R² of a spectrum with a mean of 0. A spectrum of few narrow lines counts as much as one of many, and hopeless
    ones do not lead.
    """
    share = residual.float().square().mean(1) / (truth.float().square().mean(1) + 1e-5)  # a spectrum without a line has none to explain
    return compress * (share / compress).log1p() if compress else share


def quantile_loss(residual: Tensor, spread: Tensor) -> Tensor:
    """What a deviation falls short by, of each residual.

    It is asked to hold 68.27 % of the errors, and twice of it 95.45 %, by the quantile loss of Koenker and Bassett, Econometrica 46, 33
    (1978), of the logarithm of |error|: one standard deviation where errors are Gaussian. Where a few are far off they do not widen the
    rest; it then holds some more than the first share, and twice of it some less than the second.
    """
    size = (residual.abs() + 1e-6).log()
    total = torch.zeros_like(size)
    for sigmas in (1, 2):
        within, beyond = math.erf(sigmas * math.sqrt(0.5)), size - (sigmas * spread).log()
        total = total + torch.where(beyond > 0, within * beyond, (within - 1) * beyond)
    return total


@torch.no_grad()
def judge(network: Network, batches: Iterable[Batch], prior: Prior, *, compress: float = 0.0) -> dict[str, float]:
    """Figures of a network on simulated spectra.

    Returns
    -------
    dict
        ``error``, mean squared, in units of each spectrum's largest value; ``unexplained``, mean, with `compress` as in the loss;
        ``pearson``, median correlation; ``slope`` of the answer on the
        truth; ``within_1sd`` and ``within_2sd``, the shares of points whose truth lies within one and two standard deviations;
        ``deviation``, the `quantile_loss`.
    """
    errors, left, correlations, products, inside, twice, short = [], [], [], torch.zeros(2), [], [], []
    for batch in batches:
        mean, sd = network(batch.cars, batch.wavenumber, batch.reference)
        truth, unit = batch.raman, _error_unit(batch, prior)
        errors.append((((mean - truth) / unit) ** 2).mean(1))
        left.append(unexplained((mean - truth) / unit, truth / unit, compress))
        a, b = truth - truth.mean(1, keepdim=True), mean - mean.mean(1, keepdim=True)
        correlations.append((a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt().clamp(min=1e-12))
        products += torch.stack([(mean * truth / unit**2).sum(), (truth * truth / unit**2).sum()]).cpu()
        inside.append(((mean - truth).abs() <= sd).float().mean(1))
        twice.append(((mean - truth).abs() <= 2 * sd).float().mean(1))
        short.append(quantile_loss((mean - truth) / unit, sd / unit).mean(1))
    return {
        "error": float(torch.cat(errors).mean()),
        "unexplained": float(torch.cat(left).mean()),
        "pearson": float(torch.cat(correlations).median()),
        "slope": float(products[0] / products[1]),
        "within_1sd": float(torch.cat(inside).mean()),
        "within_2sd": float(torch.cat(twice).mean()),
        "deviation": float(torch.cat(short).mean()),
    }


def _on_grid(batch: Batch) -> Batch:
    """Resample a batch to the network's grid, intensities as the remover does."""
    grid = network_grid(batch.wavenumber)
    if grid is batch.wavenumber:
        return batch
    matrix = resampling_matrix(batch.wavenumber, grid)
    return Batch(grid, batch.cars @ matrix, batch.raman @ matrix, batch.reference @ matrix, batch.scale)


def _error_unit(batch: Batch, prior: Prior) -> Tensor:
    """What errors (N, 1) are measured in: weak spectra count as much as strong ones, down to the noise."""
    return batch.scale + 0.01 if prior.convention == "relative" else batch.scale
