"""The physics against closed forms and slow plain code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_crimson.physics import add_noise, cars_intensity, gaussian_broadening, resonant_chi3, sigmoid_window, spectral_phase, uniform


def test_chi3_is_the_sum_of_lorentzians() -> None:
    axis = torch.linspace(500, 3500, 301, dtype=torch.float64)
    amplitude = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 3.0], [0.7, 0.2, 0.0]], dtype=torch.float64)
    position = torch.tensor([[1000.0, 0, 0], [480.0, 1500, 2900], [800.0, 3600, 0]], dtype=torch.float64)
    hwhm = torch.tensor([[5.0, 1, 1], [9.0, 4, 20], [30.0, 12, 1]], dtype=torch.float64)
    real, imag = resonant_chi3(axis, amplitude, position, hwhm)
    plain = (amplitude[..., None] / (position[..., None] - axis - 1j * hwhm[..., None])).sum(1)
    torch.testing.assert_close(real, plain.real)
    torch.testing.assert_close(imag, plain.imag)


def test_line_height_and_width_mean_what_they_say() -> None:
    axis = torch.linspace(900, 1100, 2001, dtype=torch.float64)
    _, imag = resonant_chi3(axis, *(torch.tensor([[v]], dtype=torch.float64) for v in (8.0 * 0.3, 1000.0, 8.0)))
    above = axis[imag[0] >= 0.15]
    assert imag.max().item() == pytest.approx(0.3)
    assert (above[-1] - above[0]).item() / 2 == pytest.approx(8.0, abs=0.1)  # half width at half maximum


def test_phase_recovers_the_raman_spectrum_with_positive_peaks() -> None:
    axis = torch.linspace(500, 3500, 3001, dtype=torch.float64)
    real, imag = resonant_chi3(axis, *(torch.tensor([v], dtype=torch.float64) for v in ([4.0, 3.0], [1200.0, 2500.0], [10.0, 15.0])))
    one = torch.ones_like(real)
    intensity = cars_intensity(one, one, real, imag)
    recovered = intensity.sqrt() * spectral_phase(intensity.log()).sin()
    assert (recovered - imag).abs().max() < 0.01 * imag.max()


def test_broadening_keeps_the_area_and_widens() -> None:
    spectra = torch.zeros(2, 256, dtype=torch.float64)
    spectra[:, 128] = 1.0
    wide = gaussian_broadening(spectra, torch.tensor([2.0, 5.0], dtype=torch.float64))
    x = torch.arange(256) - 128.0
    torch.testing.assert_close(wide.sum(1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close((wide * x**2).sum(1).sqrt(), torch.tensor([2.0, 5.0], dtype=torch.float64))


def test_photon_noise_has_the_variance_of_its_counts() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.tensor([0.1, 1.0]).repeat_interleave(20_000).repeat(2, 1)
    noisy = add_noise(clean, torch.tensor([[100.0], [1e4]]), torch.zeros(2, 1), generator)
    spread = (noisy - clean).view(2, 2, -1).std(-1)
    np.testing.assert_allclose(spread, np.sqrt([[0.1 / 100, 1 / 100], [0.1 / 1e4, 1 / 1e4]]), rtol=0.03)


def test_window_rises_and_falls() -> None:
    window = sigmoid_window(torch.linspace(0, 1, 101), (torch.tensor([[0.2]]), torch.tensor([[0.8]])), (torch.tensor([[40.0]]),) * 2)[0]
    assert window[50] > 0.99
    assert window[20].item() == pytest.approx(0.5, abs=1e-3)
    assert window[80].item() == pytest.approx(0.5, abs=1e-3)


def test_log_uniform_draws_as_many_in_every_decade() -> None:
    drawn = uniform(torch.Generator().manual_seed(0), (30_000,), 1e-2, 1e1, log=True)
    counts = torch.histc(drawn.log10(), 3, -2, 1)
    np.testing.assert_allclose(counts / 30_000, [1 / 3] * 3, atol=0.02)
