"""`RNN`: a convolutional stem, then a bidirectional GRU along the spectrum."""

from __future__ import annotations

from torch import Tensor, nn

from napari_crimson.networks.base import Head, Network, ResidualBlock
from napari_crimson.networks.features import CHANNELS
from napari_crimson.networks.layers import Conv1d, GatheringConv1d, channels_last, side_by_side

__all__ = ["RNN"]


class RNN(Network):
    """Convolutions gather `stride` points to one step; the GRU reads the steps both ways.

    Parameters
    ----------
    width : int
        Channels of the stem and of the head's input.
    hidden : int
        Units of the GRU in each direction.
    layers : int
        Layers of the GRU.
    stride : int
        Points to a step: 1000 points are 200 steps at 5.
    inputs : str
        As for `Network`.
    """

    def __init__(self, width: int = 48, hidden: int = 64, layers: int = 2, stride: int = 5, inputs: str = "relative") -> None:
        super().__init__(inputs)
        self.stride = stride
        self.stem = GatheringConv1d(CHANNELS, width, 3 * stride, gather=stride, padding=stride)
        self.before = ResidualBlock(width, 5)
        self.gru = nn.GRU(width, hidden, layers, bidirectional=True)
        self.down = Conv1d(2 * hidden, width, 1)
        self.after = ResidualBlock(width, 5)
        self.head = Head(width, stride)

    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        """(N, 9, W) → (N, 2, W), W a multiple of `stride`."""
        beside = side_by_side(channels, self.stride)
        x = self.before(self.stem(beside))
        read, _ = self.gru(x.permute(2, 0, 1))  # steps first, as the GRU likes them
        x = self.after(x + self.down(channels_last(read.permute(1, 2, 0))))
        out: Tensor = self.head(x, beside, deviation=deviation)
        return out
