"""The batched baseline against plain solvers, one spectrum at a time."""

from __future__ import annotations

import numpy as np
import pytest
from pybaselines import Baseline

from napari_crimson.remover.baseline import asymmetric_baseline, knot_operators


@pytest.fixture
def signals():
    rng = np.random.default_rng(3)
    x = np.linspace(0, 1, 90)
    peaks = sum(np.exp(-(((x - rng.random((40, 1))) / 0.02) ** 2)) for _ in range(4))
    return np.sin(3 * x) + peaks + rng.normal(0, 0.05, (40, 90))


@pytest.mark.parametrize(("smoothness", "asymmetry"), [(1.0, 0.01), (300.0, 0.01), (1e5, 0.3)])
def test_same_as_pybaselines(signals, smoothness, asymmetry):
    found = asymmetric_baseline(signals.T, smoothness=smoothness, asymmetry=asymmetry)
    for signal, baseline in zip(signals, found.T, strict=True):
        plain, _ = Baseline().asls(signal, lam=smoothness, p=asymmetry, diff_order=2, max_iter=200, tol=1e-12)
        np.testing.assert_allclose(baseline, plain, atol=1e-7)


def test_no_spectrum_depends_on_its_neighbours(signals):
    together = asymmetric_baseline(signals.T, smoothness=30, asymmetry=0.01)
    alone = np.concatenate([asymmetric_baseline(row[:, None], smoothness=30, asymmetry=0.01) for row in signals], axis=1)
    np.testing.assert_array_equal(together, alone)


def test_line_is_its_own_baseline():
    lines = np.arange(20.0)[:, None] * np.array([1.0, -3.0]) + 5
    np.testing.assert_allclose(asymmetric_baseline(lines, smoothness=1e4, asymmetry=0.001), lines, atol=1e-8)


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(("points", "knots"), [(1000, 100), (901, 90), (64, 8), (9, 9)])
def test_knots_carry_a_smooth_curve_there_and_back(average, points, knots):
    sample, spread = knot_operators(points, knots, average=average)
    curve = np.cos(np.linspace(0, 1.5, points))
    assert (sample.shape, spread.shape) == ((knots, points), (points, knots))
    inner = slice(points // knots, -points // knots)  # the mean around an outer knot is one-sided
    np.testing.assert_allclose((spread @ (sample @ curve))[inner], curve[inner], atol=0.06 if average else 1e-3)


def test_averaging_quiets_noise():
    noise = np.random.default_rng(0).normal(size=(50, 1000))
    averaged, taken = (knot_operators(1000, 100, average=way)[0] @ noise.T for way in (True, False))
    assert averaged.std() < 0.5 * taken.std()
