"""The simulated stack and its truth."""

from __future__ import annotations

import numpy as np
import pytest

from napari_crimson import simulate_stack
from napari_crimson.errors import CrimsonError


def test_a_seed_is_a_stack() -> None:
    first, again, other = simulate_stack((9, 12)), simulate_stack((9, 12)), simulate_stack((9, 12), seed=1)
    assert first["cars"].dims == ("y", "x", "wavenumber")
    assert first["cars"].dtype == np.uint16
    assert first.identical(again)
    assert not np.array_equal(first["cars"], other["cars"])


def test_the_truth_explains_the_counts() -> None:
    """Kramers–Kronig on the noise-free limit gives the truth back, so that truth and counts belong together."""
    ds = simulate_stack((6, 6), misfit=0.0, photons=60_000)
    light = ds["cars"].values - ds["dark"].values
    ratio = light / (ds["reference"].values - ds["dark"].values)
    truth = ds["raman"].values
    band = truth.mean((0, 1)).argmax()
    strongest = np.unravel_index(truth[..., band].argmax(), truth.shape[:2])
    weakest = np.unravel_index(truth[..., band].argmin(), truth.shape[:2])
    # on resonance |1 + iR|² = 1 + R² and, left of the line, Re χ_R raises the light: the stronger pixel rises more
    left = slice(band - 12, band - 4)
    gain = [np.median(ratio[p]) for p in (strongest, weakest)]
    assert (ratio[strongest][left] / gain[0]).mean() > (ratio[weakest][left] / gain[1]).mean()


def test_ratio_is_the_largest_resonance_of_the_stack() -> None:
    weak, strong = (np.abs(simulate_stack((24, 24), ratio=r)["raman"].values).max() for r in (0.1, 0.4))
    assert strong == pytest.approx(4 * weak, rel=1e-3)
    assert 0.3 < strong <= 0.4


def test_a_stack_of_planes_on_an_axis_of_ones_own() -> None:
    ds = simulate_stack((3, 8, 8), wavenumber=np.linspace(2700, 3100, 120))
    assert ds["cars"].shape == (3, 8, 8, 120)
    assert float(ds["z"][1]) == 1.0


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 3, 4, 5)])
def test_an_unusable_shape_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(CrimsonError, match="give pixels as"):
        simulate_stack(shape)


def test_more_light_than_a_camera_takes_is_refused() -> None:
    with pytest.raises(CrimsonError, match="16-bit"):
        simulate_stack((4, 4), photons=1e6)
