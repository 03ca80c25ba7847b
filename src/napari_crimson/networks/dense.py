"""`Dense`: a fully connected network of about the size of `CNN`, to be measured against; not meant for use.

Every weight belongs to one place of the spectrum, so that a line learnt at one place is not known at another. What it
falls short of `CNN` and `RNN` by is what shared weights and recurrence buy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_crimson.networks.base import Network
from napari_crimson.networks.features import CHANNELS

__all__ = ["Dense"]


class Dense(Network):
    """Spectra of any length averaged or repeated to a fixed number of points, hidden layers, and back to their length.

    Parameters
    ----------
    points : int
        Points inside.
    hidden : sequence of int
        Units of each hidden layer.
    inputs : str
        As for `Network`.
    """

    stride = 1

    def __init__(self, points: int = 512, hidden: Sequence[int] = (112, 112), inputs: str = "relative") -> None:
        super().__init__(inputs)
        self.points = points
        units = (CHANNELS * points, *hidden)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(units))
        self.act = nn.LeakyReLU(0.1)
        self.mean = nn.Linear(units[-1], points)
        self.log_sd = nn.Linear(units[-1], points)
        nn.init.zeros_(self.mean.weight)  # the first answer is "no resonance", as of the others

    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        """(N, 9, W) → (N, 2, W), for any W."""
        x = nn.functional.adaptive_avg_pool1d(channels, self.points).flatten(1)
        for layer in self.layers:
            x = self.act(layer(x))
        # learning the deviation leaves the features alone
        inside = torch.stack([self.mean(x), *([self.log_sd(x.detach())] if deviation else [])], dim=1)
        return nn.functional.interpolate(inside, size=channels.shape[-1], mode="linear")
