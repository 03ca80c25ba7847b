"""What the first layer looks for, and what each layer makes of a spectrum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_crimson.inspect_network.spectrum import Spectrum
from napari_crimson.networks import Network
from napari_crimson.networks.features import CHANNELS

__all__ = ["feature_maps", "first_layer_filters"]

Array = NDArray[np.float64]


def first_layer_filters(network: Network) -> Array:
    """Weights of the first layer, shape (filters, 9 channels, points); `features.CHANNEL_NAMES` has the channels' names."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv1d | nn.Linear))
    return first.weight.detach().double().reshape(len(first.weight), CHANNELS, -1).numpy()


@torch.no_grad()
def feature_maps(network: Network, spectrum: Spectrum) -> dict[str, Array]:
    """What each layer or block gives for a spectrum, in the order they run: (features, length), the length 1 where there is no axis."""
    maps: dict[str, Array] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            maps[name] = _features_first(module, output)

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in _blocks(network)]
    try:
        network(spectrum.to_grid(spectrum.intensity), spectrum.grid, spectrum.reference_on_grid)
    finally:
        for hook in hooks:
            hook.remove()
    return maps


def _blocks(network: Network) -> Iterator[tuple[str, nn.Module]]:
    """The network's own parts, lists of parts one by one; activations alone show nothing of their own."""
    for name, part in network.named_children():
        parts = part.named_children() if isinstance(part, nn.ModuleList | nn.Sequential) else [("", part)]
        for number, block in parts:
            if any(True for _ in block.parameters()):
                yield f"{name} {number}".strip(), block


def _features_first(module: nn.Module, output: Any) -> Array:
    """The output for the first spectrum as (features, length)."""
    if isinstance(module, nn.RNNBase):  # (steps, N, features), and a state
        output = output[0].permute(1, 2, 0)
    first: Tensor = output[0]
    return (first.unsqueeze(-1) if first.dim() == 1 else first).double().numpy()
