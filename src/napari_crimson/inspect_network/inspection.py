"""`look_inside`: everything there is to see of one network, and a spectrum through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.inspect_network.attribution import Attribution, attribute_peak
from napari_crimson.inspect_network.card import Facts, load_network, loss_curve, network_facts
from napari_crimson.inspect_network.field import Field, measure_field, theoretical_field
from napari_crimson.inspect_network.layers import feature_maps, first_layer_filters
from napari_crimson.inspect_network.spectrum import Spectrum, simulate_spectrum
from napari_crimson.networks.features import CHANNEL_NAMES
from napari_crimson.remover import load_remover

__all__ = ["Inspection", "look_inside"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Inspection:
    """What `look_inside` saw; each field is what the function of that name gives, `theory` that of `theoretical_field`."""

    card: dict[str, Any]
    facts: Facts
    curve: dict[str, NDArray[np.float64]]
    channels: tuple[str, ...]
    filters: NDArray[np.float64]
    theory: int | None
    layers_field: Field
    field: Field
    spectrum: Spectrum
    maps: dict[str, NDArray[np.float64]]
    stride: int
    peak: Attribution


def look_inside(network: str | Path, spectrum: Spectrum | None = None, *, at_cm1: float | None = None) -> Inspection:
    """Look inside a network by its name, or the path of its weights.

    Parameters
    ----------
    network : str or path
        As for `load_network`.
    spectrum : Spectrum, optional
        Sent through it; default simulated tissue, on as much of the axis as the network was trained on.
    at_cm1 : float, optional
        The peak to attribute; default where the answer is largest.

    Raises
    ------
    CrimsonError
        As the functions of this package do; or if the network answers the spectrum not at all, as it is saturated or constant. Where
        its axis lies outside of what the network was trained on, a warning says so.
    """
    layers, card = load_network(network)
    if spectrum is None:
        spectrum = simulate_spectrum(card.get("recipe"))
    _check_answered(network, spectrum)
    return Inspection(
        card=card,
        facts=network_facts(layers),
        curve=loss_curve(network),
        channels=CHANNEL_NAMES[layers.inputs],
        filters=first_layer_filters(layers),
        theory=theoretical_field(layers),
        layers_field=measure_field(layers, spectrum, layers=True),
        field=measure_field(layers, spectrum),
        spectrum=spectrum,
        maps=feature_maps(layers, spectrum),
        stride=layers.stride,
        peak=attribute_peak(layers, spectrum, at_cm1),
    )


def _check_answered(network: str | Path, spectrum: Spectrum) -> None:
    """See that the spectrum is one that the network answers, and hear its doubts."""
    reference = None if spectrum.reference is None else spectrum.reference.astype(np.float32)
    answer = load_remover(network, device="cpu")(spectrum.cars[None].astype(np.float32), spectrum.wavenumber, reference)
    if not np.isfinite(answer).all():
        raise CrimsonError(
            f"{spectrum.source or 'this spectrum'}: it is saturated, clipped or constant, and gets no answer; choose another"
        )
