from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError, score

rng = np.random.default_rng(0)
TRUTH = rng.random((40, 50)) + np.sin(np.arange(50) / 4) ** 2


def test_the_truth_scores_full_marks():
    figures = score(TRUTH, TRUTH)
    assert figures["mse_mean"] == figures["mse_median"] == figures["nrmse"] == 0
    assert figures["r2_median"] == figures["r_over_98"] == 1
    assert figures["r_median"] == pytest.approx(1)
    assert figures["slope"] == pytest.approx(1)
    assert figures["spectra"] == 40
    assert figures["left_out"] == 0


def test_scale_shows_in_slope_and_error_but_not_in_r():
    figures = score(TRUTH, 1.2 * TRUTH)
    assert figures["slope"] == pytest.approx(1.2)
    assert figures["nrmse"] == pytest.approx(0.2)
    assert figures["r_median"] == pytest.approx(1)
    assert figures["r2_median"] < 1


def test_figures_agree_with_their_definitions_worked_by_hand():
    truth = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0]])
    prediction = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 3.0]])
    figures = score(truth, prediction)
    assert figures["mse_mean"] == pytest.approx(1 / 3)
    assert figures["nrmse"] == pytest.approx(np.sqrt(2 / 14))
    assert figures["slope"] == pytest.approx((1 + 2 + 9) / 14)
    assert figures["r2_median"] == pytest.approx(np.mean([1 - 1 / 2, 1 - 1 / 6]))
    r = [np.corrcoef(t, p)[0, 1] for t, p in zip(truth, prediction, strict=True)]
    assert figures["r_median"] == pytest.approx(np.mean(r))
    assert figures["r_p5"] == pytest.approx(np.percentile(r, 5))


def test_pixels_without_a_spectrum_are_left_out_and_counted():
    prediction = TRUTH.copy()
    prediction[3] = np.nan
    prediction[7, 2] = np.inf
    figures = score(TRUTH, prediction)
    assert figures["left_out"] == 2
    assert figures["spectra"] == 38
    assert figures["mse_mean"] == 0


def test_constant_spectra_make_no_warning():
    truth = TRUTH.copy()
    truth[0] = 1.0
    prediction = TRUTH.copy()
    prediction[1] = 0.0
    figures = score(truth, prediction)
    assert figures["r_median"] == pytest.approx(1)
    assert figures["r_over_98"] == pytest.approx(38 / 39)


def test_nothing_to_compare_is_nan_not_an_error():
    figures = score(TRUTH, np.full_like(TRUTH, np.nan))
    assert figures["spectra"] == 0
    assert np.isnan(
        [figures[name] for name in ("mse_mean", "mse_median", "nrmse", "r2_median", "r_median", "r_p5", "r_over_98", "slope")]
    ).all()


def test_whole_stacks_and_single_spectra_will_do():
    assert score(TRUTH.reshape(4, 10, 50), TRUTH.reshape(4, 10, 50)) == score(TRUTH, TRUTH)
    assert score(TRUTH[0], TRUTH[0])["spectra"] == 1


def test_shapes_that_differ_are_named():
    with pytest.raises(CrimsonError, match=r"\(40, 50\).*\(40, 49\)"):
        score(TRUTH, TRUTH[:, :-1])
