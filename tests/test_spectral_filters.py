"""The two filters against textbook transforms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import hilbert, savgol_filter

from napari_crimson.remover.spectral_filters import HilbertTransform, SavitzkyGolay


@pytest.mark.parametrize("points", [64, 101])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_hilbert_is_that_of_the_padded_spectrum(points, padding):
    spectra = np.random.default_rng(0).normal(size=(3, points)).cumsum(axis=1)
    padded = np.pad(spectra, ((0, 0), (points * padding,) * 2), mode="edge")
    expected = hilbert(padded, axis=1).imag[:, points * padding : points * (padding + 1)]
    np.testing.assert_allclose(HilbertTransform(points, padding)(spectra), expected, atol=1e-11)


def test_dispersive_line_gives_positive_peak():
    x = np.linspace(-100, 100, 2001)
    line = 1 / (-x - 2j)  # Ω = 0, Γ = 2
    found = HilbertTransform(x.size, 3)(line.real[None])[0]
    np.testing.assert_allclose(found, line.imag, atol=0.02 * line.imag.max())


@pytest.mark.parametrize(("window", "order"), [(3, 2), (51, 2), (201, 3), (299, 1)])
def test_savitzky_golay_is_scipys(window, order):
    spectra = np.random.default_rng(1).normal(size=(4, 300))
    found = SavitzkyGolay(300, window, order)(spectra)
    np.testing.assert_allclose(found, savgol_filter(spectra, window, order), atol=1e-10)


def test_savitzky_golay_keeps_float32():
    spectra = np.random.default_rng(1).normal(size=(4, 300)).astype(np.float32)
    found = SavitzkyGolay(300, 51, 2)(spectra)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, savgol_filter(spectra.astype(float), 51, 2), atol=1e-5)
