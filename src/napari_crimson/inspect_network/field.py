"""How far a network sees: its receptive field, as its structure allows and as measured by its gradient.

The measured field is the effective one of Luo, Li, Urtasun and Zemel, NeurIPS 29 (2016), which is much the smaller.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_crimson.inspect_network.spectrum import Spectrum, gradient
from napari_crimson.networks import Network
from napari_crimson.networks.features import CHANNELS, INPUTS

__all__ = ["Field", "measure_field", "theoretical_field"]

_LONG = 2048  # points; a field that reaches an end of them is taken for the whole spectrum
_OUTPUTS = 64  # points of an answer whose fields are averaged


@dataclass(frozen=True, eq=False, kw_only=True)
class Field:
    """How far a network sees, measured.

    Attributes
    ----------
    offset_cm1 : ndarray, shape (K,)
        Place of an input point relative to the output point.
    influence : ndarray, shape (K,)
        Size of the gradient relative to the largest of its output point, mean over output points.
    """

    offset_cm1: NDArray[np.float64]
    influence: NDArray[np.float64]

    def points(self, share: float) -> int:
        """Input points that move the answer by more than this share of what the one does that moves it most."""
        return int((self.influence > share).sum())

    def span_cm1(self, share: float) -> float:
        """How much of the axis these points take."""
        return self.points(share) * float(self.offset_cm1[1] - self.offset_cm1[0])


def theoretical_field(network: Network) -> int | None:
    """Points from the first to the last input that the layers can bring into one output; None where that is the whole spectrum.

    A copy with positive weights throughout has a gradient wherever there is a way from input to output.
    """
    probe = copy.deepcopy(network).double()
    for parameter in probe.parameters():
        nn.init.constant_(parameter, 1 / parameter[0].numel() if parameter.dim() > 1 else 0.0)
    stride = network.stride
    channels = torch.ones(stride, CHANNELS, -(-_LONG // stride) * stride, dtype=torch.float64, requires_grad=True)
    middle = channels.shape[-1] // 2 // stride * stride
    rows = torch.arange(stride)  # within a stride the ends of the field differ
    seen = gradient(probe.body(channels)[rows, 0, middle + rows], channels).abs().sum(1) > 0
    first, last = seen.int().argmax(1), seen.shape[1] - 1 - seen.flip(1).int().argmax(1)
    if first.min() == 0 or last.max() == seen.shape[1] - 1:
        return None
    return int((last - first).max()) + 1


def measure_field(network: Network, spectrum: Spectrum, *, layers: bool = False) -> Field:
    """Measure which input points move the answer at a point, as the mean over points all along a spectrum.

    Parameters
    ----------
    network : Network
        In float32.
    spectrum : Spectrum
        The gradient depends on it.
    layers : bool
        What the layers see of their channels; else what the whole network sees of the measured intensity, through the
        Kramers–Kronig phase, the amplitude and whatever else the features bring from afar.
    """
    axis, reference = spectrum.grid, spectrum.reference_on_grid
    at = torch.linspace(0, axis.numel() - 1, _OUTPUTS).round().long()
    rows = torch.arange(_OUTPUTS)
    cars = spectrum.to_grid(spectrum.intensity).expand(_OUTPUTS, -1)
    if layers:
        channels, _ = INPUTS[network.inputs](cars, axis, reference)
        padded = nn.functional.pad(channels, (0, -axis.numel() % network.stride), mode="replicate").requires_grad_()
        size = gradient(network.body(padded)[rows, 0, at], padded).norm(dim=1)[:, : axis.numel()]
    else:
        cars = cars.clone().requires_grad_()
        size = (gradient(network(cars, axis, reference)[0][rows, at], cars) * cars.detach()).abs()
    influence, offsets = _aligned(size / size.amax(1, keepdim=True).clamp(min=torch.finfo(size.dtype).tiny), at)
    return Field(offset_cm1=offsets.numpy() * spectrum.step_cm1, influence=influence.numpy())


def _aligned(sizes: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (K,) of rows (N, G) shifted so that their points `at` (N,) meet, and the offsets (K,) from there."""
    points = sizes.shape[1]
    reach = (points - 1) // 2  # farther off, too few rows have a say; so a field has no more points than the spectrum
    offsets = torch.arange(-reach, reach + 1)
    places = at.unsqueeze(1) + offsets
    inside = (places >= 0) & (places < points)
    aligned = sizes.double().gather(1, places.clamp(0, points - 1)) * inside
    return aligned.sum(0) / inside.sum(0), offsets
