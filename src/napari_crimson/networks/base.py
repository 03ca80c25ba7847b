"""What both networks share: features in front, padding to their stride, mean and standard deviation behind."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from napari_crimson.networks.features import CHANNELS, INPUTS
from napari_crimson.networks.layers import Conv1d, PreciseConv1d, repeat_end

__all__ = ["DEVIATION", "Head", "Network", "ResidualBlock", "Spread"]

DEVIATION = "log_sd"  # in the name of whatever gives the deviation, and of nothing else
_USUAL_POINTS = 700.0


class Network(nn.Module):
    """Spectra (N, W) on a uniform axis → r or Im χ_R and its standard deviation, both (N, W) float32.

    `inputs` chooses what it sees of a spectrum, by a name in `features.INPUTS`. Subclasses give `stride`, the multiple of
    points their layers need, and `body`: channels (N, 9, W) → (N, 2, W), the answer relative to the amplitude and the
    logarithm of its deviation, or, where no deviation is asked for, (N, 1, W).
    """

    stride: int

    def __init__(self, inputs: str = "relative") -> None:
        super().__init__()
        if inputs not in INPUTS:
            raise ValueError(f"inputs='{inputs}', there are {', '.join(INPUTS)}")
        self.inputs = inputs

    @abstractmethod
    def body(self, channels: Tensor, *, deviation: bool = True) -> Tensor:
        """Run the layers."""

    def forward(self, cars: Tensor, wavenumber: Tensor, reference: Tensor, *, deviation: bool = True) -> tuple[Tensor, ...]:
        """Correct `cars` (N, W) float32; see `features` for shapes and inputs. Without the deviation it costs less."""
        top = cars.amax(1, keepdim=True).clamp(min=torch.finfo(cars.dtype).tiny)  # so that no scale is too large for a square or a sum
        most = reference.amax(1, keepdim=True).clamp(min=torch.finfo(reference.dtype).tiny)
        channels, amplitude = INPUTS[self.inputs](cars / top, wavenumber, reference / most)
        padded = repeat_end(channels, self.stride, next(self.parameters()).dtype)
        out = self.body(padded, deviation=deviation)[..., : cars.shape[1]].float()
        mean = out[:, 0] * amplitude
        return (mean, out[:, 1].clamp(-8.0, 4.0).exp() * amplitude) if deviation else (mean,)


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut; without normalisation, so that amplitudes survive.

    The second convolution starts at zero: a fresh network is shallow and trains without blowing up.
    """

    def __init__(self, width: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel={kernel}, must be odd: a layer must not shift a spectrum by half a point")
        self.first = Conv1d(width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.second = Conv1d(width, width, kernel, padding=kernel // 2)
        self.act = nn.LeakyReLU(0.1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:  # (N, width, L) → the same
        """Add what the block found."""
        found: Tensor = self.second(self.act(self.first(self.act(x))))
        return x + found


class Spread(nn.Module):
    """ln of the deviation from features (N, width, L): what is around each place, what is in the spectrum as a whole, and its length.

    How noisy a spectrum is, and how much of it there is, cannot be told from a part. The whole is looked at twice: the second
    time by what is known of each place after the first.
    """

    def __init__(self, width: int, stride: int, *, hidden: int = 64) -> None:
        super().__init__()
        self.stride = stride
        self.near = Conv1d(width, hidden, 3, padding=1)
        self.whole = nn.Linear(2 * hidden, hidden, bias=False)
        self.again = nn.Linear(2 * hidden, hidden, bias=False)
        nn.init.zeros_(self.again.weight)
        self.length = nn.Linear(1, hidden, bias=False)
        self.around = ResidualBlock(hidden, 3, dilation=4)
        self.act = nn.LeakyReLU(0.1)
        self.out = Conv1d(hidden, stride, 3, padding=1)
        nn.init.zeros_(self.length.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, stride, L)."""
        points = features.new_full((1,), math.log(features.shape[2] * self.stride / _USUAL_POINTS))
        near = self.near(features)
        common = self.whole(self._of_all(near)) + self.length(points)
        around = self.around(near + common.unsqueeze(2))
        found: Tensor = self.out(self.act(around + self.again(self._of_all(around)).unsqueeze(2)))
        return found

    def _of_all(self, features: Tensor) -> Tensor:
        """Mean and root mean square over the spectrum (N, 2·hidden)."""
        active = self.act(features)
        return torch.cat([active.mean(2), (active.square().mean(2) + 1e-6).sqrt()], dim=1)


class Head(nn.Module):
    """From coarse features (N, width, L) and the channels (N, 9, L·stride) to the two outputs at every point.

    All layers run at the coarse length, with the channels of `stride` neighbouring points side by side: the same
    answer as layers at full length, in shapes that processors are fast at. The deviation is read off the same
    features, and off what they were mixed from, which they need not keep; learning it leaves them as they are: how
    sure the network is must not cost how right it is.
    """

    def __init__(self, width: int, stride: int, *, again: int = CHANNELS, hidden: int = 96) -> None:
        super().__init__()
        self.stride = stride
        self.again = again * stride
        self.mix = Conv1d(width + self.again, hidden, 3, padding=1)
        self.act = nn.LeakyReLU(0.1)
        self.mean = PreciseConv1d(hidden, stride, 3, padding=1)
        self.log_sd = Spread(hidden + width + self.again, stride)
        nn.init.zeros_(self.mean.weight)  # the first answer is "no resonance", not noise

    def forward(self, coarse: Tensor, beside: Tensor, *, deviation: bool) -> Tensor:
        """From (N, width, L), and (N, 9·stride, L) as of `side_by_side`, to (N, 2, L·stride), or without the deviation (N, 1, L·stride)."""
        rows = torch.cat([coarse.transpose(1, 2), beside[:, : self.again].transpose(1, 2)], dim=2)  # channels last in memory
        mixed = self.act(self.mix(rows.transpose(1, 2)))
        outputs = [self.mean(mixed)]
        if deviation:
            outputs.append(self.log_sd(torch.cat([mixed.transpose(1, 2), rows], dim=2).detach().transpose(1, 2)))
        return torch.stack([one.transpose(1, 2).flatten(1) for one in outputs], dim=1)
