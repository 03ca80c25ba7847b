"""The store of trained weights: list, verify, load, save. Listing imports no torch.

A set of weights is two files: ``NAME.safetensors`` with the tensors, ``NAME.toml``, its card, which says
what network they fit, how they were trained and the sha256 they must have. Nothing here unpickles.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.errors import CrimsonError
from napari_crimson.toml import toml_from_dict

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MAX_BYTES", "load", "names", "read_card", "save"]

SHIPPED = Path(__file__).parent
MAX_BYTES = 64 * 2**20  # ours have some 4 MB; more than this is not a network of this package


def names() -> list[str]:
    """Names of the shipped weights, ``cnn`` and ``rnn`` first."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def locate(name_or_path: str | Path) -> Path:
    """Path of a shipped set by name, or of the user's own by path."""
    shipped = SHIPPED / f"{name_or_path}.safetensors"
    path = shipped if str(name_or_path) in names() else Path(name_or_path)
    if not path.is_file():
        raise CrimsonError(f"no weights at {path}; shipped are {', '.join(names()) or 'none'}")
    return path


def read_card(name_or_path: str | Path) -> dict[str, Any]:
    """Read the card beside a set of weights, without reading the weights."""
    path = locate(name_or_path).with_suffix(".toml")
    try:
        card = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CrimsonError(
            f"{path}: no readable card beside the weights ({error}); weights are used only with the card that made them"
        ) from error
    missing = {"network", "convention", "sha256"} - card.keys()
    if missing:
        raise CrimsonError(f"{path}: the card lacks {', '.join(sorted(missing))}; make it with napari_crimson.train")
    return card


def load(name_or_path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load tensors and card, after checking the size and the sha256.

    Raises
    ------
    CrimsonError
        If a file is missing, too large, not safetensors, or not what the card says.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as tensors_from_bytes

    path, card = locate(name_or_path), read_card(name_or_path)
    if path.stat().st_size > MAX_BYTES:
        raise CrimsonError(f"{path}: {path.stat().st_size} bytes, more than the {MAX_BYTES} a network may have")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != card["sha256"]:
        raise CrimsonError(f"{path}: sha256 {found}, but its card says {card['sha256']}; get both files again from one place")
    try:
        return tensors_from_bytes(data), card
    except SafetensorError as error:
        raise CrimsonError(f"{path}: not a safetensors file ({error})") from error


def save(path: str | Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> Path:
    """Write ``PATH.safetensors`` and ``PATH.toml``, the card completed with the sha256; weights first, each atomically."""
    from safetensors.torch import save as bytes_from_tensors

    data = bytes_from_tensors({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    target = Path(f"{path}".removesuffix(".safetensors") + ".safetensors")  # 'cnn.2' and 'cnn.3' are two
    target.parent.mkdir(parents=True, exist_ok=True)
    text = toml_from_dict({**card, "sha256": hashlib.sha256(data).hexdigest()})
    for file, content in ((target, data), (target.with_suffix(".toml"), text.encode())):
        partial = file.with_suffix(file.suffix + ".partial")
        partial.write_bytes(content)
        partial.replace(file)
    return target
