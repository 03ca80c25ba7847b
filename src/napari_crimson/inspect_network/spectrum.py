"""`Spectrum`: what a network is looked at with, and the way onto its grid and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network
from napari_crimson.networks.grid import network_grid, resampling_matrix
from napari_crimson.phantom import simulate_stack
from napari_crimson.stack import check_axis

__all__ = ["Spectrum", "gradient", "simulate_spectrum"]

Array = NDArray[np.float64]

_FEWEST_POINTS, _FEWEST_TRUSTED = 16, 128  # as for a network's remover
_TISSUE_CM1, _STEP_CM1 = (500.0, 3500.0), 3.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Spectrum:
    """One spectrum, (W,) each: `cars` with the dark taken off, `wavenumber` in cm⁻¹, ascending, and a `reference` if there is one.

    Raises
    ------
    CrimsonError
        If lengths differ, the axis does not ascend, or there is no light or a value that is not finite.
    """

    cars: Array
    wavenumber: Array
    reference: Array | None = None
    source: str = ""

    def __post_init__(self) -> None:
        check_axis(self.wavenumber, self.cars.size, source=self.source)
        if self.wavenumber.size < _FEWEST_POINTS or self.wavenumber[0] > self.wavenumber[-1]:
            raise CrimsonError(
                f"an axis of {self.wavenumber.size} points from {self.wavenumber[0]:g} to {self.wavenumber[-1]:g}: "
                f"give {_FEWEST_POINTS} or more, ascending"
            )
        if not np.isfinite(self.cars).all() or self.cars.max() <= 0:
            raise CrimsonError(f"{self.source or 'this spectrum'}: values that are not finite, or none above the dark; choose another")
        ref = self.reference
        if ref is not None and (ref.shape != self.cars.shape or not np.isfinite(ref).all() or ref.max() <= 0):
            raise CrimsonError(
                f"a reference of shape {ref.shape} for a spectrum of {self.cars.size} points; give as many, finite, with light"
            )

    @cached_property
    def intensity(self) -> Tensor:
        """`cars` as (1, W), float32."""
        return torch.tensor(self.cars, dtype=torch.float32).unsqueeze(0)

    @cached_property
    def grid(self) -> Tensor:
        """The axis (G,) a network works on, float32."""
        return self._grid.float()

    @property
    def step_cm1(self) -> float:
        """Of the grid."""
        return float(self.grid[-1] - self.grid[0]) / (self.grid.numel() - 1)

    def to_grid(self, spectra: Tensor) -> Tensor:
        """(N, W) → (N, G)."""
        return spectra @ self._there

    @cached_property
    def reference_on_grid(self) -> Tensor:
        """(1, G); 1 throughout where there is none."""
        if self.reference is None:
            return torch.ones(1, self.grid.numel())
        return self.to_grid(torch.tensor(self.reference, dtype=torch.float32).unsqueeze(0))

    def answers(self, network: Network, spectra: Tensor) -> Tensor:
        """Answers (N, W) of a network to intensities (N, W) on this axis; differentiable."""
        mean: Tensor = network(self.to_grid(spectra), self.grid, self.reference_on_grid)[0]
        return mean @ self._back

    @cached_property
    def _grid(self) -> Tensor:
        return network_grid(self._axis)

    @cached_property
    def _axis(self) -> Tensor:
        return torch.tensor(self.wavenumber, dtype=torch.float64)

    @cached_property
    def _there(self) -> Tensor:
        return resampling_matrix(self._axis, self._grid)

    @cached_property
    def _back(self) -> Tensor:
        return resampling_matrix(self._grid, self._axis)


def simulate_spectrum(recipe: Mapping[str, Any] | None = None) -> Spectrum:
    """The spectrum of simulated tissue with the strongest line, with its reference; always the same.

    From 500 to 3500 cm⁻¹ by 1000 points, or as near to that as the `recipe` of a network has seen.
    """
    seen = recipe or {}
    finest, coarsest = seen.get("step_cm1", (_STEP_CM1, _STEP_CM1))
    step = min(max(_STEP_CM1, finest), coarsest)
    first, last = seen.get("range_cm1", _TISSUE_CM1)
    low, high = max(_TISSUE_CM1[0], first), min(_TISSUE_CM1[1], last)
    if high - low < step * max(_FEWEST_TRUSTED, seen.get("points", (0,))[0]):  # lines or none, it is where the network knows its way
        low, high = first, last
    axis = np.linspace(low, high, max(_FEWEST_TRUSTED, round((high - low) / step)))
    stack = simulate_stack((32, 32), wavenumber=axis)
    pixel = np.unravel_index(stack["raman"].values.max(axis=-1).argmax(), (32, 32))
    dark = stack["dark"].values.astype(np.float64)
    return Spectrum(
        cars=stack["cars"].values[pixel] - dark,
        wavenumber=axis,
        reference=stack["reference"].values - dark,
        source="simulated tissue, the pixel with the strongest line",
    )


def gradient(answers: Tensor, inputs: Tensor) -> Tensor:
    """Gradient of each answer (N,) to its own row of the inputs (N, …)."""
    return torch.autograd.grad(answers.sum(), inputs)[0]
