"""The published networks, rebuilt from their papers with random weights: for their speed, and for nothing else.

Each takes spectra (N, W) and gives (N, W), as the removers do. Scaling of the spectra, which every paper does its own way, is left out
of all of them. Where a paper is silent the class says what was assumed, and of two readings the faster one was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["CNNGRU", "LSTM", "PUBLISHED", "BiLSTM", "GANGenerator", "SpecNet", "Vector8"]


class SpecNet(nn.Module):
    """Five convolutions, three fully connected layers.

    Valensise et al., APL Photonics 5, 061305 (2020): convolutions of 128, 64, 16, 16 and 16 filters of 32, 16, 8, 8 and 8 points, fully
    connected layers of 32, 16 and as many units as points; ReLU behind each; about 6·10⁶ parameters at 640 points.

    Assumed: no padding, and the layers of 32 and 16 units at every point, only the last one across all of them. With these two the
    layers have the 6·10⁶ parameters of the paper; across all points from the first one on, they would have 0.45·10⁶.

    Parameters
    ----------
    points : int
        Points of a spectrum, at least 68.
    """

    def __init__(self, points: int = 640) -> None:
        super().__init__()
        filters, kernels = (1, 128, 64, 16, 16, 16), (32, 16, 8, 8, 8)
        layers: list[nn.Module] = []
        for (before, after), kernel in zip(pairwise(filters), kernels, strict=True):
            layers += [nn.Conv1d(before, after, kernel), nn.ReLU()]
        # a fully connected layer at every point is a convolution of one point
        layers += [nn.Conv1d(16, 32, 1), nn.ReLU(), nn.Conv1d(32, 16, 1), nn.ReLU(), nn.Flatten()]
        left = points - sum(kernel - 1 for kernel in kernels)
        self.layers = nn.Sequential(*layers, nn.Linear(16 * left, points), nn.ReLU())

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        out: Tensor = self.layers(cars.unsqueeze(1))
        return out


class CNNGRU(nn.Module):
    """Two convolutions and two bidirectional GRUs.

    Vernuccio et al., Sci. Rep. 14 (2024), doi:10.1038/s41598-024-74912-5: convolutions of 128 filters of 5 points and 64 of 3,
    bidirectional GRUs of 50 and 30 units whose two directions are put side by side, and a fully connected layer that gives as many
    values as went in.

    Assumed: convolutions padded to full length with ReLU behind, a GRU step a point, and the last layer at every point. The paper says
    that it is of the dimension of the input; across all points it would have 60 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv1d(1, 128, 5, padding=2), nn.ReLU(), nn.Conv1d(128, 64, 3, padding=1), nn.ReLU())
        self.first = nn.GRU(64, 50, bidirectional=True)
        self.second = nn.GRU(2 * 50, 30, bidirectional=True)
        self.last = nn.Linear(2 * 30, 1)

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        steps = self.convolutions(cars.unsqueeze(1)).permute(2, 0, 1)
        out: Tensor = self.last(self.second(self.first(steps)[0])[0])
        return out.squeeze(2).T


class LSTM(nn.Module):
    """One LSTM along the spectrum.

    Houhou et al., Opt. Express 28, 21002 (2020), taken over by Junjuri et al., Phys. Chem. Chem. Phys. 25, 16340 (2023): one layer of 30
    units.

    Assumed: a step a point, one direction, and a fully connected layer of one unit at every point behind. The gates are those of the
    equations of the first paper, with tanh; the second has ReLU in its place, for which libraries have no fused layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 30)
        self.last = nn.Linear(30, 1)

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        out: Tensor = self.last(self.lstm(cars.T.unsqueeze(2))[0])
        return out.squeeze(2).T


class BiLSTM(nn.Module):
    """Three bidirectional LSTMs along the spectrum.

    Junjuri et al., Phys. Chem. Chem. Phys. 25, 16340 (2023): three bidirectional layers of 30 units, and a fully connected layer at every
    point.

    Assumed: 30 units in each direction, put side by side; the intensity alone goes in, without a further channel for a phase; tanh.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 30, num_layers=3, bidirectional=True)
        self.last = nn.Linear(2 * 30, 1)

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        out: Tensor = self.last(self.lstm(cars.T.unsqueeze(2))[0])
        return out.squeeze(2).T


class Vector8(nn.Module):
    """A convolutional autoencoder of four layers down and four up.

    Wang et al., J. Raman Spectrosc. 53, 1081 (2022), table 1, VECTOR-8: kernels of 8 points without padding, 64, 128, 256 and 512
    channels with strides 1, 2, 2 and 2, and the same way back; batch normalisation and ReLU behind each layer but the last, which has a
    sigmoid; feature maps of the way down are added to those of their size on the way up. VECTOR-16, which the paper recommends, is
    twice as deep and up to 2048 channels wide.

    Assumed: no bias, as normalisation follows; the added maps are the three that the table has in pairs; lengths that the stride loses
    are given back by padding the output.
    """

    def __init__(self) -> None:
        super().__init__()
        channels, strides = (1, 64, 128, 256, 512), (1, 2, 2, 2)
        ways = [(a, b, stride) for (a, b), stride in zip(pairwise(channels), strides, strict=True)]
        down = [(nn.Conv1d(a, b, 8, stride, bias=False), nn.BatchNorm1d(b), nn.ReLU()) for a, b, stride in ways]
        self.down = nn.ModuleList(nn.Sequential(*layer) for layer in down)
        self.up = nn.ModuleList(nn.ConvTranspose1d(b, a, 8, stride, bias=False) for a, b, stride in reversed(ways))
        self.behind = nn.ModuleList(nn.Sequential(nn.BatchNorm1d(a), nn.ReLU()) for a, _, _ in reversed(ways[1:]))

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        x = cars.unsqueeze(1)
        maps: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            maps.append(x)
        maps.pop()
        for layer, behind in zip(self.up[:-1], self.behind, strict=True):
            there = maps.pop()
            x = behind(layer(x, output_size=[there.shape[2]])) + there
        return torch.sigmoid(self.up[-1](x, output_size=[cars.shape[1]])).squeeze(1)


class GANGenerator(nn.Module):
    """The generator of the adversarial network, a U-Net; its discriminator has no part in removing a background.

    Vernuccio et al., Sci. Rep. 14 (2024), doi:10.1038/s41598-024-74912-5: five convolutions of 32, 32, 64, 64 and 128 filters of 9, 9, 7,
    7 and 3 points, leaky ReLU behind the first, second, third and fourth; five transposed convolutions with a connection from each
    convolution to its counterpart; two fully connected layers, leaky ReLU, dropout and a sigmoid.

    Assumed: each convolution halves the length, as in a U-Net (at full length the layers would do some ten times the work), the way
    back mirrors filters and kernels with leaky ReLU between, connected maps are put side by side, and both fully connected layers have
    as many units as there are points.

    Parameters
    ----------
    points : int
        Points of a spectrum.
    """

    def __init__(self, points: int = 1000) -> None:
        super().__init__()
        filters, kernels = (1, 32, 32, 64, 64, 128), (9, 9, 7, 7, 3)
        ways = [(a, b, kernel) for (a, b), kernel in zip(pairwise(filters), kernels, strict=True)]
        self.down = nn.ModuleList(nn.Conv1d(a, b, kernel, 2, kernel // 2) for a, b, kernel in ways)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(b if deepest else 2 * b, a, kernel, 2, kernel // 2)
            for (a, b, kernel), deepest in zip(reversed(ways), (True, False, False, False, False), strict=True)
        )
        self.act = nn.LeakyReLU(0.2)
        self.last = nn.Sequential(nn.Linear(points, points), self.act, nn.Dropout(), nn.Linear(points, points), nn.Sigmoid())

    def forward(self, cars: Tensor) -> Tensor:
        """(N, W) → (N, W)."""
        x = cars.unsqueeze(1)
        maps = [x]
        for layer in self.down[:-1]:
            x = self.act(layer(x))
            maps.append(x)
        x = self.down[-1](x)
        for layer in self.up:
            there = maps.pop()
            x = layer(x, output_size=[there.shape[2]])
            x = torch.cat([self.act(x), there], dim=1) if maps else x
        out: Tensor = self.last(x.squeeze(1))
        return out


PUBLISHED: dict[str, Callable[[int], nn.Module]] = {  # the first is what ratios are taken to
    "SpecNet": SpecNet,
    "CNN+GRU": lambda points: CNNGRU(),
    "LSTM": lambda points: LSTM(),
    "Bi-LSTM": lambda points: BiLSTM(),
    "VECTOR-8": lambda points: Vector8(),
    "GAN generator": GANGenerator,
}
