"""What a network costs, how it was trained, and how that went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network
from napari_crimson.remover import load_remover

__all__ = ["Facts", "load_network", "loss_curve", "network_facts"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Parameters, and the million additions and multiplications of the layers for one spectrum of `points`."""

    parameters: int
    mflop: float
    points: int


def load_network(name_or_path: str | Path) -> tuple[Network, dict[str, Any]]:
    """Load a network in float32 on the CPU, with its card.

    Raises
    ------
    CrimsonError
        If there are no such weights, or it is a remover without a network.
    """
    remover = load_remover(name_or_path, device="cpu", precision="float32")
    network, card = getattr(remover, "network", None), getattr(remover, "card", None)
    if not isinstance(network, Network) or card is None:
        raise CrimsonError(f"'{name_or_path}' is no network; give {', '.join(weights.names())}, or the path of a .safetensors file")
    return network, card


@torch.no_grad()
def network_facts(network: Network, *, points: int = 1000) -> Facts:
    """Count what a network was taught and what it computes; the Fourier transforms of its features are left out."""
    axis = torch.linspace(500.0, 500.0 + 3.0 * points, points)
    with FlopCounterMode(display=False) as counter:
        network(1 + axis.sin().square().unsqueeze(0), axis, torch.ones(1, points))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Facts(parameters=parameters, mflop=counter.get_total_flops() / 1e6, points=points)


def loss_curve(name_or_path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read the loss curve beside weights, a column by each name of `training.Validation`; empty where there is none.

    Raises
    ------
    CrimsonError
        If there are no such weights, or the file beside them is no table.
    """
    rows = weights.read_curve(name_or_path)
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
