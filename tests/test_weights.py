"""The store: what does not match its card is not used, and nothing is unpickled."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_crimson import keep_remover, load_remover, removers, train, weights
from napari_crimson.__main__ import main
from napari_crimson.correction import load_once
from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe
from napari_crimson.weights.card import sealed
from refusing import refused

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
    with refused(
        stored.parent,
        r"mine\.safetensors: .*sha256 [0-9a-f]{64}, but its card says [0-9a-f]{64}; get weights and card again from one place",
    ):
        weights.load(stored)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a checkpoint of another program", b"%PDF-1.7"])
def test_a_foreign_file_in_place_of_weights_is_refused_with_both_checksums(stored: Path, data: bytes) -> None:
    said = weights.read_card(stored)["sha256"]
    stored.write_bytes(data)
    with refused(stored.parent, f"mine.safetensors: sha256 {hashlib.sha256(data).hexdigest()}, but its card says {said}; get weights and"):
        load_remover(stored, device="cpu")


@pytest.mark.parametrize(
    ("written", "changed"),
    [('convention = "relative"', 'convention = "susceptibility"'), ("kernel = 3", "kernel = 5"), ("kernel = 3", ""), ('"cnn"', '"rnn"')],
)
def test_a_changed_card_is_refused_with_both_checksums(stored: Path, written: str, changed: str) -> None:
    card = stored.with_suffix(".toml")
    said = weights.read_card(stored)["card_sha256"]
    text = card.read_text("utf-8").replace(written, changed, 1)
    card.write_text(text, "utf-8")
    with refused(stored.parent, f"mine.toml: not as it was written: sha256 [0-9a-f]{{64}}, but it says {said}; get it again"):
        load_remover(stored, device="cpu")


def test_line_ends_and_order_of_a_card_say_nothing(stored: Path) -> None:
    card = stored.with_suffix(".toml")
    first, second, rest = card.read_text("utf-8").split("\n", 2)
    card.write_bytes("\r\n".join([second, first, *rest.split("\n")]).encode())
    assert weights.load(stored)[1]["name"] == "mine"


def test_weights_without_a_card_are_refused(stored: Path) -> None:
    stored.with_suffix(".toml").unlink()
    with refused(
        stored.parent,
        r"mine\.toml: no readable card beside the weights \(.*No such file.*\); weights are used only with the card that made them",
    ):
        weights.load(stored)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (Path.write_text, (tmp_path / "exploded", "x"))  # type: ignore[return-value]

    path = weights.save(tmp_path / "mine", {"a": torch.zeros(1)}, CARD)
    data = pickle.dumps(Bomb())

    path.write_bytes(data)
    card = path.with_suffix(".toml")
    card.write_text(sealed({**CARD, "sha256": hashlib.sha256(data).hexdigest()}))
    with refused(tmp_path, r"mine\.safetensors: not a safetensors file \(.*\); get weights and card again from one place"):
        weights.load(path)


def test_an_oversized_file_is_not_read(stored: Path) -> None:
    with stored.open("r+b") as file:
        file.truncate(weights.MAX_BYTES + 1)  # sparse
    with refused(stored.parent, "67,108,865 bytes, more than the 67,108,864 that a network may have; get weights and card again"):
        weights.load(stored)


@pytest.mark.parametrize("name", weights.shipped_names())
def test_shipped_weights_are_what_their_cards_say(name: str) -> None:
    tensors, card = weights.load(name)
    assert card["name"] == name
    assert sum(t.numel() for t in tensors.values()) * 4 < 4 * 2**20
    assert (weights.SHIPPED / f"{name}.csv").exists()


# --- weights of one's own, by a name -----------------------------------------------------------------

TINY = Recipe(
    name="tiny",
    network="cnn",
    arguments={"widths": [8, 8], "kernel": 3, "dilations": [1]},
    steps=2,
    validate_every=1,
    batch_points=4_000,
    points=(128, 192),
    validation_spectra=16,
)
AXIS = np.linspace(500.0, 1500.0, 200)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for weights of one's own, which is not there yet."""
    monkeypatch.setenv("CRIMSON_WEIGHTS", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(TINY, tmp_path_factory.mktemp("runs"), device="cpu")


def test_what_is_kept_is_a_remover_by_its_name(own: Path, trained: Path) -> None:
    before = removers()
    keep_remover(trained, "glass 2")
    assert sorted(removers()) == sorted([*before, "glass 2"])
    remover = load_remover("glass 2", device="cpu")
    assert remover.name == "glass 2"
    assert remover.provenance["sha256"] == weights.read_card(trained)["sha256"]
    assert remover(np.ones((2, 200)) + AXIS / 1e4, AXIS).shape == (2, 200)
    assert len(weights.read_curve("glass 2")) == 2
    assert not list(own.glob("*.partial"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../glass", "no name"),
        ("a/b", "no name"),
        ("a\\b", "no name"),
        ("glass.v2", "no name"),
        ("", "no name"),
        (" glass", "no name"),
        ("a,b", "no name"),
        ("gl\nass", "no name"),
        ("gl\x1bass", "no name"),
        ("x" * 65, "no name"),
        ("cnn", "a shipped remover"),
        ("CNN", "a shipped remover"),
        ("kk", "means something else"),
        ("Given", "means something else"),
        ("nul", "means something else"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_name_that_will_not_do_is_refused(name: str, told: str, trained: Path) -> None:
    with pytest.raises(CrimsonError, match=told):
        keep_remover(trained, name)
    assert not weights.own_names()


def test_a_name_that_is_taken_is_refused(own: Path, trained: Path) -> None:
    keep_remover(trained, "glass")
    with pytest.raises(CrimsonError, match=r"there is a remover 'Glass' already; take another name, or remove its files from .*own"):
        keep_remover(trained, "Glass")


def test_files_that_have_gone_are_told(own: Path, trained: Path) -> None:
    keep_remover(trained, "glass")
    for file in own.iterdir():
        file.unlink()
    assert "glass" not in removers()
    with pytest.raises(CrimsonError, match=r"no remover 'glass'; there are cnn.*your own are kept in .*own"):
        load_remover("glass")


def test_other_bytes_under_a_name_are_refused(own: Path, trained: Path) -> None:
    keep_remover(trained, "glass")
    file = own / "glass.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CrimsonError, match="but its card says"):
        load_remover("glass")


def test_weights_without_a_card_are_not_offered(own: Path, trained: Path) -> None:
    keep_remover(trained, "glass")
    (own / "glass.toml").unlink()
    assert "glass" not in removers()


def test_a_name_that_other_weights_have_taken_is_loaded_anew(own: Path, trained: Path, stored: Path) -> None:
    keep_remover(trained, "glass")
    first = load_once("glass", "cpu", "auto")
    assert load_once("glass", "cpu", "auto") is first
    tensors, card = weights.load("glass")
    for file in own.iterdir():
        file.unlink()
    weights.keep("glass", {key: value + 1 for key, value in tensors.items()}, card)
    assert load_once("glass", "cpu", "auto") is not first


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CRIMSON_WEIGHTS", str(tmp_path / "file" / "own"))
    assert "cnn" in removers()
    with refused(tmp_path, r"cannot write into .*own"):
        keep_remover(trained, "glass")


def test_without_a_variable_the_folder_is_that_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.delenv("CRIMSON_WEIGHTS")
    assert weights.own_folder() == platformdirs.user_data_path("napari-crimson", appauthor=False) / "weights"


def test_listing_own_weights_imports_no_torch(own: Path, trained: Path) -> None:
    keep_remover(trained, "glass")
    code = "import sys, napari_crimson; print(napari_crimson.removers(), 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'glass'" in told
    assert told.rstrip().endswith("False")


@pytest.mark.usefixtures("own")
def test_from_the_command_line_to_a_corrected_stack(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    glass, stack = tmp_path / "glass.csv", tmp_path / "cell.npz"
    np.savetxt(glass, np.c_[AXIS, np.full(200, 900.0)], delimiter=",")
    np.savez(stack, cars=np.random.default_rng(0).uniform(1, 2, (3, 4, 200)), wavenumber=AXIS)
    call = ["train", "--from", str(trained), "--reference", str(glass), "--out", str(tmp_path / "runs"), "--steps", "40", "--device", "cpu"]
    with pytest.raises(SystemExit) as end:
        main([*call, "--save", "rnn"])
    assert end.value.code == 1
    assert "'rnn' is a shipped remover" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main([*call, "--save", "glass"])
    assert not end.value.code
    assert "kept as 'glass'" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["correct", str(stack), "--out", str(tmp_path / "out"), "--remover", "glass", "--device", "cpu"])
    assert not end.value.code
    assert (tmp_path / "out" / "cell.zarr").is_dir()
