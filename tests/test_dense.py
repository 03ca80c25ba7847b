"""The fully connected baseline: comparable with the others, and it learns."""

from __future__ import annotations

from pathlib import Path

import torch

from napari_crimson.networks import build
from napari_crimson.recipe import read_recipe

RECIPES = Path(__file__).parents[1] / "recipes"


def test_its_recipe_differs_from_that_of_the_cnn_in_the_network_alone() -> None:
    cnn, dense = (read_recipe(RECIPES / f"{name}.toml") for name in ("cnn-first", "dense"))
    sizes = [sum(p.numel() for p in build(recipe.network, recipe.arguments).parameters()) for recipe in (cnn, dense)]
    assert 0.9 < sizes[1] / sizes[0] < 1.1
    for field in ("prior", "bounds", "steps", "seed", "batch_points", "learning_rate", "points", "step_cm1"):
        assert getattr(cnn, field) == getattr(dense, field)


def test_it_can_learn_to_answer_at_every_point_whatever_the_length() -> None:
    torch.manual_seed(0)
    network = build("dense", {"points": 64, "hidden": [32]})
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)

    def task(points: int) -> tuple[torch.Tensor, torch.Tensor]:
        axis = torch.linspace(0, 1, points)
        place = 0.2 + 0.6 * torch.rand(64, 1)
        wanted = torch.exp(-0.5 * ((axis - place) / 0.06) ** 2)
        return wanted.unsqueeze(1).expand(-1, 9, -1), wanted

    errors = []
    for step in range(300):
        channels, wanted = task((90, 200, 300)[step % 3])
        error = (network.body(channels)[:, 0] - wanted).square().mean()
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        errors.append(float(error.detach()))
    assert sum(errors[-10:]) < 0.1 * sum(errors[:10])
