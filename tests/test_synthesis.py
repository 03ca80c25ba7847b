"""The priors: what they promise of every batch they draw."""

from __future__ import annotations

import pytest
import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.physics import drawn_out
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
    batch = drawn(prior, axis=torch.linspace(500, 3500, 2001))  # finer than the narrowest line
    assert (batch.raman >= -1e-4 * batch.scale).all()  # but for the rounding of a Fourier transform


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


def test_drawn_out_spectra_are_straight_between_the_points_that_were_measured() -> None:
    axis = torch.linspace(500, 3500, 1501)  # 2 cm⁻¹ a point
    spacing = (10.0, 10.0)
    batch = drawn(Wide(drawn_out_share=1.0, drawn_out_cm1=spacing), 64, axis=axis)
    bend = batch.cars.double().diff(n=2, dim=1).abs()
    straight = bend < 1e-5 * batch.cars.amax(1, keepdim=True)
    assert 0.75 < straight.double().mean() < 0.85  # of five points one was measured
    assert not torch.equal(batch.cars[0].diff(n=2) == 0, batch.cars[1].diff(n=2) == 0)


def test_a_share_of_wide_is_drawn_out() -> None:
    noise = Wide(empty_share=1.0, drawn_out_share=0.3, drawn_out_cm1=(12.0, 12.0), photons=(1e4, 1e4))
    cars = drawn(noise, 1000, axis=torch.linspace(500, 3500, 1501)).cars
    rough = cars.diff(n=2, dim=1).abs().median(1).values / cars.median(1).values
    assert 0.25 < (rough < 1e-4).double().mean() < 0.35


def test_a_spectrum_drawn_out_passes_through_what_was_measured() -> None:
    spectra = torch.rand(3, 101, generator=torch.Generator().manual_seed(1))
    spacing, first = torch.tensor([[4.0], [2.5], [0.5]]), torch.tensor([[1.0], [0.0], [0.0]])
    drawn = drawn_out(spectra, spacing, first)
    torch.testing.assert_close(drawn[0, 1::4], spectra[0, 1::4])
    torch.testing.assert_close(drawn[0, 3], (spectra[0, 1] + spectra[0, 5]) / 2)
    torch.testing.assert_close(drawn[1, 10::5], spectra[1, 10::5])
    assert torch.equal(drawn[2], spectra[2])
