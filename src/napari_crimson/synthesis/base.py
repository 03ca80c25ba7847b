"""What the priors share: the batch they return and the draws they are made of."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from napari_crimson.physics import uniform

__all__ = ["Batch", "Prior", "line_counts", "packed_like", "pick"]


class Batch(NamedTuple):
    """Simulated spectra: `cars`, `raman` (target) and `reference` (N, W), and the `scale` (N, 1) to measure errors of each in.

    Where a spectrum has no reference, `reference` is 1 throughout.
    """

    wavenumber: Tensor
    cars: Tensor
    raman: Tensor
    reference: Tensor
    scale: Tensor


class Prior(Protocol):
    """What a prior can do: draw `n` spectra on an axis (W,), on the generator's device."""

    convention: ClassVar[str]

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""


def line_counts(n: int, low: int, high: int, generator: Generator, *, log: bool = False) -> Tensor:
    """Mask (N, high) of present lines, each row with low to high of them in front."""
    count = uniform(generator, (n, 1), low, high + 1, log=log).floor()
    return count > torch.arange(high, device=generator.device)


def pick(generator: Generator, n: int, share: float) -> Tensor:
    """Boolean (N, 1), true in about `share` of the rows."""
    return torch.rand((n, 1), generator=generator, device=generator.device) < share


def packed_like(present: Tensor, values: Tensor) -> Tensor:
    """Move the values (N, K) of lines that are present to the front of each row."""
    return values.gather(1, (~present).to(torch.uint8).argsort(dim=1, stable=True))
