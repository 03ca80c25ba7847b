"""What changes the weights at each step, by the name that a recipe gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe

__all__ = ["OPTIMIZERS", "Optimizer"]

OPTIMIZERS = ("adamw", "muon")


class Optimizer:
    """The optimizer of a recipe.

    ``adamw`` is that of Loshchilov and Hutter, arXiv:1711.05101, for all weights. ``muon`` is that of Jordan et al. (2024), scaled to
    steps of the same size as in Liu et al., arXiv:2502.16982: for whatever is a matrix, as convolutions are with all that a
    channel is made from as its row, and AdamW for the biases.

    Parameters
    ----------
    recipe : Recipe
        Its ``optimizer``, ``learning_rate`` and ``weight_decay``.
    parameters : sequence of Tensor
        Weights in float32; their gradients are used as they are at each `step`.

    Raises
    ------
    CrimsonError
        If there is no such optimizer.
    """

    def __init__(self, recipe: Recipe, parameters: Sequence[Tensor]) -> None:
        if recipe.optimizer not in OPTIMIZERS:
            raise CrimsonError(f"optimizer = '{recipe.optimizer}', there are {', '.join(OPTIMIZERS)}")
        if recipe.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
            raise CrimsonError(f"optimizer = 'muon' needs PyTorch 2.9, this is {torch.__version__}; update it, or take 'adamw'")
        matrices = [p for p in parameters if recipe.optimizer == "muon" and p.ndim > 1]
        others = [p for p in parameters if recipe.optimizer != "muon" or p.ndim == 1]
        rate, decay = recipe.learning_rate, recipe.weight_decay
        self._rate = rate
        self._parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=decay)]
        # the same memory as matrices, which is all that Muon takes
        self._views = [(p, p.detach().view(p.shape[0], -1).requires_grad_()) for p in matrices]
        if matrices:
            views = [view for _, view in self._views]
            self._parts.append(torch.optim.Muon(views, rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"))

    def step(self, share: float) -> None:
        """Change the weights, at a share of the full learning rate."""
        for parameter, view in self._views:
            view.grad = None if parameter.grad is None else parameter.grad.view_as(view)
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = self._rate * share
            part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """What `load_state_dict` takes up."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from a `state_dict` of the same recipe."""
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)
