from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import CrimsonError, score
from napari_crimson.metrics import count_lines, coverage

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


AXIS = np.arange(500.0, 1500.0, 2.0)


def lines(*positions: float, height: float = 1.0) -> np.ndarray:
    return sum((height / (1 + ((AXIS - at) / 6) ** 2) for at in positions), np.zeros(AXIS.size))


def test_lines_are_found_missed_and_invented():
    truth = np.stack([lines(700, 1000, 1300), lines(600, 1200)])
    answer = np.stack([lines(702, 1010, 1300), lines(600, 900, 1200)])  # one 10 cm⁻¹ off, one too many
    assert count_lines(truth, answer, AXIS) == {"found": 2.0, "missed": 0.5, "invented": 1.0}


def test_one_line_is_not_found_by_two_nor_two_by_one():
    assert count_lines(lines(800)[None], (lines(796) + lines(804))[None], AXIS)["found"] == 1
    close = lines(800, height=1)[None] + lines(820, height=0.9)[None]
    assert count_lines(close, lines(800)[None], AXIS) == {"found": 1, "missed": 1, "invented": 0}


def test_a_line_at_the_very_end_of_the_axis_counts():
    assert count_lines(lines(500)[None], lines(500)[None], AXIS)["found"] == 1


def test_coverage_counts_points_within_one_and_two_deviations():
    sd = np.full((1, 4), 2.0)
    assert coverage(np.zeros((1, 4)), np.array([[1.0, -2.0, 3.0, 5.0]]), sd) == {"within_1sd": 0.5, "within_2sd": 0.75}
