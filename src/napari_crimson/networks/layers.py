"""Convolutions along a spectrum that are as quick as the processor allows.

PyTorch's kernels for a CPU have channels last in memory in two dimensions only, and with channels first lose a fifth to a third of
their rate. A spectrum is an image of one row, and a tensor (N, C, L) with channels last in memory is one of (N, C, 1, L) as well: nothing
is copied on the way. On a GPU layers run as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Conv1d", "ConvTranspose1d", "channels_last", "repeat_end"]


class Conv1d(nn.Conv1d):
    """`torch.nn.Conv1d`, with the same weights and, but for rounding, the same answer."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) → (N, C', L')."""
        if x.device.type != "cpu" or isinstance(self.padding, str):
            return super().forward(x)
        row = nn.functional.conv2d(
            x.unsqueeze(2), self.weight.unsqueeze(2), self.bias, (1, *self.stride), (0, *self.padding), (1, *self.dilation), self.groups
        )
        return row.squeeze(2)


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


def channels_last(x: Tensor) -> Tensor:
    """(N, C, L) with channels last in memory, on a CPU; layers keep it so."""
    if x.device.type != "cpu":
        return x
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last).squeeze(2)


def repeat_end(x: Tensor, stride: int, dtype: torch.dtype) -> Tensor:
    """(N, C, L) as `dtype` and up to the next multiple of `stride`, the last value repeated; on a CPU with channels last in memory."""
    missing = -x.shape[2] % stride
    if x.device.type != "cpu":
        return nn.functional.pad(x, (0, missing), mode="replicate").to(dtype)
    rows = x.to(dtype).transpose(1, 2)  # a fifth to a third of the time of padding, which PyTorch does value by value
    return torch.cat([rows, rows[:, -1:].expand(-1, missing, -1)], dim=1).transpose(1, 2)
