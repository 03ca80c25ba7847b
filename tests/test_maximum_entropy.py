"""Maximum entropy against spectra whose truth is known, against Kramers–Kronig and a plain solver, and on bad input."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from napari_crimson import removers
from napari_crimson.errors import CrimsonError
from napari_crimson.remover import load_remover
from napari_crimson.remover.maximum_entropy import MaximumEntropy, MEMSettings, levinson_durbin, maximum_entropy_phase
from napari_crimson.remover.spectral_filters import HilbertTransform

AXIS = np.arange(500.0, 2500.0, 2.0)
EXCITATION = 2e4 * np.exp(-(((AXIS - 1400) / 900) ** 2))
LINES = [(1000, 8, 0.3), (1450, 12, 0.2), (1900, 20, 0.4)]
TRUTH = np.sum([a * g / (c - AXIS - 1j * g) for c, g, a in LINES], axis=0)
CARS = EXCITATION * np.abs(1 + TRUTH) ** 2
OTHER = EXCITATION * (1.3 + 0.3 * (AXIS - 1500) / 1000) ** 2  # a reference of another medium


def relative_rms(found, truth):
    return np.sqrt(np.mean((found - truth) ** 2) / np.mean(truth**2))


def test_it_is_found_by_name():
    assert "mem" in removers()
    told = load_remover("mem").provenance
    assert (told["remover"], told["convention"], told["poles_per_point"]) == ("mem", "relative", 0.5)


def test_recovers_lines_with_exact_reference():
    settings = MEMSettings(phase_correction=False, scale_correction=False, padding=2)  # as far as kk pads
    found = MaximumEntropy(settings)(CARS[None], AXIS, EXCITATION)[0]
    assert relative_rms(found, TRUTH.imag) < 0.06
    assert found.dtype == np.float32


@pytest.mark.parametrize(("reference", "tolerance"), [(EXCITATION, 0.1), (OTHER, 0.15), (None, 0.3)])
def test_it_agrees_with_kramers_kronig_and_the_truth_without_noise(reference, tolerance):
    mem, kk = (load_remover(name)(CARS[None], AXIS, reference)[0] for name in ("mem", "kk"))
    assert relative_rms(mem, kk) < 0.02
    assert relative_rms(mem, TRUTH.imag) < tolerance
    assert relative_rms(kk, TRUTH.imag) < tolerance


def test_it_is_quieter_than_kramers_kronig_on_noise():
    spectra = np.random.default_rng(0).poisson(np.tile(CARS / 10, (40, 1)))
    mem, kk = (load_remover(name)(spectra, AXIS, EXCITATION) for name in ("mem", "kk"))
    assert relative_rms(mem, TRUTH.imag) < 0.8 * relative_rms(kk, TRUTH.imag)


def test_lines_ten_times_the_background_keep_their_branch():
    strong = EXCITATION * np.abs(1 + 25 * TRUTH) ** 2
    mem, kk = (load_remover(name)(strong[None], AXIS, EXCITATION)[0] for name in ("mem", "kk"))
    assert relative_rms(mem, kk) < 0.03


def test_few_photons_leave_no_turn_too_many():
    line_shape = np.maximum(np.random.default_rng(1).poisson(3.0, (100, 300)) / 3.0, 1e-3)
    phase, kk = maximum_entropy_phase(line_shape, poles=150), HilbertTransform(300)(np.log(line_shape) / 2)
    assert np.abs((phase - kk).mean(axis=1)).max() < 1.0  # unwrapped point by point some are off by 2π


def test_the_recursion_solves_the_equations():
    rng = np.random.default_rng(2)
    lags = np.fft.rfft(rng.uniform(1e-3, 2, (7, 64)), axis=1)[:, :20].conj().T.copy()
    found = levinson_durbin(lags)
    for column in range(7):
        right = np.concatenate([[1.0], np.zeros(19)])
        plain = solve_toeplitz(lags[:, column], right)
        np.testing.assert_allclose(found[:, column], plain / plain[0], atol=1e-10)


def test_fewer_poles_are_smoother():
    noisy = np.random.default_rng(3).poisson(CARS)[None]
    rough = [
        np.abs(np.diff(MaximumEntropy(MEMSettings(poles_per_point=poles))(noisy, AXIS, EXCITATION)[0], 2)).mean()
        for poles in (0.05, 0.2, 0.8)
    ]
    assert rough[0] < rough[1] < rough[2]


def test_pixels_stay_comparable_at_any_power():
    gains = np.array([1e-3, 1.0, 500.0])[:, None]
    found = load_remover("mem")(gains * CARS, AXIS, EXCITATION)
    np.testing.assert_allclose(found, found[[1, 1, 1]], atol=1e-5 * found.max())


def test_cutting_the_stack_changes_nothing():
    rng = np.random.default_rng(4)
    spectra = rng.poisson(np.tile(CARS, (300, 1)) * rng.uniform(0.5, 2, (300, 1)))
    remover = load_remover("mem")
    whole = remover(spectra, AXIS, EXCITATION)
    parts = np.concatenate([remover(spectra[:1], AXIS, EXCITATION), remover(spectra[1:], AXIS, EXCITATION)])
    np.testing.assert_allclose(parts, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("reference", [EXCITATION, None])
def test_dim_dark_and_wild_spectra_are_finite(reference):
    rng = np.random.default_rng(5)
    wild = np.stack([np.full(AXIS.size, -1.0), np.zeros(AXIS.size), rng.normal(0, 1, AXIS.size), CARS, CARS])
    wild[0, 300], wild[1, 5], wild[3, 400:410], wild[4, 700] = 4.0, 1e30, 0.0, 1e9
    assert np.isfinite(load_remover("mem")(wild, AXIS, reference)).all()


def test_zero_and_negative_counts_stay_local():
    broken = CARS.copy()
    broken[[200, 640]] = 0.0, -50.0
    found = MaximumEntropy(MEMSettings(phase_correction=False, scale_correction=False))(broken[None], AXIS, EXCITATION)[0]
    far = np.abs(np.arange(AXIS.size)[:, None] - [200, 640]).min(axis=1) > 60
    assert np.abs(found - TRUTH.imag)[far].max() < 0.15 * TRUTH.imag.max()


@pytest.mark.parametrize("points", [8, 9, 31])
@pytest.mark.parametrize("padding", [0, 1])
def test_few_points(points, padding):
    spectra = np.abs(1 + 15 * 0.5 / (2900 - np.linspace(2800, 3000, points) - 15j)) ** 2
    for reference in (np.ones(points), None):
        found = MaximumEntropy(MEMSettings(padding=padding, poles_per_point=1.0))(spectra[None], np.linspace(2800, 3000, points), reference)
        assert found.shape == (1, points)
        assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"poles_per_point": 0.0}, "poles_per_point 0.0"), ({"poles_per_point": 2.0}, "up to 1"), ({"padding": -1}, "padding -1")],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(CrimsonError, match=message):
        MEMSettings(**wrong)


def test_simulated_tissue_as_well_as_published_for_kramers_kronig(shared_data):
    with h5py.File(shared_data / "bcars_tissue.h5") as file:
        image, reference, dark = (
            file[f"BCARSImage/phantom_0/{name}"][...].reshape(-1, 1600)[:, ::-1] for name in ("phantom_0", "NRB_Pre", "Dark_Pre")
        )
    truth = np.load(shared_data / "bcars_tissue_truth.npz")
    wavenumber, raman = truth["wavenumber"][::-1].astype(float), truth["raman"].reshape(-1, 1600)[:, ::-1]
    lit, dark = (wavenumber > 450) & (wavenumber < 3800), dark.mean(axis=0)
    u, s, v = np.linalg.svd(np.sqrt(np.clip(image - dark, 1, None)[:, lit]), full_matrices=False)
    found = load_remover("mem")(((u[:, :12] * s[:12]) @ v[:12]) ** 2, wavenumber[lit], (reference.mean(axis=0) - dark)[lit])
    window = (wavenumber > 600) & (wavenumber < 3400)
    found, raman = found[:, window[lit]], raman[:, window]
    assert np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(found, raman, strict=True)]) > 0.969
    assert relative_rms(found, raman) < 0.173
