"""The store of trained weights: list, verify, load, save, keep under a name. Listing imports no torch.

A set of weights is two files: ``NAME.safetensors`` with the tensors, ``NAME.toml``, its card, which says
what network they fit, how they were trained, and the sha256 that they and it must have; beside them ``NAME.csv``, the loss curve.
Nothing here unpickles. `folders` holds where they lie: shipped ones in this package, the user's own in a folder of the user.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.errors import CrimsonError
from napari_crimson.weights.card import read, sealed
from napari_crimson.weights.folders import (
    BASELINE,
    FOLDER_VARIABLE,
    SHIPPED,
    check_new_name,
    is_weights,
    locate,
    names,
    own_folder,
    own_names,
    shipped_names,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "BASELINE",
    "FOLDER_VARIABLE",
    "MAX_BYTES",
    "SHIPPED",
    "check_new_name",
    "is_weights",
    "keep",
    "load",
    "locate",
    "names",
    "own_folder",
    "own_names",
    "read_card",
    "read_curve",
    "save",
    "shipped_names",
]

_AGAIN = "get weights and card again from one place"
MAX_BYTES = 64 * 2**20  # ours have some 4 MB; more than this is not a network of this package


def read_card(name_or_path: str | Path) -> dict[str, Any]:
    """Read the card beside a set of weights, without reading the weights; they are called by their file."""
    path = locate(name_or_path)
    return {**read(path.with_suffix(".toml")), "name": path.stem}


def load(name_or_path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load tensors and card, after checking the size and the sha256.

    Raises
    ------
    CrimsonError
        If a file is missing, too large, not safetensors, or not what the card says.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as tensors_from_bytes

    path, said = locate(name_or_path), read_card(name_or_path)
    if path.stat().st_size > MAX_BYTES:
        raise CrimsonError(f"{path}: {path.stat().st_size:,} bytes, more than the {MAX_BYTES:,} that a network may have; {_AGAIN}")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != said["sha256"]:
        raise CrimsonError(f"{path}: sha256 {found}, but its card says {said['sha256']}; {_AGAIN}")
    try:
        tensors = tensors_from_bytes(data)
    except SafetensorError as error:
        raise CrimsonError(f"{path}: not a safetensors file ({error}); {_AGAIN}") from error
    for name, values in tensors.items():
        if not values.is_floating_point() or not values.isfinite().all():
            raise CrimsonError(f"{path}: '{name}' holds {values.dtype} that are not all finite numbers; {_AGAIN}")
    return tensors, said


def read_curve(name_or_path: str | Path) -> list[dict[str, float]]:
    """Read the loss curve beside weights, a row for each validation; empty where there is none.

    Raises
    ------
    CrimsonError
        If there are no such weights, or the file beside them is no table.
    """
    path = locate(name_or_path).with_suffix(".csv")
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError) as error:
        raise CrimsonError(f"{path}: no readable loss curve ({error}); move it away to do without") from error


def save(path: str | Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any], curve: Sequence[Mapping[str, float]] = ()) -> Path:
    """Write ``PATH.safetensors``, the loss curve, if there is one, as ``PATH.csv``, and ``PATH.toml``, the card with the sha256.

    Each is written atomically, the card last: weights without one are not used.
    """
    from safetensors.torch import save as bytes_from_tensors

    data = bytes_from_tensors({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    target = Path(f"{path}".removesuffix(".safetensors") + ".safetensors")  # 'cnn.2' and 'cnn.3' are two
    target.parent.mkdir(parents=True, exist_ok=True)
    text = sealed({**card, "sha256": hashlib.sha256(data).hexdigest()})
    contents = {".safetensors": data, ".csv": _table(curve), ".toml": text.encode()}
    for suffix, content in contents.items():
        if content:
            file = target.with_suffix(suffix)
            partial = file.with_suffix(suffix + ".partial")
            try:
                partial.write_bytes(content)
                partial.replace(file)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
    return target


def keep(name: str, tensors: Mapping[str, Tensor], card: Mapping[str, Any], curve: Sequence[Mapping[str, float]] = ()) -> Path:
    """Save weights under a name in the user's own folder: from then on a remover of that name.

    Raises
    ------
    CrimsonError
        If the name will not do or is taken, or the folder cannot be written.
    """
    check_new_name(name)
    folder = own_folder()
    try:
        return save(folder / name, tensors, {**card, "name": name}, curve)
    except OSError as error:
        raise CrimsonError(
            f"cannot write into {folder}: {error.strerror or error}; make room, or choose another with CRIMSON_WEIGHTS"
        ) from error


def _table(curve: Sequence[Mapping[str, float]]) -> bytes:
    if not curve:
        return b""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in curve)
    return text.getvalue().encode()
