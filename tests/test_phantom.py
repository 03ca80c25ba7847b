"""The simulated stack and its truth."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.signal import find_peaks

from napari_crimson import simulate_stack
from napari_crimson.errors import CrimsonError
from napari_crimson.phantom import LIQUIDS


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


# --- liquids ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def liquids() -> xr.Dataset:
    return simulate_stack((48, 60), sample="liquids")


def of(liquids: xr.Dataset, species: str, variable: str) -> np.ndarray:
    """Mean spectrum (W,) of the pixels that hold nothing else."""
    pure = liquids[f"concentration_{species}"].values > 0.98
    assert pure.sum() >= 5
    mean: np.ndarray = liquids[variable].values[pure].mean(axis=0)
    return mean


def test_liquids_share_the_field_and_leave_glass_between(liquids: xr.Dataset) -> None:
    total = sum(liquids[f"concentration_{species}"].values for species in LIQUIDS)
    assert total.max() < 1 + 1e-6
    assert (total < 0.02).any()
    glass = liquids["raman"].values[total < 2e-3]
    assert np.abs(glass).max() < 0.01  # nothing but background


@pytest.mark.parametrize(
    ("species", "lines"),
    [
        ("oil", [1303, 1440, 1656, 1747, 2853, 2930]),
        ("DMSO", [667, 698, 2913, 2995]),
        ("polystyrene", [621, 1001, 1032, 1602, 3054]),
        ("water", [3230, 3413]),
    ],
)
def test_lines_of_the_liquids_are_where_they_are_known(liquids: xr.Dataset, species: str, lines: list[float]) -> None:
    spectrum, axis = of(liquids, species, "raman"), liquids["wavenumber"].values
    peaks = axis[find_peaks(spectrum, prominence=0.01)[0]]
    for line in lines:
        assert np.abs(peaks - line).min() < (25 if species == "water" else 4), line


def test_ratios_of_the_liquids_are_those_of_liquids(liquids: xr.Dataset) -> None:
    strongest = {species: of(liquids, species, "raman").max() for species in LIQUIDS}
    assert all(0.5 < ratio < 3 for ratio in strongest.values()), strongest
    assert strongest["DMSO"] > strongest["oil"] > strongest["water"]
    assert liquids["cars"].values.max() < 65_535


def test_a_line_of_cars_is_dispersive_and_its_maximum_lies_below(liquids: xr.Dataset) -> None:
    axis = liquids["wavenumber"].values
    region = (axis > 2880) & (axis < 2950)
    light = (of(liquids, "DMSO", "cars") - liquids["dark"].values) / (liquids["reference"].values - liquids["dark"].values)
    ratio = of(liquids, "DMSO", "raman")
    assert axis[region][light[region].argmax()] < axis[region][ratio[region].argmax()]
    assert light[(axis > 2915) & (axis < 2990)].min() < 0.5 * np.median(light)


def test_an_unknown_sample_lists_the_known() -> None:
    with pytest.raises(CrimsonError, match="'wine'; give tissue or liquids"):
        simulate_stack((4, 4), sample="wine")
