"""The networks: `features` of a spectrum, then `cnn`, `rnn` or, to compare with, `dense`. Pure modules, no files, no devices."""

from __future__ import annotations

from typing import Any

import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.networks.base import Network
from napari_crimson.networks.cnn import CNN
from napari_crimson.networks.dense import Dense
from napari_crimson.networks.rnn import RNN

__all__ = ["CNN", "NETWORKS", "RNN", "Dense", "Network", "build"]

NETWORKS: dict[str, type[Network]] = {"cnn": CNN, "rnn": RNN, "dense": Dense}
MOST_PARAMETERS = 2**24  # 64 MiB; ours have some 2**20
MOST_STRIDE = 512  # points, to a multiple of which a spectrum is padded
_MOST_WIDTH, _MOST_LAYERS = 4096, 64


def build(network: str, arguments: dict[str, Any]) -> Network:
    """Make a network by the name and arguments of a card or recipe.

    Raises
    ------
    CrimsonError
        If the name is unknown or the arguments do not fit it.
    """
    if not isinstance(network, str) or network not in NETWORKS:
        raise CrimsonError(f"no network '{network}'; there are {', '.join(NETWORKS)}")
    try:
        _check_arguments(arguments)
        with torch.device("meta"):  # of no size, to see what it would take
            planned = NETWORKS[network](**arguments)
        parameters = sum(parameter.numel() for parameter in planned.parameters())
        if parameters > MOST_PARAMETERS or planned.stride > MOST_STRIDE:
            raise ValueError(
                f"{parameters:,} parameters, in steps of {planned.stride} points; at most {MOST_PARAMETERS:,} and {MOST_STRIDE}"
            )
        return NETWORKS[network](**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        shown = repr(arguments)
        given = shown if len(shown) < 300 else shown[:299] + "…"
        raise CrimsonError(f"network '{network}' does not take {given}: {error}") from error


def _check_arguments(arguments: dict[str, Any]) -> None:
    """Refuse numbers that are none of a layer, and lists that are too long, before any layer is made."""
    for name, value in arguments.items():
        parts = value if isinstance(value, list | tuple) else [value]
        numbers = [part for part in parts if not isinstance(part, str)]
        if len(parts) > _MOST_LAYERS or not all(type(number) is int and 0 < number <= _MOST_WIDTH for number in numbers):
            raise ValueError(f"{name} must be whole numbers from 1 to {_MOST_WIDTH}, at most {_MOST_LAYERS} of them")
