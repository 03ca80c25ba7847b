"""Remove the non-resonant background from hyperspectral CARS image stacks with a trained CNN or RNN.

The public names are imported when first used, so that ``import napari_crimson`` costs nothing and
never imports torch, napari or Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_crimson._version import __version__

if TYPE_CHECKING:
    from napari_crimson.errors import CrimsonError
    from napari_crimson.io import open_stack, save_stack
    from napari_crimson.metrics import score
    from napari_crimson.phantom import simulate_stack
    from napari_crimson.remove import remove_background
    from napari_crimson.remover import keep_remover, load_remover, removers
    from napari_crimson.training import train

__all__ = [
    "CrimsonError",
    "__version__",
    "keep_remover",
    "load_remover",
    "open_stack",
    "remove_background",
    "removers",
    "save_stack",
    "score",
    "simulate_stack",
    "train",
]

_HOME = {
    "CrimsonError": "errors",
    "keep_remover": "remover",
    "load_remover": "remover",
    "open_stack": "io",
    "remove_background": "remove",
    "removers": "remover",
    "save_stack": "io",
    "score": "metrics",
    "simulate_stack": "phantom",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'napari_crimson' has no attribute '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(f"napari_crimson.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
