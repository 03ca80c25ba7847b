"""Convolutions along a spectrum that are as quick as the processor allows.

PyTorch's kernels for a CPU have channels last in memory in two dimensions only, and with channels first lose a fifth to a third of
their rate. A spectrum is an image of one row, and a tensor (N, C, L) with channels last in memory is one of (N, C, 1, L) as well: nothing
is copied on the way. On a GPU layers run as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Conv1d", "ConvTranspose1d", "GatheringConv1d", "PreciseConv1d", "channels_last", "repeat_end", "side_by_side"]


class Conv1d(nn.Conv1d):
    """`torch.nn.Conv1d`, with the same weights and, but for rounding, the same answer."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) → (N, C', L')."""
        if x.device.type != "cpu" or isinstance(self.padding, str):
            return super().forward(x)
        return _along_row(self, x, self.weight, self.bias)


class PreciseConv1d(nn.Conv1d):
    """`torch.nn.Conv1d` in float32 whatever its weights are in: what half precision would take from an answer at the end is kept."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) → (N, C', L'), float32."""
        return _along_row(self, x.float(), self.weight.float(), None if self.bias is None else self.bias.float())


def _along_row(layer: nn.Conv1d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a layer does, on an image of one row."""
    stride, padding, dilation = (1, *layer.stride), (0, *map(int, layer.padding)), (1, *layer.dilation)
    return nn.functional.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, stride, padding, dilation, layer.groups).squeeze(2)


class ConvTranspose1d(nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d`, likewise."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, C, L) → (N, C', L')."""
        if x.device.type != "cpu" or output_size is not None:
            return super().forward(x, output_size)
        row = nn.functional.conv_transpose2d(
            x.unsqueeze(2),
            self.weight.unsqueeze(2),
            self.bias,
            (1, *self.stride),
            (0, *map(int, self.padding)),
            (0, *self.output_padding),
            self.groups,
            (1, *self.dilation),
        )
        return row.squeeze(2)


class GatheringConv1d(nn.Conv1d):
    """A convolution with a stride of `gather`, given its points `side_by_side`: the same answer as of `torch.nn.Conv1d`.

    Few channels are slow to convolve, and those of `gather` points are many. The weights are those of the plain layer.
    """

    def __init__(self, channels: int, width: int, kernel: int, *, gather: int, padding: int) -> None:
        super().__init__(channels, width, kernel, stride=gather, padding=padding)
        self.gather = gather
        self.reach = max(-(-padding // gather), (kernel - 1 - padding) // gather)  # of cells, to both sides

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels·gather, L) → (N, width, L)."""
        cells = 2 * self.reach + 1
        ahead = self.reach * self.gather - int(self.padding[0])
        behind = cells * self.gather - ahead - self.weight.shape[2]
        taps = nn.functional.pad(self.weight, (ahead, behind)).view(self.out_channels, self.in_channels, cells, self.gather)
        weight = taps.transpose(2, 3).flatten(1, 2)
        if x.device.type != "cpu":
            return nn.functional.conv1d(x, weight, self.bias, padding=self.reach)
        return nn.functional.conv2d(x.unsqueeze(2), weight.unsqueeze(2), self.bias, padding=(0, self.reach)).squeeze(2)


def channels_last(x: Tensor) -> Tensor:
    """(N, C, L) with channels last in memory, on a CPU; layers keep it so."""
    if x.device.type != "cpu":
        return x
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last).squeeze(2)


def repeat_end(x: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """(N, C, L) as `dtype` and up to the next multiple of `stride`, the last value repeated."""
    points = x.shape[2]
    padded = x.new_empty((*x.shape[:2], points + -points % stride), dtype=dtype)  # PyTorch pads value by value on a CPU
    padded[..., :points] = x
    padded[..., points:] = x[..., -1:]
    return padded


def side_by_side(x: Tensor, gather: int) -> Tensor:
    """(N, C, L·gather) → (N, C·gather, L): neighbouring points become channels, those of the first channel first.

    Channels are last in memory.
    """
    n, channels, points = x.shape
    size = gather * x.element_size()
    if x.device.type == "cpu" and not x.requires_grad and size % 8 == 0:  # eight values at a time are copied as quickly as one
        wide = torch.complex128 if size % 16 == 0 else torch.int64
        cells = x.view(wide).view(n, channels, points // gather, -1).transpose(1, 2).contiguous().flatten(2).view(x.dtype)
    else:
        cells = x.view(n, channels, points // gather, gather).transpose(1, 2).flatten(2)
    return cells.transpose(1, 2)
