"""The networks: shapes, scale and what does not change the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.networks import NETWORKS, Network, build
from napari_crimson.networks.base import Spread
from napari_crimson.networks.features import _phase_and_fast_parts, features
from napari_crimson.networks.grid import network_grid, resampling_matrix
from napari_crimson.networks.layers import Conv1d, ConvTranspose1d, GatheringConv1d, channels_last, repeat_end, side_by_side
from napari_crimson.physics import cars_intensity, resonant_chi3
from napari_crimson.synthesis import draw


def fresh(name: str) -> Network:
    torch.manual_seed(0)
    network = build(name, {}).eval()
    for parameter in network.parameters():  # a fresh network answers zero; any weights do for these tests
        torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("points", [128, 501, 1000])
@torch.no_grad()
def test_any_number_of_points_goes_in_and_comes_out(name: str, points: int) -> None:
    axis = torch.linspace(500, 500 + 2 * points, points)
    mean, sd = fresh(name)(torch.rand(3, points) + 0.5, axis, torch.ones(1, points))
    assert mean.shape == sd.shape == (3, points)
    assert (sd > 0).all()


@pytest.mark.parametrize("gather", [2, 8, 16])
def test_a_stem_may_gather_more_points_or_fewer(gather: int) -> None:
    network = build("cnn", {"widths": [8, 16], "gather": gather})
    spectra = torch.rand(2, 301) + 0.5
    mean, sd = network(spectra, torch.linspace(800, 1800, 301), torch.ones(1, 301))
    assert mean.shape == sd.shape == (2, 301)
    with pytest.raises(CrimsonError, match=rf"gather={gather + 1}, must be even"):
        build("cnn", {"widths": [8, 16], "gather": gather + 1})


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_constant_factor_on_light_or_reference_changes_nothing(name: str) -> None:
    axis = torch.linspace(500, 2500, 640)
    batch = draw("wide", 4, axis, generator=torch.Generator().manual_seed(2))
    network = fresh(name)
    plain, _ = network(batch.cars, axis, batch.reference)
    scaled, _ = network(batch.cars * 4096, axis, batch.reference * 0.25)
    torch.testing.assert_close(scaled, plain, rtol=1e-3, atol=1e-4 * float(plain.abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_pixel_does_not_see_its_neighbours(name: str) -> None:
    axis = torch.linspace(500, 2500, 640)
    cars = torch.rand(5, 640) + 0.5
    network, one = fresh(name), torch.ones(1, 640)
    together, _ = network(cars, axis, one)
    alone, _ = network(cars[2:3], axis, one)
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*NETWORKS])
@torch.no_grad()
def test_the_answer_alone_is_that_beside_the_deviation(name: str) -> None:
    axis, cars = torch.linspace(500, 1500, 301), torch.rand(3, 301) + 0.5
    network = fresh(name)
    torch.testing.assert_close(
        network(cars, axis, torch.ones(1, 301), deviation=False)[0], network(cars, axis, torch.ones(1, 301))[0], rtol=0, atol=0
    )


@pytest.mark.parametrize("points", [1, 15, 16, 17])
def test_the_end_is_repeated_as_padding_would(points: int) -> None:
    x = torch.rand(2, 5, points)
    whole = repeat_end(x, 16, torch.bfloat16)
    expected = torch.nn.functional.pad(x, (0, -points % 16), mode="replicate").bfloat16()
    torch.testing.assert_close(whole, expected, rtol=0, atol=0)


def test_the_deviation_sees_the_whole_spectrum() -> None:
    far, near = torch.zeros(1, 8, 40), torch.zeros(1, 8, 40)
    far[..., 30:] = 1.0
    spread = Spread(8, 4)
    assert not torch.equal(spread(far)[..., 0], spread(near)[..., 0])


def test_the_deviation_knows_how_long_a_spectrum_is() -> None:
    spread = Spread(8, 4)
    torch.nn.init.ones_(spread.length.weight)
    assert not torch.equal(spread(torch.zeros(1, 8, 40))[..., 20], spread(torch.zeros(1, 8, 80))[..., 20])


def test_features_stay_finite_on_what_cameras_deliver() -> None:
    cars = torch.stack([torch.zeros(256), -torch.ones(256), torch.ones(256), torch.full((256,), 65535.0), torch.eye(256)[7]])
    cars[0, 3] = 1e-6
    channels, amplitude = features(cars, torch.linspace(500, 1500, 256), torch.ones(1, 256))
    assert torch.isfinite(channels).all()
    assert (amplitude > 0).all()


def test_the_amplitude_doubles_when_weak_lines_do() -> None:
    axis = torch.linspace(500, 3500, 1500)
    lines = [torch.tensor([row]) for row in ([0.2, 0.4, 0.3], [1004.0, 1450.0, 2930.0], [5.0, 12.0, 20.0])]
    real, imag = resonant_chi3(axis, *lines)
    one = torch.ones(1, 1500)
    weak, strong = (features(cars_intensity(one, one, k * real, k * imag), axis, one)[1] for k in (1.0, 2.0))
    assert float(strong / weak) == pytest.approx(2.0, rel=0.05)


def test_grid_is_the_axis_itself_where_that_fits() -> None:
    axis = torch.linspace(500, 2500, 1000, dtype=torch.float64)
    assert network_grid(axis) is axis


@pytest.mark.parametrize(("step", "expected"), [(0.8, 1.5), (8.0, 4.0)])
def test_grid_brings_other_spacings_into_the_trained_range(step: float, expected: float) -> None:
    grid = network_grid(torch.arange(500.0, 3000.0, step, dtype=torch.float64))
    assert float(grid[1] - grid[0]) == pytest.approx(expected, rel=0.01)


def test_resampling_keeps_a_smooth_spectrum_and_averages_noise() -> None:
    source = torch.linspace(0, 1000, 2001, dtype=torch.float64)
    target = torch.linspace(0, 1000, 501, dtype=torch.float64)
    matrix = resampling_matrix(source, target)
    smooth = torch.sin(source / 60).float()
    torch.testing.assert_close((smooth @ matrix)[1:-1], torch.sin(target / 60).float()[1:-1], rtol=0, atol=1e-3)
    noise = torch.randn(200, 2001, generator=torch.Generator().manual_seed(0))
    assert (noise @ matrix)[:, 5:-5].std() < 0.55  # four points go into each, with triangular weights


def test_resampling_a_non_uniform_axis_there_and_back() -> None:
    source = torch.linspace(30, 55, 800, dtype=torch.float64) ** 2
    grid = network_grid(source)
    line = torch.exp(-0.5 * ((source - 1800) / 25) ** 2).float()
    back = line @ resampling_matrix(source, grid) @ resampling_matrix(grid, source)
    torch.testing.assert_close(back, line, rtol=0, atol=0.01)


def test_an_unknown_network_or_argument_is_named() -> None:
    with pytest.raises(CrimsonError, match="no network 'gan'; there are cnn, rnn"):
        build("gan", {})
    with pytest.raises(CrimsonError, match="does not take"):
        build("cnn", {"depth": 3})


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (Conv1d, torch.nn.Conv1d, {"kernel_size": 15, "stride": 4, "padding": 6}),
        (Conv1d, torch.nn.Conv1d, {"kernel_size": 3, "padding": 4, "dilation": 4}),
        (Conv1d, torch.nn.Conv1d, {"kernel_size": 3, "padding": "same"}),
        (ConvTranspose1d, torch.nn.ConvTranspose1d, {"kernel_size": 2, "stride": 2}),
        (ConvTranspose1d, torch.nn.ConvTranspose1d, {"kernel_size": 4, "stride": 2, "padding": 1, "output_padding": 1}),
    ],
)
def test_layers_give_what_those_of_torch_give_and_learn_the_same(ours: Any, theirs: Any, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer, plain = ours(8, 12, **options), theirs(8, 12, **options)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(3, 8, 60)
    mine, other = layer(channels_last(x)), plain(x)
    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)
    for found in (mine, other):
        found.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "gather", "padding"), [(7, 2, 3), (15, 4, 6), (24, 8, 8), (31, 8, 12), (36, 12, 12), (5, 4, 0), (9, 4, 5), (1, 4, 0)]
)
def test_a_layer_on_points_side_by_side_gives_what_a_stride_gives_and_learns_the_same(kernel: int, gather: int, padding: int) -> None:
    torch.manual_seed(0)
    layer = GatheringConv1d(3, 12, kernel, gather=gather, padding=padding)
    plain = torch.nn.Conv1d(3, 12, kernel, stride=gather, padding=padding)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3, 5 * gather)
    expected = plain(torch.nn.functional.pad(x, (0, kernel)))[..., :5]  # a place for each of the five, whatever the padding
    found = layer(side_by_side(x, gather))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for answer in (found, expected):
        answer.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_what_varies_slowly_is_taken_from_the_phase_as_from_its_logarithm() -> None:
    # a Hilbert pair stays one: x = ln|1 + line|² and its phase, without what varies slowly, worked out the long way
    points = 700
    at = torch.arange(points, dtype=torch.float64)
    x = sum(height / (1 + ((at - place) / width) ** 2) for place, width, height in ((200, 6, 1.0), (410, 15, -0.4), (600, 90, 0.8)))
    both = np.concatenate([x, x.flip(0)])
    frequency = np.fft.rfftfreq(2 * points)
    fast = 1 - np.exp(-2 * (np.pi * 40.0 * frequency) ** 2)
    spectrum = np.fft.rfft(both)
    turned = np.where(frequency > 0, -0.5j, 0)
    expected = [np.fft.irfft(spectrum * kept, 2 * points)[:points] for kept in (turned, turned * fast, fast)]
    for found, wanted in zip(_phase_and_fast_parts(x.float().unsqueeze(0)), expected, strict=True):
        np.testing.assert_allclose(found[0].numpy(), wanted, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gather", [1, 2, 3, 4, 8, 12])
def test_points_come_side_by_side_by_channel(gather: int, dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 5 * gather).to(dtype)
    found = side_by_side(x, gather)
    assert found.shape == (2, 3 * gather, 5)
    for channel in range(3):
        for point in range(gather):
            torch.testing.assert_close(found[:, channel * gather + point], x[:, channel, point::gather], rtol=0, atol=0)
    torch.testing.assert_close(side_by_side(x.clone().requires_grad_(), gather).detach(), found, rtol=0, atol=0)
