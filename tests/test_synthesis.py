"""The priors: what they promise of every batch they draw."""

from __future__ import annotations

import pytest
import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.synthesis import PRIORS, Batch, Crimson, Specnet, Wide, draw

AXIS = torch.linspace(500, 3500, 750)


def drawn(prior: str | Wide | Crimson | Specnet, n: int = 256, *, seed: int = 0, axis: torch.Tensor = AXIS) -> Batch:
    return draw(prior, n, axis, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("prior", PRIORS)
def test_a_batch_is_finite_and_repeatable(prior: str) -> None:
    first, again, other = drawn(prior), drawn(prior), drawn(prior, seed=1)
    for values in first:
        assert torch.isfinite(values).all()
    assert first.cars.shape == first.raman.shape == first.reference.shape == (256, 750)
    assert torch.equal(first.cars, again.cars)
    assert not torch.equal(first.cars, other.cars)


@pytest.mark.parametrize("prior", PRIORS)
def test_raman_is_never_negative(prior: str) -> None:
    batch = drawn(prior)
    assert (batch.raman >= -1e-3 * batch.scale).all()  # but for the rounding of a Fourier transform


def test_wide_covers_tissue_and_neat_liquids_with_and_without_reference() -> None:
    batch = drawn(Wide(empty_share=0.0), 2000)
    assert batch.scale.min() >= 0.0099
    assert batch.scale.max() <= 6.01
    decades = torch.histc(batch.scale.log10(), 2, -2, 0.8) / 2000
    assert (decades > 0.4).all()
    with_reference = (batch.reference != 1).any(1).float().mean()
    assert 0.45 < with_reference < 0.55


def test_wide_without_lines_has_an_empty_target() -> None:
    batch = drawn(Wide(empty_share=1.0), 8)
    assert torch.count_nonzero(batch.raman) == 0


def test_a_perfect_reference_leaves_the_resonant_ratio() -> None:
    prior = Wide(with_reference_share=1.0, photons=(1e12, 1e13), offset_share=0.0)
    batch = drawn(prior, 64)
    ratio = batch.cars / batch.reference
    # |1 + χ_R/χ_NR|² differs from 1 by at most this, once the constant gain and the slow misfit are allowed for
    bound = (1 + batch.scale) ** 2 * 3
    assert (ratio / ratio.median(1, keepdim=True).values <= bound).all()


def test_crimson_inputs_fill_zero_to_one_and_keep_off_the_edges() -> None:
    batch = drawn(Crimson(hwhm_cm1=(2.0, 3.0), broad_share=0.0), 400, axis=torch.linspace(0.1, 2000, 1000))
    assert torch.equal(batch.cars.amin(1), torch.zeros(400))
    torch.testing.assert_close(batch.cars.amax(1), torch.ones(400))
    top = batch.raman.argmax(1)[batch.raman.amax(1) > 0]
    assert top.numel() > 300
    assert top.min() >= 49
    assert top.max() <= 950


def test_crimson_takes_lines_out_that_cannot_be_seen() -> None:
    buried = drawn(Crimson(noise=(0.4, 0.5)), 200, axis=torch.linspace(0.1, 2000, 1000))
    clear = drawn(Crimson(noise=(0.001, 0.002)), 200, axis=torch.linspace(0.1, 2000, 1000))
    empty = [(batch.raman.amax(1) == 0).float().mean().item() for batch in (buried, clear)]
    assert empty[0] > 0.5
    assert empty[1] < 0.1


def test_specnet_susceptibility_stays_within_one() -> None:
    batch = drawn("specnet", 500, axis=torch.linspace(0, 1, 640))
    assert batch.raman.max() <= 1.0
    assert batch.raman.amax(1).median() > 0.2


def test_an_unknown_prior_is_answered_with_those_there_are() -> None:
    with pytest.raises(CrimsonError, match="no prior 'tissue'; there are wide, crimson, specnet"):
        drawn("tissue")
