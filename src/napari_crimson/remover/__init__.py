"""Removers of the non-resonant background: their names, and how to get one.

`base` holds the seam every remover keeps, `network` the trained CNN and RNN, `kramers_kronig` and
`maximum_entropy` the classical answers, with `phase_retrieval` what these two share.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.remover.base import DTYPES, FunctionRemover, Remover

__all__ = ["DTYPES", "FunctionRemover", "Remover", "keep_remover", "load_remover", "removers"]

CLASSICAL = ("kk", "mem")


def removers() -> list[str]:
    """Names that `load_remover` knows: shipped networks, those kept by the user, ``kk`` and ``mem``. Imports no torch."""
    return [*weights.names(), *CLASSICAL]


def load_remover(remover: str | Path | Remover | Callable[..., Any] = "cnn", *, device: str = "auto", precision: str = "auto") -> Remover:
    """Make a remover ready to be called.

    Parameters
    ----------
    remover : str, path, Remover or callable
        A name from `removers`, the path of your own ``.safetensors`` with its card beside it, or a
        function ``(spectra, wavenumber, reference) -> spectra``.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; for networks only. With ``+cpu`` behind it, as in
        ``"cuda+cpu"``, the CPU takes over where the device is lost at work; else the work stops there.
    precision : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``; for networks only.

    Raises
    ------
    CrimsonError
        If the name is unknown, the weights do not match their card, or the device is not there.
    """
    if isinstance(remover, Remover):
        return remover
    if callable(remover):
        return FunctionRemover(remover)
    if remover in CLASSICAL:
        if device not in ("auto", "cpu"):  # of no use to it, but what is asked for must be there
            from napari_crimson.device import resolve_device

            resolve_device(device)
        from napari_crimson.remover.kramers_kronig import KramersKronig
        from napari_crimson.remover.maximum_entropy import MaximumEntropy

        return KramersKronig() if remover == "kk" else MaximumEntropy()
    if weights.is_weights(remover):
        from napari_crimson.remover.network import NetworkRemover

        return NetworkRemover.load(remover, device=device, precision=precision)
    raise CrimsonError(
        f"no remover '{remover}'; there are {', '.join(removers())} (your own are kept in {weights.own_folder()}), "
        "or give the path of a .safetensors file"
    )


def keep_remover(path: str | Path, name: str) -> None:
    """Keep weights as a remover of your own: copies them, so that every list and `load_remover` offers them under a name.

    Parameters
    ----------
    path : str or path
        A ``.safetensors`` with its card beside it, as `train` writes them.
    name : str
        Letters, digits, ``-``, ``_`` and spaces; none that there is already.

    Raises
    ------
    CrimsonError
        If the name will not do, the weights do not match their card, or the folder cannot be written.
    """
    weights.check_new_name(name)
    tensors, card = weights.load(path)
    weights.keep(name, tensors, card, weights.read_curve(path))
