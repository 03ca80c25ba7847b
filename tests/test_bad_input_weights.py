"""Hostile and broken weights, cards and recipes: one `CrimsonError`, nothing made of what they ask for, nothing changed on disk."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_crimson import load_remover, weights
from napari_crimson.networks import build
from napari_crimson.pipeline import read_pipeline
from napari_crimson.recipe import read_recipe
from napari_crimson.synthesis import make_prior
from napari_crimson.weights.card import sealed
from refusing import refused

ARGUMENTS = {"widths": [4, 6], "kernel": 3, "dilations": [1]}
CARD: dict[str, Any] = {"name": "tiny", "network": "cnn", "convention": "relative", "arguments": ARGUMENTS}
AXIS = np.linspace(1000, 1400, 200)
AGAIN = "get weights and card again from one place"
STRANGE = rf"tiny\.safetensors: not a safetensors file \(.*\); {AGAIN}"


def store(folder: Path, *, data: bytes | None = None, **said: Any) -> Path:
    """Weights of a tiny network, with other bytes or another card, and the checksum they then have."""
    path = weights.save(folder / "tiny", build("cnn", ARGUMENTS).state_dict(), {**CARD, **said})
    if data is not None:
        path.write_bytes(data)
        path.with_suffix(".toml").write_text(sealed({**CARD, **said, "sha256": hashlib.sha256(data).hexdigest()}), "utf-8")
    return path


def safetensors(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"network": ["cnn"]}, "network = .*expected a text"),
        ({"network": "transformer"}, r"tiny\.safetensors: .*no network 'transformer'; there are cnn, rnn, dense; get the card again"),
        ({"name": "\x1b[31mred\n"}, "name = .*expected a text"),
        ({"convention": "x" * 10_000}, "convention = .*expected a text"),
        ({"arguments": [1]}, "arguments = .*expected a table"),
        ({"arguments": {"widths": [10**9, 10**9]}}, "does not take .*widths must be whole numbers from 1 to 4096"),
        ({"arguments": {"widths": [4096, 4096, 4096]}}, r"does not take .*parameters.*at most 16,777,216"),
        ({"arguments": {"widths": [4] * 14}}, "steps of .* points; at most 16,777,216 and 512"),
        ({"arguments": {"widths": [4] * 100_000}}, "at most 64 of them"),
        ({"arguments": {"kernel": 4}}, "kernel=4, must be odd"),
        ({"arguments": {"kernel": 0}}, "does not take .*kernel must be whole numbers from 1 to 4096"),
        ({"arguments": {"__class__": 1}}, "does not take .*unexpected keyword argument '__class__'"),
        ({"arguments": {"inputs": "os.system"}}, "does not take.*inputs='os.system', there are relative, susceptibility"),
        ({"arguments": {"widths": [8, 6]}}, f"do not fit the network 'cnn' of their card .*; {AGAIN}"),
        ({"recipe": {"step_cm1": "fine"}}, "recipe.step_cm1 = 'fine', expected two numbers"),
        ({"recipe": {"range_cm1": [4000.0, 200.0]}}, "recipe.range_cm1 = .*lower first"),
        ({"prior": 5}, "prior = 5, expected a table"),
    ],
)
def test_a_card_that_asks_for_what_is_no_network(tmp_path: Path, said: dict[str, Any], match: str) -> None:
    path = store(tmp_path, **said)
    with refused(tmp_path, match):
        load_remover(path, device="cpu")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", STRANGE),
        (safetensors({}, length=2**40), STRANGE),
        (safetensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}), STRANGE),
        (safetensors({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}), STRANGE),
        (safetensors(b"[" * 100_000), STRANGE),
        (
            safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, struct.pack("<f", 1)),
            f"do not fit the network.*; {AGAIN}",
        ),
        (
            safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, struct.pack("<f", np.nan)),
            f"'a' holds .*not all finite numbers; {AGAIN}",
        ),
        (
            safetensors({"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)),
            f"torch.int64 that are not all finite numbers; {AGAIN}",
        ),
    ],
    ids=["empty", "header of a terabyte", "tensor of a terabyte", "shape that overflows", "deep", "foreign", "NaN", "integers"],
)
def test_bytes_that_are_no_weights(tmp_path: Path, data: bytes, match: str) -> None:
    path = store(tmp_path, data=data)
    with refused(tmp_path, match):
        load_remover(path, device="cpu")


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, 'a = "\ud800"'.encode("utf-8", "surrogatepass").decode("latin-1"), "=", "\0"])
def test_a_card_that_is_no_toml(tmp_path: Path, text: str) -> None:
    path = store(tmp_path)
    path.with_suffix(".toml").write_bytes(text.encode("latin-1"))
    with refused(tmp_path, r"tiny\.toml: no readable card beside the weights \(.+\); weights are used only with the card that made them"):
        load_remover(path, device="cpu")


def test_a_card_of_megabytes_is_not_parsed(tmp_path: Path) -> None:
    path = store(tmp_path)
    path.with_suffix(".toml").write_text("#" * 2**23)
    with refused(tmp_path, "more than 4,194,304 bytes"):
        load_remover(path, device="cpu")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a = " + "[" * 50_000, "no readable recipe"),
        ('network = "cnn"\nname = "../../../etc/cron"', "name = .* is none of a file"),
        ('network = "cnn"\nname = "/tmp/x"', "name = .* is none of a file"),
        ('network = "cnn"\nname = "\\u001b[31m"', "name = .* is none of a file"),
        ('network = "cnn"\nbatch_points = 10_000_000_000_000', "10,000,000,000,000 points at once, from .*; at most 134,217,728"),
        ('network = "cnn"\nvalidation_spectra = 100_000_000', "points at once"),
        ('network = "cnn"\npoints = [192, 1_000_000_000]', "points at once"),
        ('network = "cnn"\nrange_cm1 = [1.0, inf]', "range_cm1 = .*two numbers"),
        ('network = "cnn"\npoints = [true, true]', "points = .*two numbers"),
        ('network = "cnn"\narguments = ' + repr([[1] * 1000]), "arguments = .*a table"),
    ],
)
def test_a_training_recipe_that_cannot_be_meant(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with refused(tmp_path, match):
        read_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("bounds", "match"),
    [
        ({"lines": [1, 10**9]}, "bound lines = .*whole numbers above 0 and up to 500"),
        ({"lines": [1.5, 3]}, r"bound lines = \(1.5, 3\), expected two whole numbers"),
        ({"broadening_fwhm_cm1": [3.0, 1e9]}, "broadening_fwhm_cm1 = .*above 0 and up to 1000"),
        ({"photons": [0.0, 1e4]}, "bound photons = .*above 0"),
        ({"photons": [float("nan"), 1e4]}, r"bound photons = \(nan, .*expected two numbers"),
        ({"offset_share": 2.0}, "offset_share = 2.0, expected a number from 0 to 1"),
        ({"excitation": [[1000.0, 1.0], [900.0, 1.0]]}, "cm⁻¹ rising"),
        ({"excitation": [[1000.0, 0.0], [1900.0, 0.0]]}, "not all 0"),
        ({"excitation": [[1000.0, 1.0], [1900.0, 10**26]]}, r"none beyond 1e\+12"),
        ({"excitation": [[1000.0, 1.0], [10**400, 1.0]]}, r"none beyond 1e\+12"),
        ({"photons": [1.0, 10**400]}, "bound photons = .*above 0 and up to 1e"),
        ({"excitation": "everything"}, "excitation = 'everything', expected 2 to 100000 pairs"),
        ({"convention": "mine"}, "prior 'wide' has no convention; it has ratio, lines"),
    ],
)
def test_bounds_that_no_prior_has(tmp_path: Path, bounds: dict[str, Any], match: str) -> None:
    with refused(tmp_path, match):
        make_prior("wide", bounds)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a = " + "[" * 50_000, "no readable TOML"),
        ('remover = "kk"\n' + '[[step]]\nname = "crop"\nfirst_cm1 = 1\nlast_cm1 = 2\n' * 101, "at most 100"),
        ('remover = "\\u001b[31mkk"', "remover = .*give a name or a path"),
        ('remover = "os.system"', "r.toml: no remover 'os.system'; there are cnn"),
        ('remover = "kk"\n[[step]]\nname = "__import__"', r"step 1 \(__import__\): no step '__import__'; there are remove_spikes"),
        ('remover = "kk"\n[[step]]\nname = "crop"\nfirst_cm1 = nan\nlast_cm1 = 2', "first_cm1 = nan: give a number, in cm⁻¹"),
        (
            'remover = "kk"\n[[step]]\nname = "resample"\nfirst_cm1 = 1\nlast_cm1 = 2\npoints = 100000000000',
            "points = 100000000000: give a whole number from 2 to",
        ),
        ('remover = "kk"\n[settings]\npadding = 1000000000000', "padding 1000000000000: give 0 or a number of lengths up to 64"),
    ],
)
def test_a_pipeline_recipe_that_cannot_be_meant(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with refused(tmp_path, match):
        read_pipeline(tmp_path / "r.toml")


def test_a_pipeline_recipe_of_megabytes_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("#" * 2**23)
    with refused(tmp_path, "more than 4,194,304 bytes"):
        read_pipeline(tmp_path / "r.toml")


def test_no_weights_are_unpickled_whatever_they_are_called(tmp_path: Path) -> None:
    """A checkpoint of torch, renamed."""
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.pt")
    path = store(tmp_path, data=(tmp_path / "a.pt").read_bytes())
    with refused(tmp_path, STRANGE):
        load_remover(path, device="cpu")
    with refused(tmp_path, r"no remover .*; there are cnn, .*, or give the path of a \.safetensors file"):
        load_remover(str(tmp_path / "a.pt"))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_card_without_an_end(tmp_path: Path) -> None:
    path = store(tmp_path)
    path.with_suffix(".toml").unlink()
    path.with_suffix(".toml").symlink_to("/dev/zero")
    with refused(tmp_path, "no regular file"):
        load_remover(path, device="cpu")


def test_the_recipe_of_a_result_is_no_link_to_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"attributes": {"crimson": {"recipe": "remover = \\"kk\\""}}}')
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").symlink_to(tmp_path / "secret.json")
    with refused(tmp_path, "secret.*outside the folder"):
        read_pipeline(tmp_path / "a.zarr")
