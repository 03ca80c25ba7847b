"""Simulated training spectra: three priors, each drawing batches of (cars, raman) on any device.

`wide` holds the prior of the default weights, `published` those of the sets other groups train on. The bounds are the
fields of each prior, so that a recipe can change them and a card can state them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from torch import Generator, Tensor

from napari_crimson.errors import CrimsonError
from napari_crimson.synthesis.base import Batch, Prior
from napari_crimson.synthesis.bounds import check_bound
from napari_crimson.synthesis.published import Crimson, Specnet
from napari_crimson.synthesis.wide import Wide

__all__ = ["PRIORS", "Batch", "Crimson", "Prior", "Specnet", "Wide", "draw", "make_prior"]

PRIORS: dict[str, type[Wide] | type[Crimson] | type[Specnet]] = {"wide": Wide, "crimson": Crimson, "specnet": Specnet}


def draw(prior: str | Prior, n: int, wavenumber: Tensor, *, generator: Generator) -> Batch:
    """Draw `n` spectra from a prior, by name or with bounds of your own.

    Parameters
    ----------
    prior : str or Prior
        ``"wide"``, ``"crimson"``, ``"specnet"`` or an instance.
    n : int
        How many.
    wavenumber : Tensor, shape (W,)
        Ascending axis in cm⁻¹, on the generator's device.
    generator : torch.Generator
        The same state on the same device gives the same spectra.

    Raises
    ------
    CrimsonError
        If the name is unknown.
    """
    if isinstance(prior, str):
        prior = make_prior(prior, {})
    return prior.draw(n, wavenumber.float(), generator)


def make_prior(name: str, bounds: dict[str, Any]) -> Wide | Crimson | Specnet:
    """A prior by name, with bounds of your own in place of some of its fields.

    Raises
    ------
    CrimsonError
        If the name is unknown, or a bound none of that prior's or not of its kind.
    """
    if name not in PRIORS:
        raise CrimsonError(f"no prior '{name}'; there are {', '.join(PRIORS)}")
    known = [f.name for f in fields(PRIORS[name])]
    if unknown := bounds.keys() - set(known):
        raise CrimsonError(f"prior '{name}' has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    values = {key: _tuples(value) for key, value in bounds.items()}
    for f in fields(PRIORS[name]):
        if f.name in values:
            check_bound(f.name, values[f.name], f.default)
    return PRIORS[name](**values)


def _tuples(value: Any, deep: int = 2) -> Any:
    """Lists, as TOML gives them, as tuples, and those within them."""
    return tuple(_tuples(one, deep - 1) for one in value) if deep and isinstance(value, list | tuple) else value
