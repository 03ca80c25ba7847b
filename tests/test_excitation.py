"""The reference that a stack brings by itself: what it is worth, and what it must not depend on."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import xarray as xr

from napari_crimson import CrimsonError, remove_background, simulate_stack
from napari_crimson.errors import DamagedError
from napari_crimson.excitation import ExcitationSettings, estimate_reference
from napari_crimson.prepare import subtract_dark
from napari_crimson.stack import make_stack

FEW = ExcitationSettings(pixels=100)


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((20, 20), seed=1)


@pytest.fixture(scope="module")
def alone(tissue: xr.Dataset) -> xr.Dataset:
    return tissue.drop_vars(["reference", "raman"])


def error(truth: xr.Dataset, stack: xr.Dataset, remover: str) -> float:
    """Root mean square error of the answer, relative to that of the truth."""
    answer = remove_background(stack, remover, device="cpu", precision="float32")["raman"].values
    expected = truth["raman"].values
    return float(np.sqrt(np.nanmean((answer - expected) ** 2) / np.mean(expected**2)))


@pytest.mark.parametrize("remover", ["cnn", "rnn", "kk"])
def test_answers_are_nearer_to_the_truth_with_it(remover: str, tissue: xr.Dataset, alone: xr.Dataset) -> None:
    assert error(tissue, estimate_reference(alone), remover) < 0.9 * error(tissue, alone, remover)


def test_it_is_the_excitation_but_for_a_slow_bend(tissue: xr.Dataset, alone: xr.Dataset) -> None:
    measured = tissue["reference"].values - tissue["dark"].values
    estimated = estimate_reference(alone)["reference"].values - tissue["dark"].values
    lit = measured > 0.03 * measured.max()
    ratio = estimated[lit] / measured[lit]
    assert np.std(np.log(ratio)) < 0.15  # the measured one is bent by 0.08 itself
    assert 0.3 < np.median(ratio) < 3  # counts of the stack


def test_the_dark_is_in_it_as_in_a_measured_one(alone: xr.Dataset) -> None:
    with_dark, without = estimate_reference(alone, FEW), estimate_reference(subtract_dark(alone), FEW)
    np.testing.assert_allclose(with_dark["reference"].values - alone["dark"].values, without["reference"].values, rtol=1e-3)


def test_chunks_change_nothing(alone: xr.Dataset) -> None:
    whole = estimate_reference(alone, FEW)["reference"].values
    cut = estimate_reference(alone.chunk({"y": 7, "x": 3, "wavenumber": -1}), FEW)["reference"].values
    np.testing.assert_array_equal(whole, cut)


def test_bad_pixels_have_no_say(alone: xr.Dataset) -> None:
    counts = alone["cars"].values.copy()
    counts[::3, ::2] = 0
    counts[1::3, ::2, 300:400] = np.iinfo(counts.dtype).max
    hurt = make_stack(counts, alone["wavenumber"].values, dark=alone["dark"].values)
    whole, rest = (estimate_reference(stack)["reference"].values - alone["dark"].values for stack in (alone, hurt))
    lit = whole > 0.03 * whole.max()
    ratio = rest[lit] / whole[lit]
    assert np.std(np.log(ratio)) < 0.03


def test_a_part_that_cannot_be_read_has_no_say(alone: xr.Dataset) -> None:
    def read(block: np.ndarray, block_info: dict) -> np.ndarray:
        if block_info[None]["chunk-location"][0] == 1:
            raise DamagedError("bad bytes")
        return block

    cut = alone.chunk({"y": 5, "x": -1, "wavenumber": -1})
    damaged = cut.assign(cars=(cut["cars"].dims, cut["cars"].data.map_blocks(read, dtype="u2", meta=np.empty((0, 0, 0), "u2"))))
    whole, rest = (estimate_reference(stack)["reference"].values - alone["dark"].values for stack in (alone, damaged))
    lit = whole > 0.03 * whole.max()
    assert np.std(np.log(rest[lit] / whole[lit])) < 0.03


def test_history_and_recipe_tell_of_it(alone: xr.Dataset) -> None:
    done = estimate_reference(alone, ExcitationSettings(remover="cnn", pixels=60))
    assert done.attrs["history"][-1] == "reference estimated from 60 pixels of the stack with cnn"
    assert tomllib.loads(done.attrs["recipe"])["step"] == [{"name": "estimate_reference", "remover": "cnn", "pixels": 60}]
    assert "reference" not in alone


def test_progress_is_told_and_may_end_it(alone: xr.Dataset) -> None:
    def stop(fraction: float) -> None:
        assert 0 <= fraction <= 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate_reference(alone, FEW, progress=stop)


def test_what_cannot_be_done_is_refused(alone: xr.Dataset) -> None:
    with pytest.raises(CrimsonError, match="pixels 0: give a number"):
        ExcitationSettings(pixels=0)
    with pytest.raises(CrimsonError, match="'kk': give rnn or cnn"):
        ExcitationSettings(remover="kk")  # type: ignore[arg-type]
    empty = make_stack(np.zeros((4, 4, 200), "u2"), np.linspace(500, 1500, 200))
    with pytest.raises(CrimsonError, match="none of 16 pixels"):
        estimate_reference(empty)
