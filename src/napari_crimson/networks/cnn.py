"""`CNN`: a residual U-Net over the spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from napari_crimson.networks.base import Head, Network, ResidualBlock
from napari_crimson.networks.features import CHANNELS
from napari_crimson.networks.layers import Conv1d, ConvTranspose1d, GatheringConv1d, side_by_side

__all__ = ["CNN"]


class CNN(Network):
    """A stem that gathers some points to one, levels that halve the length, and the way back up.

    Parameters
    ----------
    widths : sequence of int
        Channels of each level, finest (that of the stem) first.
    kernel : int
        Points of each convolution.
    dilations : sequence of int
        One residual block each at the coarsest level, so that it sees the whole spectrum.
    inputs : str
        As for `Network`.
    gather : int
        Points that the stem gathers to one, even.
    stem : int, optional
        Points that the stem sees, even as well or one less; default 4 · gather - 1.
    again : int
        Channels, the first of the nine, that the head sees once more at every point.
    hidden : int
        Channels inside the head.
    """

    def __init__(
        self,
        widths: Sequence[int] = (48, 64, 96, 128),
        kernel: int = 3,
        dilations: Sequence[int] = (1, 2, 4),
        inputs: str = "relative",
        gather: int = 4,
        stem: int | None = None,
        again: int = CHANNELS,
        hidden: int = 96,
    ) -> None:
        super().__init__(inputs)
        if gather < 2 or gather % 2:
            raise ValueError(f"gather={gather}, must be even: a layer must not shift a spectrum by half a point")
        self.stride = gather * 2 ** (len(widths) - 1)
        self.gather = gather
        stem = 4 * gather - 1 if stem is None else stem
        self.stem = GatheringConv1d(CHANNELS, widths[0], stem, gather=gather, padding=(stem + 1 - gather) // 2)
        self.down_blocks = nn.ModuleList(ResidualBlock(w, kernel) for w in widths[:-1])
        self.downs = nn.ModuleList(Conv1d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths))
        self.bottom = nn.Sequential(*(ResidualBlock(widths[-1], kernel, dilation=d) for d in dilations))
        self.ups = nn.ModuleList(ConvTranspose1d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.up_blocks = nn.ModuleList(ResidualBlock(w, kernel) for w in widths[:-1])
        self.head = Head(widths[0], gather, again=again, hidden=hidden)

    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        """(N, 9, W) → (N, 2, W), W a multiple of `stride`."""
        beside = side_by_side(channels, self.gather)
        x = self.stem(beside)
        shortcuts: list[Tensor] = []
        for block, down in zip(self.down_blocks, self.downs, strict=True):
            x = block(x)
            shortcuts.append(x)
            x = down(x)
        x = self.bottom(x)
        for up, block in zip(reversed(self.ups), reversed(self.up_blocks), strict=True):
            x = block(up(x) + shortcuts.pop())
        out: Tensor = self.head(x, beside, deviation=deviation)
        return out
