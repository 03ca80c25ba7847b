"""The networks: `features` of a spectrum, then `cnn`, `rnn` or, to compare with, `dense`. Pure modules, no files, no devices."""

from __future__ import annotations

from typing import Any

from napari_crimson.errors import CrimsonError
from napari_crimson.networks.base import Network
from napari_crimson.networks.cnn import CNN
from napari_crimson.networks.dense import Dense
from napari_crimson.networks.rnn import RNN

__all__ = ["CNN", "NETWORKS", "RNN", "Dense", "Network", "build"]

NETWORKS: dict[str, type[Network]] = {"cnn": CNN, "rnn": RNN, "dense": Dense}


def build(network: str, arguments: dict[str, Any]) -> Network:
    """Make a network by the name and arguments of a card or recipe.

    Raises
    ------
    CrimsonError
        If the name is unknown or the arguments do not fit it.
    """
    if network not in NETWORKS:
        raise CrimsonError(f"no network '{network}'; there are {', '.join(NETWORKS)}")
    try:
        return NETWORKS[network](**arguments)
    except (TypeError, ValueError) as error:
        raise CrimsonError(f"network '{network}' does not take {arguments}: {error}") from error
