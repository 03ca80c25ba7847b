"""The network remover behind the seam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.networks import build
from napari_crimson.remover.network import NetworkRemover

AXIS = np.linspace(600.0, 3400.0, 300)
SPECTRA = np.random.default_rng(0).uniform(500, 5000, (2, 300)).astype(np.float32)


@pytest.fixture
def remover() -> NetworkRemover:
    torch.manual_seed(0)
    network = build("cnn", {})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    card = {"name": "mine", "network": "cnn", "convention": "relative", "sha256": "0"}
    return NetworkRemover(network, card, device="cpu", precision="float32")


def test_a_thread_with_another_axis_does_not_change_the_answer(remover: NetworkRemover, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = remover(SPECTRA, AXIS)
    remover(SPECTRA, 1.5 * AXIS)

    def other_thread_comes_between(wavenumber: np.ndarray) -> None:
        monkeypatch.undo()
        remover(SPECTRA, 1.5 * AXIS)

    monkeypatch.setattr(remover, "_warn_outside_training", other_thread_comes_between)
    np.testing.assert_allclose(remover(SPECTRA, AXIS), alone, rtol=1e-5, atol=1e-6)


def test_too_short_an_axis_is_refused_ahead_of_any_work(remover: NetworkRemover) -> None:
    with pytest.raises(CrimsonError, match=r"12 points.*at least 16"):
        remover(np.full((1, 12), np.nan), AXIS[:12])
