"""The settings of a remover in a recipe: those of its settings class, by field name. Networks have none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_crimson import remover as removers_room
from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline.options import Option, build_settings, options_of_settings
from napari_crimson.remover import Remover, removers

__all__ = ["check_remover", "check_settings", "load_with_settings", "remover_options"]


def check_remover(remover: str) -> None:
    """Raise `CrimsonError` unless `remover` is a name there is, or looks like the path of weights."""
    if not (remover in removers() or weights.is_weights(remover)):
        raise CrimsonError(f"no remover '{remover}'; there are {', '.join(removers())}, or the path of a .safetensors file")


def remover_options(remover: str) -> tuple[Option, ...]:
    """Settings of a remover, by the name of `removers`, as options. Imports no torch."""
    settings = _settings_class(remover)
    return () if settings is None else options_of_settings(settings)


def check_settings(remover: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings back, checked.

    Raises
    ------
    CrimsonError
        If one is unknown, or not what it must be.
    """
    known = {option.name: option for option in remover_options(remover)} if values else {}
    for name in values:
        if name not in known:
            raise CrimsonError(f"no setting '{name}' of {remover}; there are {', '.join(known) or 'none for it'}")
    checked = {name: known[name].check(value) for name, value in values.items()}
    settings = _settings_class(remover) if checked else None
    if settings is not None:
        build_settings(settings, checked)  # it knows the bounds
    return checked


def load_with_settings(remover: str, values: Mapping[str, Any], *, device: str, precision: str) -> Remover:
    """Load a remover, and give it settings that are not its own; for errors see `load_remover`."""
    loaded = removers_room.load_remover(remover, device=device, precision=precision)
    settings = _settings_class(remover) if values else None
    if settings is None:
        return loaded
    made: Remover = type(loaded)(build_settings(settings, values))  # type: ignore[call-arg]
    return made


def _settings_class(remover: str) -> type | None:
    if remover not in removers() or weights.is_weights(remover):
        return None
    settings = getattr(removers_room.load_remover(remover), "settings", None)  # costs nothing without a network
    return None if settings is None else type(settings)
