"""What a network costs by counting: parameters, operations, and the bytes its layers read and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "count_cost"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a network and one spectrum: million additions and multiplications, and numbers that its layers read and write."""

    parameters: int
    mflop: float
    values: int


@torch.no_grad()
def count_cost(network: nn.Module, run: Callable[[], object]) -> Cost:
    """Count what `run` does, which puts one spectrum through a network in float32 on the CPU.

    Only layers count: neither Fourier transforms nor what is done to a spectrum ahead of them. The numbers are those that go
    into and out of each layer, once each, without its weights, which a batch shares.
    """
    values = 0

    def add(_: nn.Module, given: tuple[Any, ...], answer: Any) -> None:
        nonlocal values
        first = answer[0] if isinstance(answer, tuple) else answer  # a recurrent layer gives its last state as well
        values += sum(part.numel() for part in (*given, first) if isinstance(part, Tensor))

    leaves = [module for module in network.modules() if not any(module.children())]
    hooks = [leaf.register_forward_hook(add) for leaf in leaves]
    try:
        with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_rnn_layer: _recurrent_flop}) as counter:
            run()
    finally:
        for hook in hooks:
            hook.remove()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters=parameters, mflop=counter.get_total_flops() / 1e6, values=values)


def _recurrent_flop(
    steps: Sequence[int], from_input: Sequence[int], from_state: Sequence[int], *others: object, out_shape: object = None, **options: object
) -> int:
    """Operations of a recurrent layer that a library runs as one, of which the counter knows nothing, by the shapes of its arguments."""
    return 2 * steps[0] * steps[1] * (prod(from_input) + prod(from_state))
