"""The network remover behind the seam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.networks import build
from napari_crimson.remover import load_remover
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


def test_an_axis_outside_of_training_is_told_with_the_ranges_of_the_card() -> None:
    shipped = load_remover("cnn", device="cpu")
    with pytest.warns(UserWarning, match=r"'cnn' was trained on steps of 0.8 to 8 cm⁻¹, this axis has 12: do not trust it here"):
        shipped(SPECTRA[:, :200], 400 + 12.0 * np.arange(200))
    with pytest.warns(UserWarning, match=r"on 200 to 4000 cm⁻¹, this axis goes from 3000 to 5000"):
        shipped(SPECTRA, np.linspace(3000, 5000, 300))
    with pytest.warns(UserWarning, match=r"on 128 points and more, this axis has 60"):
        shipped(SPECTRA[:, :60], AXIS[:60])


def test_constant_and_clipped_spectra_get_no_answer_and_leave_the_others_alone(remover: NetworkRemover) -> None:
    spectra = np.concatenate([SPECTRA, SPECTRA, SPECTRA[:1]])
    spectra[2] = 700.0
    spectra[3, 40:52] = 6000.0  # a converter at its end
    spectra[4, [3, 90, 91, 200]] = 6000.0  # the same maximum in single points is chance
    mean, sd = remover(spectra, AXIS, uncertainty=True)
    assert np.isnan(mean[2:4]).all()
    assert np.isnan(sd[2:4]).all()
    assert np.isfinite(mean[[0, 1, 4]]).all()
    np.testing.assert_allclose(mean[:2], remover(SPECTRA, AXIS), rtol=1e-4, atol=1e-5)
