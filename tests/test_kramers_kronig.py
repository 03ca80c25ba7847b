"""Kramers–Kronig against CRIkit2's answers, against spectra whose truth is known, and on bad input."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from at_once import AtOnce
from napari_crimson import priority
from napari_crimson.errors import CrimsonError
from napari_crimson.remover import load_remover
from napari_crimson.remover.kramers_kronig import KKSettings, KramersKronig

FIXTURE = Path(__file__).parent / "fixtures" / "kramers_kronig.npz"  # benchmarks/make_crikit_fixtures.py
PLAIN = {"phase_correction": False, "scale_correction": False}


def lorentzians(wavenumber, lines):
    """Sum of A Γ / (Ω − ω − iΓ) over `lines` of (Ω, Γ, A)."""
    return sum(a * g / (c - wavenumber - 1j * g) for c, g, a in lines)


@pytest.fixture
def scene():
    """A spectrum of three lines under a smooth excitation: axis, CARS, reference from the same medium, truth."""
    wavenumber = np.arange(500.0, 2500.0, 2.0)
    chi = lorentzians(wavenumber, [(1000, 8, 0.3), (1450, 12, 0.2), (1900, 20, 0.4)])
    excitation = 2e4 * np.exp(-(((wavenumber - 1400) / 900) ** 2))
    return wavenumber, excitation * np.abs(1 + chi) ** 2, excitation, chi.imag


def relative_rms(found, truth):
    return np.sqrt(np.mean((found - truth) ** 2) / np.mean(truth**2))


@pytest.mark.parametrize(
    ("stage", "switches", "tolerance"),
    [("plain", PLAIN, 1e-6), ("phased", {"scale_correction": False}, 1e-5), ("scaled", {}, 1e-5)],
)
def test_same_answer_as_crikit2(stage, switches, tolerance):
    d = np.load(FIXTURE)
    same = {name: float(d[name]) for name in ("smoothness", "asymmetry", "knot_cm1", "trend_cm1")}
    settings = KKSettings(knot_average=False, trend_order=int(d["trend_order"]), **same, **switches)
    found = KramersKronig(settings)(d["cars"], d["wavenumber"], d["reference"])
    assert np.abs(found - d[stage]).max() < tolerance * np.abs(d[stage]).max()


def test_recovers_lines_with_exact_reference(scene):
    wavenumber, cars, reference, truth = scene
    found = KramersKronig(KKSettings(**PLAIN))(cars[None], wavenumber, reference)[0]
    assert relative_rms(found, truth) < 0.06  # the lines' wings beyond the axis are not known
    assert found.dtype == np.float32


def test_corrections_mend_a_reference_of_another_medium(scene):
    wavenumber, cars, reference, truth = scene
    u = (wavenumber - 1500) / 1000
    other = reference * (1.3 + 0.3 * u) ** 2
    plain = KramersKronig(KKSettings(**PLAIN))(cars[None], wavenumber, other)[0]
    corrected = load_remover("kk")(cars[None], wavenumber, other)[0]
    assert relative_rms(plain, truth) > 0.5
    assert relative_rms(corrected, truth) < 0.15


def test_without_reference_lines_are_found(scene):
    wavenumber, cars, _, truth = scene
    found = load_remover("kk")(cars[None], wavenumber)[0]
    assert np.corrcoef(found, truth)[0, 1] > 0.9
    assert all(found[wavenumber == line] > 0.5 * truth[wavenumber == line] for line in (1000, 1450, 1900))


def test_pixels_stay_comparable_at_any_power(scene):
    wavenumber, cars, reference, _ = scene
    remover = load_remover("kk")
    gains = np.array([1e-3, 1.0, 500.0])[:, None]
    found = remover(gains * cars, wavenumber, reference)
    np.testing.assert_allclose(found, found[[1, 1, 1]], atol=1e-5 * found.max())


@pytest.mark.parametrize("reference", [True, False])
def test_cutting_the_stack_changes_nothing(scene, reference):
    wavenumber, cars, ref, _ = scene
    rng = np.random.default_rng(1)
    spectra = rng.poisson(np.tile(cars, (600, 1)) * rng.uniform(0.5, 2, (600, 1))).astype(np.float32)
    remover, ref = load_remover("kk"), ref if reference else None
    whole = remover(spectra, wavenumber, ref)
    parts = np.concatenate(
        [remover(spectra[:1], wavenumber, ref), remover(spectra[1:431], wavenumber, ref), remover(spectra[431:], wavenumber, ref)]
    )
    np.testing.assert_allclose(parts, whole, atol=1e-5 * np.abs(whole).max())


def test_zero_and_negative_counts_stay_finite_and_local(scene):
    wavenumber, cars, reference, truth = scene
    broken = cars.copy()
    broken[[200, 640]] = 0.0, -50.0
    found = KramersKronig(KKSettings(**PLAIN))(np.stack([cars, broken]), wavenumber, reference)
    assert np.isfinite(found).all()
    far = np.abs(np.arange(cars.size)[:, None] - [200, 640]).min(axis=1) > 60
    assert np.abs(found[1] - truth)[far].max() < 0.15 * truth.max()


def test_mostly_negative_spectrum_is_finite(scene):
    wavenumber, cars, reference, _ = scene
    spectra = np.full((2, cars.size), -1.0)
    spectra[:, 300] = 4.0
    for ref in (reference, None):
        assert np.isfinite(load_remover("kk")(spectra, wavenumber, ref)).all()


def test_dark_points_of_the_reference_are_bridged(scene):
    wavenumber, cars, reference, truth = scene
    holed = reference.copy()
    holed[:15] = -3.0
    holed[[700, 701]] = 0.0
    holed[-10:] = 0.0
    found = KramersKronig(KKSettings(**PLAIN))(cars[None], wavenumber, holed)[0]
    assert relative_rms(found, truth) < 0.05


def test_reference_dark_at_most_points_is_refused(scene):
    wavenumber, cars, reference, _ = scene
    reference = reference.copy()
    reference[100:800] = 0.0
    with pytest.raises(CrimsonError, match="700 of 1000 points, the first at 700 cm⁻¹"):
        load_remover("kk")(cars[None], wavenumber, reference)


@pytest.mark.parametrize("points", [8, 9, 31, 64])
def test_few_points(points):
    wavenumber = np.linspace(2800.0, 3000.0, points)
    cars = np.abs(1 + lorentzians(wavenumber, [(2900, 15, 0.5)])) ** 2
    for reference in (np.ones(points), None):
        found = load_remover("kk")(cars[None], wavenumber, reference)
        assert found.shape == (1, points)
        assert np.isfinite(found).all()


def test_too_few_points_are_refused():
    with pytest.raises(CrimsonError, match=r"5 points.*at least 8"):
        load_remover("kk")(np.ones((1, 5)), np.arange(5.0))


def test_input_is_left_alone(scene):
    wavenumber, cars, reference, _ = scene
    spectra, ref = cars[None].astype(np.float32), reference.astype(np.float32)
    before = spectra.copy(), ref.copy()
    load_remover("kk")(spectra, wavenumber, ref)
    np.testing.assert_array_equal(spectra, before[0])
    np.testing.assert_array_equal(ref, before[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"smoothness": 0.0}, "smoothness 0.0"),
        ({"knot_cm1": -1.0}, "knot_cm1 -1.0"),
        ({"trend_cm1": np.nan}, "trend_cm1 nan"),
        ({"asymmetry": 1.0}, "asymmetry 1.0"),
        ({"background_asymmetry": 0.0}, "background_asymmetry 0.0"),
        ({"padding": -1}, "padding -1"),
        ({"trend_order": 7}, "trend_order 7"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(CrimsonError, match=message):
        KKSettings(**wrong)


def test_provenance_tells_the_settings():
    told = KramersKronig(KKSettings(asymmetry=0.02)).provenance
    assert (told["remover"], told["convention"], told["asymmetry"]) == ("kk", "relative", 0.02)


def test_measured_glycerol_gives_its_two_bands(shared_data):
    d = np.load(shared_data / "measured_glycerol_ratio.npz")
    inside = d["wn"] < 4600
    wavenumber, ratio = d["wn"][inside], d["cars_over_nrb"][inside]
    found = load_remover("kk")(ratio[None], wavenumber, np.ones(wavenumber.size))[0]
    assert 2925 < wavenumber[found.argmax()] < 2965  # C–H stretch
    hydroxyl = wavenumber > 3100
    assert 3200 < wavenumber[hydroxyl][found[hydroxyl].argmax()] < 3500


def test_simulated_tissue_as_well_as_published(shared_data):
    with h5py.File(shared_data / "bcars_tissue.h5") as file:
        image, reference, dark = (
            file[f"BCARSImage/phantom_0/{name}"][...].reshape(-1, 1600)[:, ::-1] for name in ("phantom_0", "NRB_Pre", "Dark_Pre")
        )
    t = np.load(shared_data / "bcars_tissue_truth.npz")
    wavenumber, truth = t["wavenumber"][::-1].astype(float), t["raman"].reshape(-1, 1600)[:, ::-1]
    lit = (wavenumber > 450) & (wavenumber < 3800)
    u, s, v = np.linalg.svd(np.sqrt(np.clip(image - dark.mean(axis=0), 1, None)[:, lit]), full_matrices=False)
    denoised = ((u[:, :12] * s[:12]) @ v[:12]) ** 2
    found = load_remover("kk")(denoised, wavenumber[lit], (reference.mean(axis=0) - dark.mean(axis=0))[lit])
    window = (wavenumber > 600) & (wavenumber < 3400)
    found, truth = found[:, window[lit]], truth[:, window]
    pearson = [np.corrcoef(a, b)[0, 1] for a, b in zip(found, truth, strict=True)]
    assert np.median(pearson) > 0.969
    assert relative_rms(found, truth) < 0.173


@pytest.mark.parametrize(("used_ago_s", "most"), [(0.0, 1), (10.0, 3)])
def test_cores_are_left_to_a_window_in_use(used_ago_s: float, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = AtOnce()

    def slow(_: KramersKronig, log_amplitude: np.ndarray, *__: object) -> np.ndarray:
        with at_once.work():
            return log_amplitude

    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(priority, "_USED_S", 5.0)
    monkeypatch.setattr(KramersKronig, "phase", slow)
    monkeypatch.setattr(KramersKronig, "batch_values", 200)
    monkeypatch.setattr(priority, "_used", time.perf_counter() - used_ago_s)
    spectra = 1 + np.random.default_rng(0).random((6, 200), dtype=np.float32)
    with ThreadPoolExecutor(1, initializer=priority.stand_back) as pool:
        pool.submit(load_remover("kk"), spectra, np.linspace(800.0, 1800.0, 200)).result()
    assert at_once.most == most
