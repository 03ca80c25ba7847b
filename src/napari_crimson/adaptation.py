"""Shipped weights adapted to one microscope: the recipe of a short training on its axis, its excitation, its noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe
from napari_crimson.remover.base import Remover, check_reference
from napari_crimson.spectra import lit_bands

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["adaptation_recipe", "can_be_adapted", "guess_photons"]

_FEWEST_POINTS, _STORED_POINTS = 128, 1000
_SHORTEST = 0.75  # of the axis: what has no light at the ends of a stack is cut off
_MOST_PIXELS = 256
_ELECTRONS = (1e3, 2e6)  # what weights are trained on at all
_SPREAD = 3.0  # of the guess, to either side


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
        The axis of the stacks to come, cm⁻¹; default that of the reference where it has light.
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
    lit = measured[lit_bands(counts)]  # as it will be used
    own = (lit[0], lit[-1], (lit[-1] - lit[0]) / max(1, lit.size - 1))
    low, high, step = map(float, axis or own)
    points = _points(low, high, step)
    if measured[0] > low + 1e-6 * step or measured[-1] < high - 1e-6 * step:
        raise CrimsonError(
            f"the reference covers {measured[0]:g} to {measured[-1]:g} cm⁻¹, the axis {low:g} to {high:g}; give axis= within it"
        )
    inside = (measured >= low - step) & (measured <= high + step)
    check_reference(counts[inside], measured[inside], most_dark=Remover.most_dark)
    grid = np.linspace(low, high, min(points, _STORED_POINTS))
    excitation = np.interp(grid, measured, counts / counts[inside].max()).clip(0.0)  # noise about a dark band is no light
    bounds: dict[str, Any] = {key: value for key, value in card.get("prior", {}).items() if key != "name"}
    bounds["drawn_out_share"] = 0.0  # this microscope measures on this axis
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
        points=(max(_FEWEST_POINTS, round(_SHORTEST * points)), points),
        step_cm1=(step, step),
        range_cm1=(low, high),
        validation_spectra=384,
        validate_every=max(1, steps // 6),
    )


def can_be_adapted(name: str) -> bool:
    """Whether weights by this name answer in the convention that `adaptation_recipe` wants; not where they cannot be read."""
    try:
        return str(weights.read_card(name)["convention"]) == "relative"
    except CrimsonError:
        return False


def guess_photons(stack: xr.Dataset) -> tuple[float, float]:
    """Guess from the noise of a stack how many electrons its spectra have at their brightest point; reads one row.

    Where noise is that of photons its variance is the counts of an electron times the counts. It is taken from second
    differences along the spectrum, of which the median hardly sees lines; without such noise the guess comes out high.

    Parameters
    ----------
    stack : xarray.Dataset
        With `cars` and, if it is known, `dark`.

    Returns
    -------
    (low, high)
        Three times to either side of what 5 and 95 % of the pixels have, within what networks are trained on.
    """
    cars = stack["cars"].data
    row = np.asarray(cars[(*(size // 2 for size in cars.shape[:-2]), slice(None, _MOST_PIXELS))]).astype(np.float64)
    counts = row - (stack["dark"].values if "dark" in stack else 0.0)
    counts = counts[np.isfinite(counts).all(axis=1) & (counts.max(axis=1) > 0)]
    if not len(counts) or counts.shape[1] < 3:
        return _ELECTRONS
    inner = counts[:, 1:-1]
    lit = inner > 0.2 * counts.max(axis=1, keepdims=True)
    scaled = np.abs(np.diff(counts, 2, axis=1)[lit]) / np.sqrt(6 * inner[lit])
    counts_per_electron = max((1.4826 * float(np.median(scaled))) ** 2, 1e-12)
    low, high = np.quantile(counts.max(axis=1), [0.05, 0.95]) / counts_per_electron
    low, high = (float(np.clip(value, *_ELECTRONS)) for value in (low / _SPREAD, high * _SPREAD))
    return low, high


def _points(low: float, high: float, step: float) -> int:
    if not (0 < low < high < math.inf and step > 0):
        raise CrimsonError(
            f"an axis from {low:g} to {high:g} cm⁻¹ in steps of {step:g}: give START below STOP, both above 0, and a step above 0"
        )
    points = round((high - low) / step) + 1
    if points < _FEWEST_POINTS:
        raise CrimsonError(
            f"an axis of {points} points: networks need {_FEWEST_POINTS} to tell lines from background; widen it or take finer steps"
        )
    return points
