"""The store: what does not match its card is not used, and nothing is unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.toml import toml_from_dict

CARD = {"name": "mine", "network": "cnn", "convention": "relative", "arguments": {"kernel": 3}, "notes": 'a "quoted" µ'}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return weights.save(tmp_path / "mine", {"a": torch.arange(6.0).view(2, 3)}, CARD)


def test_what_is_saved_is_loaded(stored: Path) -> None:
    tensors, card = weights.load(stored)
    assert torch.equal(tensors["a"], torch.arange(6.0).view(2, 3))
    assert CARD.items() <= card.items()


def test_a_name_with_a_dot_stays_whole(tmp_path: Path) -> None:
    paths = [weights.save(tmp_path / name, {"a": torch.ones(1)}, CARD) for name in ("cnn.2", "cnn.3.safetensors")]
    assert [path.name for path in paths] == ["cnn.2.safetensors", "cnn.3.safetensors"]
    assert all(weights.load(path) for path in paths)


def test_one_changed_byte_is_refused_with_both_checksums(stored: Path) -> None:
    data = bytearray(stored.read_bytes())
    data[-1] ^= 1
    stored.write_bytes(bytes(data))
    with pytest.raises(CrimsonError, match=r"sha256 [0-9a-f]{64}, but its card says [0-9a-f]{64}"):
        weights.load(stored)


def test_weights_without_a_card_are_refused(stored: Path) -> None:
    stored.with_suffix(".toml").unlink()
    with pytest.raises(CrimsonError, match="no readable card"):
        weights.load(stored)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (Path.write_text, (tmp_path / "exploded", "x"))  # type: ignore[return-value]

    path = weights.save(tmp_path / "mine", {"a": torch.zeros(1)}, CARD)
    data = pickle.dumps(Bomb())
    import hashlib

    path.write_bytes(data)
    card = path.with_suffix(".toml")
    card.write_text(toml_from_dict({**CARD, "sha256": hashlib.sha256(data).hexdigest()}))
    with pytest.raises(CrimsonError, match="not a safetensors file"):
        weights.load(path)
    assert not (tmp_path / "exploded").exists()


def test_an_oversized_file_is_not_read(stored: Path) -> None:
    with stored.open("r+b") as file:
        file.truncate(weights.MAX_BYTES + 1)  # sparse
    with pytest.raises(CrimsonError, match="more than"):
        weights.load(stored)


@pytest.mark.parametrize("name", weights.names())
def test_shipped_weights_are_what_their_cards_say(name: str) -> None:
    tensors, card = weights.load(name)
    assert card["name"] == name
    assert sum(t.numel() for t in tensors.values()) * 4 < 4 * 2**20
    assert (weights.SHIPPED / f"{name}.csv").exists()
