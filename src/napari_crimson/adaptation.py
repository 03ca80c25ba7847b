"""Shipped weights adapted to one microscope: the recipe of a short training on its axis, its excitation, its noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["adaptation_recipe"]

_FEWEST_POINTS, _STORED_POINTS = 128, 1000


def adaptation_recipe(
    start: str,
    reference: xr.DataArray,
    *,
    axis: tuple[float, float, float] | None = None,
    photons: tuple[float, float] | None = None,
    read_noise: tuple[float, float] | None = None,
    name: str | None = None,
    steps: int = 600,
) -> Recipe:
    """Give the recipe that adapts weights to the microscope on which `reference` was measured; `train` runs it.

    Training goes on from `start` on simulated spectra of the same prior, all on this axis and under this excitation, with
    a little drift; half of them come beside a reference. It saves nothing that validates worse than `start` does there.

    Parameters
    ----------
    start : str
        Weights by name or path; of the relative convention.
    reference : DataArray, shape (W,), with coordinate ``wavenumber`` in cm⁻¹
        Counts of a purely non-resonant sample, dark subtracted: the shape of the excitation.
    axis : (start, stop, step), optional
        The axis of the stacks to come, cm⁻¹; default that of the reference.
    photons : (low, high), optional
        Electrons at the brightest point of a spectrum; default as `start` was trained.
    read_noise : (low, high), optional
        In electrons, likewise.
    name : str, optional
        Of the weights; default that of `start` with ``-adapted``.
    steps : int
        Of training, some 0.1 to 0.3 s each on a CPU.

    Raises
    ------
    CrimsonError
        If the reference is not positive or does not cover the axis, the axis is too short, or `start` cannot be adapted.
    """
    card = weights.read_card(start)
    if card["convention"] != "relative":
        raise CrimsonError(f"'{start}' answers in the {card['convention']} convention of published sets; adapt cnn or rnn")
    ordered = reference.sortby("wavenumber")
    measured, counts = ordered["wavenumber"].values.astype(float), ordered.values.astype(float)
    low, high, step = axis or (measured[0], measured[-1], (measured[-1] - measured[0]) / max(1, measured.size - 1))
    points = _points(low, high, step)
    if measured[0] > low or measured[-1] < high:
        raise CrimsonError(
            f"the reference covers {measured[0]:g} to {measured[-1]:g} cm⁻¹, the axis {low:g} to {high:g}; give axis= within it"
        )
    inside = (measured >= low - step) & (measured <= high + step)
    if not np.isfinite(counts[inside]).all() or not (counts[inside] > 0).mean() > 0.9:
        raise CrimsonError("the reference is not positive on this axis; subtract its dark, or give an axis= where there is light")
    grid = np.linspace(low, high, min(points, _STORED_POINTS))
    excitation = np.interp(grid, measured, counts / counts[inside].max())
    bounds: dict[str, Any] = {key: value for key, value in card.get("prior", {}).items() if key != "name"}
    bounds["excitation"] = [[round(float(x), 3), round(float(y), 6)] for x, y in zip(grid, excitation, strict=True)]
    bounds |= {key: list(value) for key, value in (("photons", photons), ("read_noise", read_noise)) if value is not None}
    return Recipe(
        name=name or f"{card.get('name', start)}-adapted",
        network=card["network"],
        arguments=card.get("arguments", {}),
        prior=card["prior"]["name"],
        bounds=bounds,
        start=start,
        steps=steps,
        learning_rate=4e-4,
        warm_up=max(1, steps // 10),
        averaging=0.99,
        batch_points=32_000,
        points=(points, points),
        step_cm1=(step, step),
        range_cm1=(low, high),
        validation_spectra=384,
        validate_every=max(1, steps // 6),
    )


def _points(low: float, high: float, step: float) -> int:
    if not (low < high and step > 0) or low <= 0:
        raise CrimsonError(
            f"an axis from {low:g} to {high:g} cm⁻¹ in steps of {step:g}: give START below STOP, both above 0, and a step above 0"
        )
    points = round((high - low) / step) + 1
    if points < _FEWEST_POINTS:
        raise CrimsonError(
            f"an axis of {points} points: networks need {_FEWEST_POINTS} to tell lines from background; widen it or take finer steps"
        )
    return points
