"""Looking inside: right for networks whose inside is known, and sensible for the shipped ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_crimson import load_remover, weights
from napari_crimson.errors import CrimsonError
from napari_crimson.inspect_network import (
    Attribution,
    Spectrum,
    attribute_peak,
    feature_maps,
    first_layer_filters,
    load_network,
    loss_curve,
    measure_field,
    network_facts,
    simulate_spectrum,
    theoretical_field,
)
from napari_crimson.networks import NETWORKS, Network, build
from napari_crimson.networks.features import CHANNEL_NAMES, CHANNELS, INPUTS
from napari_crimson.physics import cars_intensity, resonant_chi3

AXIS = np.linspace(600.0, 3000.0, 801)
SHIPPED = ["cnn", "rnn"]


class OneConvolution(Network):
    """One convolution of equal weights: everything about it can be counted by hand."""

    stride = 1

    def __init__(self, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.only = nn.Conv1d(CHANNELS, 2, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        nn.init.ones_(self.only.weight)

    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        out: Tensor = self.only(channels)
        return out


class LogThreePointsBefore(Network):
    """Answers ln of the intensity three points to the left."""

    stride = 1

    def __init__(self) -> None:
        super().__init__("susceptibility")
        self.factor = nn.Parameter(torch.ones(1))

    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        ln = self.factor * channels[:, CHANNEL_NAMES["susceptibility"].index("ln")].roll(3, dims=1)
        return torch.stack([ln, 0 * ln], dim=1)


def one_line(at_cm1: float, axis: np.ndarray = AXIS, *, reference: bool = True) -> Spectrum:
    """A line of 8 cm⁻¹ half width, half as strong as the background, under a broad excitation."""
    grid = torch.from_numpy(axis)
    real, imag = resonant_chi3(grid, *torch.tensor([[4.0], [at_cm1], [8.0]], dtype=torch.float64).unsqueeze(1))
    excitation = 1000 * torch.exp(-0.5 * ((grid - 1500) / 1200) ** 2).unsqueeze(0)
    cars = cars_intensity(excitation, torch.ones_like(imag), real, imag)[0].numpy()
    return Spectrum(cars=cars, wavenumber=axis, reference=excitation[0].numpy() if reference else None)


def centre(seen: Attribution, axis: np.ndarray = AXIS) -> float:
    """Where half of what made a peak lies to the left."""
    sizes = np.cumsum(np.abs(seen.made_by))
    return float(axis[np.searchsorted(sizes, sizes[-1] / 2)])


@pytest.mark.parametrize(("kernel", "dilation", "span"), [(7, 1, 7), (5, 3, 13)])
def test_the_field_of_one_convolution_is_its_kernel(kernel: int, dilation: int, span: int) -> None:
    network = OneConvolution(kernel, dilation)
    assert theoretical_field(network) == span
    seen = measure_field(network, one_line(1500.0), layers=True)
    offsets = np.rint(seen.offset_cm1[seen.influence > 0.01] / 3).tolist()
    assert offsets == list(range(-(span // 2), span // 2 + 1, dilation))
    assert seen.points(0.01) == kernel
    assert seen.span_cm1(0.01) == pytest.approx(3 * kernel)


def test_the_field_of_a_small_unet_is_what_its_strides_and_kernels_give() -> None:
    # stem: 15 points, 4 to a step; block and head: two steps to either side each, so 8 steps more
    assert theoretical_field(build("cnn", {"widths": [8], "dilations": [1]})) == 15 + 8 * 4


@pytest.mark.parametrize("name", ["rnn", "dense"])
def test_recurrence_and_full_connection_see_the_whole_spectrum(name: str) -> None:
    assert theoretical_field(build(name, {})) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_trained_network_looks_near_by_more_than_far_off(name: str) -> None:
    network, _ = load_network(name)
    for layers in (True, False):
        seen = measure_field(network, simulate_spectrum(), layers=layers)
        far = np.abs(seen.offset_cm1) > 500
        assert seen.influence[np.abs(seen.offset_cm1) < 20].mean() > 10 * seen.influence[far].mean()
        assert 0 < seen.points(0.1) < seen.points(0.01) <= 1000


def test_parameters_and_operations_are_counted() -> None:
    facts = network_facts(OneConvolution(7), points=500)
    assert facts.parameters == 7 * CHANNELS * 2 + 2
    assert facts.mflop == pytest.approx(2 * 7 * CHANNELS * 2 * 500 / 1e6)


def test_the_gru_of_the_rnn_is_counted_too() -> None:
    small, large = (network_facts(build("rnn", {"hidden": hidden})).mflop for hidden in (16, 64))
    assert large > small + 20


def test_the_loss_curve_is_the_table_beside_the_weights(tmp_path: Path) -> None:
    curve = loss_curve("cnn")
    kept = weights.read_card("cnn")["validation"]
    assert curve["error"][curve["step"] == kept["step"]] == pytest.approx(kept["error"], rel=1e-4)
    assert (np.diff(curve["step"]) > 0).all()
    own = weights.save(tmp_path / "own", {}, {"network": "cnn", "convention": "relative"})
    assert loss_curve(own) == {}
    own.with_suffix(".csv").write_text("step,error\n1,much\n")
    with pytest.raises(CrimsonError, match="no readable loss curve"):
        loss_curve(own)


def test_every_input_channel_has_a_name() -> None:
    assert CHANNEL_NAMES.keys() == INPUTS.keys()
    assert all(len(set(names)) == CHANNELS for names in CHANNEL_NAMES.values())


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_filters_are_told_by_the_channel_they_look_at(name: str) -> None:
    network = build(name, {})
    deaf = first_layer_filters(network)
    deaf[:, 4] = 0  # a view of nothing: put back into the first layer
    first = next(module for module in network.modules() if isinstance(module, nn.Conv1d | nn.Linear))
    first.weight.copy_(torch.from_numpy(deaf).reshape(first.weight.shape))
    heard = []
    first.register_forward_hook(lambda _, __, output: heard.append(output))
    channels = torch.randn(1, CHANNELS, 640)
    for channel in (None, 4, 5):
        changed = channels.clone()
        if channel is not None:
            changed[:, channel] += 1
        network.body(changed)
    torch.testing.assert_close(heard[1], heard[0])
    assert not torch.allclose(heard[2], heard[0], atol=1e-3)


@pytest.mark.parametrize("name", SHIPPED)
@torch.no_grad()
def test_the_maps_lead_from_the_first_layer_to_the_answer(name: str) -> None:
    network, _ = load_network(name)
    spectrum = simulate_spectrum()
    maps = feature_maps(network, spectrum)
    assert next(iter(maps)) == "stem"
    _, amplitude = INPUTS[network.inputs](spectrum.intensity, spectrum.grid, spectrum.reference_on_grid)
    answer = spectrum.answers(network, spectrum.intensity)[0].numpy()
    np.testing.assert_allclose(float(amplitude) * maps["head"][0, :1000], answer, atol=1e-4)
    stem = maps["stem"] - np.median(maps["stem"], axis=1, keepdims=True)
    at = np.abs(stem).sum(axis=0).argmax() / stem.shape[1] * 3000 + 500
    assert abs(at - 2880) < 120
    if name == "rnn":  # its GRU has the steps first
        assert maps["gru"].shape == (128, 84)


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_peak_is_made_by_the_points_around_it_and_shifts_with_them(name: str, reference: bool) -> None:
    network, _ = load_network(name)
    first, second = (attribute_peak(network, one_line(at, reference=reference)) for at in (1500.0, 1800.0))
    for seen, at in ((first, 1500.0), (second, 1800.0)):
        assert abs(seen.at_cm1 - at) < 10
        assert abs(centre(seen) - at) < 15
        assert seen.half_within_cm1 < 60
    assert centre(second) - centre(first) == pytest.approx(300, abs=12)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_the_points_add_is_the_answer_and_a_constant_factor_adds_nothing(name: str) -> None:
    network, _ = load_network(name)
    seen = attribute_peak(network, simulate_spectrum(), 1441.0)
    answer = float(np.interp(seen.at_cm1, np.linspace(500, 3500, 1000), seen.answer))
    assert answer > 0.05
    assert seen.start + seen.made_by.sum() == pytest.approx(answer, rel=0.03)
    assert abs(seen.gradient.sum()) < 1e-3 * np.abs(seen.gradient).sum()


def test_the_attribution_of_a_known_answer_is_known() -> None:
    spectrum = one_line(1500.0)
    seen = attribute_peak(LogThreePointsBefore(), spectrum, 1509.0)
    at = int(np.argmin(np.abs(AXIS - 1500.0)))
    assert np.abs(seen.gradient).argmax() == at
    assert seen.gradient[at] == pytest.approx(1, abs=0.02)
    others = np.delete(seen.gradient, at)
    assert np.abs(others).max() < 0.02
    assert seen.made_by[at] == pytest.approx(np.log(spectrum.cars[at] / seen.without_lines[at]), rel=0.02)


@pytest.mark.parametrize(
    "axis", [AXIS, np.linspace(1000.0, 2000.0, 1251), np.linspace(30.0, 55.0, 900) ** 2], ids=["own", "fine", "uneven"]
)
def test_the_answer_is_that_of_the_remover_on_any_axis(axis: np.ndarray) -> None:
    spectrum = one_line(1500.0, axis)
    network, _ = load_network("cnn")
    seen = attribute_peak(network, spectrum)
    expected = load_remover("cnn", device="cpu", precision="float32")(spectrum.cars[None], axis, spectrum.reference)[0]
    np.testing.assert_allclose(seen.answer, expected, atol=1e-3 * expected.max())
    assert seen.made_by.shape == axis.shape
    assert abs(centre(seen, axis) - 1500) < 15


def test_what_cannot_be_looked_at_is_told() -> None:
    with pytest.raises(CrimsonError, match="'kk' is no network; give cnn, "):
        load_network("kk")
    network, _ = load_network("cnn")
    with pytest.raises(CrimsonError, match="peak at 9000 cm⁻¹: the axis goes from 600 to 3000"):
        attribute_peak(network, one_line(1500.0), 9000.0)
    with pytest.raises(CrimsonError, match="not finite"):
        Spectrum(cars=np.full(801, np.nan), wavenumber=AXIS)
    with pytest.raises(CrimsonError, match="ascending"):
        Spectrum(cars=np.ones(801), wavenumber=AXIS[::-1])
    with pytest.raises(CrimsonError, match="reference of shape"):
        Spectrum(cars=np.ones(801), wavenumber=AXIS, reference=np.ones(5))
