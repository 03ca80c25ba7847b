"""The simulated sets other groups train on; the target is Im χ_R with max|χ_R| = 1.

- `Crimson`: Vernuccio et al., Sci. Rep. (2024).
- `Specnet`: Valensise et al., APL Photonics 5, 061305 (2020), and Junjuri et al., RSC Adv. 12, 28755 (2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from napari_crimson.physics import cars_intensity, resonant_chi3, sigmoid_window, uniform
from napari_crimson.synthesis.base import Batch, line_counts, packed_like, pick

__all__ = ["Crimson", "Specnet"]


@dataclass(frozen=True, kw_only=True)
class Crimson:
    """The CRIMSON set: narrow lines, linear χ_NR, a smooth excitation of three kinds; inputs scaled to 0–1."""

    convention: ClassVar[str] = "susceptibility"
    lines: tuple[int, int] = (1, 11)
    hwhm_cm1: tuple[float, float] = (2.0, 10.0)
    broad_hwhm_cm1: tuple[float, float] = (10.0, 30.0)
    broad_share: float = 0.1
    edge_points: int = 50
    noise: tuple[float, float] = (0.005, 0.05)

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""
        points = wavenumber.numel()
        edge = min(self.edge_points, points // 4)
        shape = (n, self.lines[1])
        present = line_counts(n, *self.lines, generator)
        position = uniform(generator, shape, float(wavenumber[edge]), float(wavenumber[-1 - edge]))
        broad = torch.rand(shape, generator=generator, device=generator.device) < self.broad_share
        hwhm = torch.where(broad, uniform(generator, shape, *self.broad_hwhm_cm1), uniform(generator, shape, *self.hwhm_cm1))
        amplitude = torch.where(present, uniform(generator, shape, 0.1, 1.0), 0.0)
        ends = uniform(generator, (n, 1), 0.3, 0.5), uniform(generator, (n, 1), 0.5, 0.7)
        rising = pick(generator, n, 0.5)
        start, stop = torch.where(rising, ends[0], ends[1]), torch.where(rising, ends[1], ends[0])
        chi_nr = start + (stop - start) * torch.linspace(0, 1, points, device=wavenumber.device)
        excitation = self._excitation(n, wavenumber, generator)
        noise_bound = uniform(generator, (n, 1), *self.noise)

        clean, _, size = self._intensity(wavenumber, amplitude, position, hwhm, chi_nr, excitation)
        seen = self._visible(clean, wavenumber, position, hwhm, noise_bound)
        amplitude = packed_like(seen & present, torch.where(seen & present, amplitude / size, 0.0))
        position, hwhm = packed_like(seen & present, position), packed_like(seen & present, hwhm)
        clean, imag, _ = self._intensity(wavenumber, amplitude, position, hwhm, chi_nr, excitation, scale=False)
        sigma = uniform(generator, (n, 1), 2e-4, noise_bound)
        noise = torch.randn(clean.shape, generator=generator, device=generator.device)
        cars = _to_unit_range(_to_unit_range(clean) + sigma * noise)
        return Batch(wavenumber, cars, imag, torch.ones_like(cars), _weight_unit(imag))

    def _intensity(
        self,
        wavenumber: Tensor,
        amplitude: Tensor,
        position: Tensor,
        hwhm: Tensor,
        chi_nr: Tensor,
        excitation: Tensor,
        *,
        scale: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor]:
        real, imag = resonant_chi3(wavenumber, amplitude, position, hwhm)
        size = (real * real + imag * imag).amax(1, keepdim=True).sqrt().clamp(min=1e-12) if scale else torch.ones_like(real[:, :1])
        return cars_intensity(excitation, chi_nr, real / size, imag / size), imag / size, size

    def _excitation(self, n: int, wavenumber: Tensor, generator: Generator) -> Tensor:
        low, span = float(wavenumber[0]), float(wavenumber[-1] - wavenumber[0])
        sigmoids = _two_sigmoids(n, (wavenumber - low) / span, generator)
        centre = uniform(generator, (n, 1), low, low + span)
        gaussian = torch.exp(-0.5 * ((wavenumber - centre) / uniform(generator, (n, 1), 500.0, 1500.0)) ** 2)
        polynomial = _polynomial(n, (wavenumber - low) / span, generator)
        kind = torch.randint(3, (n, 1), generator=generator, device=generator.device)
        return torch.where(kind == 0, sigmoids, torch.where(kind == 1, gaussian, polynomial))

    @staticmethod
    def _visible(clean: Tensor, wavenumber: Tensor, position: Tensor, hwhm: Tensor, noise_bound: Tensor) -> Tensor:
        """Lines (N, K) whose centre reaches 0.1 of the normalised CARS and whose dispersive swing beats 3 n."""
        normalised = _to_unit_range(clean)
        step = (wavenumber[-1] - wavenumber[0]) / (wavenumber.numel() - 1)

        def at(where: Tensor) -> Tensor:
            index = ((where - wavenumber[0]) / step).round().long().clamp(0, wavenumber.numel() - 1)
            return normalised.gather(1, index)

        return (at(position) >= 0.1) & ((at(position - hwhm) - at(position + hwhm)).abs() >= 3 * noise_bound)


@dataclass(frozen=True, kw_only=True)
class Specnet:
    """SpecNet's and LUT's set on an axis scaled to 0–1: the smooth background is χ_NR itself.

    VECTOR's nine cases (Wang et al., J. Raman Spectrosc. 53, 2022) are the same with up to 50 lines, half widths up to 0.0375 of the
    axis and, away from its ends, lines between 0.15 and 0.85: `lines`, `broadest` and `inner_share` cover them.
    """

    convention: ClassVar[str] = "susceptibility"
    lines: tuple[int, int] = (1, 14)
    mostly_few: bool = False  # the number of lines is drawn log-uniformly
    narrowest: float = 0.001  # HWHM on the axis scaled to 0–1
    broadest: tuple[float, float] = (0.008, 0.008)  # of a spectrum, drawn log-uniformly between these
    inner_share: float = 0.0  # of the spectra have lines between 0.15 and 0.85 only
    noise: tuple[float, float] = (0.0005, 0.003)

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""
        x = (wavenumber - wavenumber[0]) / (wavenumber[-1] - wavenumber[0])
        shape = (n, self.lines[1])
        present = line_counts(n, *self.lines, generator, log=self.mostly_few)
        amplitude = torch.where(present, uniform(generator, shape, 1e-3, 1.0), 0.0)
        inner = pick(generator, n, self.inner_share)
        position = torch.where(inner, uniform(generator, shape, 0.15, 0.85), uniform(generator, shape))
        broadest = uniform(generator, (n, 1), *self.broadest, log=True)
        hwhm = self.narrowest + (broadest - self.narrowest) * uniform(generator, shape)
        real, imag = resonant_chi3(x, amplitude, position, hwhm)
        size = (real * real + imag * imag).amax(1, keepdim=True).sqrt()
        real, imag = real / size, imag / size
        strength = uniform(generator, (n, 1), 0.3, 1.0)  # beside a χ_NR of 1; what is asked for has max|χ_R| = 1

        two, polynomial = _two_sigmoids(n, x, generator), _polynomial(n, x, generator)
        one = _one_sigmoid(n, x, generator)
        kind = torch.randint(3, (n, 1), generator=generator, device=generator.device)
        chi_nr = torch.where(kind == 0, two, torch.where(kind == 1, one, polynomial))
        clean = 0.5 * cars_intensity(torch.ones_like(x), chi_nr, strength * real, strength * imag)
        noise = torch.randn(clean.shape, generator=generator, device=generator.device)
        cars = clean + uniform(generator, (n, 1), *self.noise) * noise
        return Batch(wavenumber, cars, imag, torch.ones_like(cars), _weight_unit(imag))


def _weight_unit(imag: Tensor) -> Tensor:
    """What errors are measured in, (N, 1): spectra of few narrow lines count as much as crowded ones; about 1 in between."""
    return 5.0 * (imag.square().mean(1, keepdim=True).sqrt() + 0.02)


def _normal(n: int, mean: float, sd: float, generator: Generator) -> Tensor:
    return mean + sd * torch.randn((n, 1), generator=generator, device=generator.device)


def _two_sigmoids(n: int, x: Tensor, generator: Generator) -> Tensor:
    """Product of two sigmoids on `x` in 0–1: slopes N(10, 5), centres N(0.2, 0.3) and N(0.7, 0.3). Shape (N, W)."""
    centres = _normal(n, 0.2, 0.3, generator), _normal(n, 0.7, 0.3, generator)
    return sigmoid_window(x, centres, (_normal(n, 10, 5, generator), _normal(n, 10, 5, generator)))


def _one_sigmoid(n: int, x: Tensor, generator: Generator) -> Tensor:
    """One of the two, rising or falling. Shape (N, W)."""
    rising = pick(generator, n, 0.5)
    centre = torch.where(rising, _normal(n, 0.2, 0.3, generator), _normal(n, 0.7, 0.3, generator))
    return torch.sigmoid(_normal(n, 10, 5, generator) * torch.where(rising, 1.0, -1.0) * (x - centre))


def _polynomial(n: int, x: Tensor, generator: Generator) -> Tensor:
    """A fourth-order polynomial on `x`, coefficients U(±10, ±10, ±1, ±10, ±1) from the highest, scaled to 0–1. Shape (N, W)."""
    curve = torch.zeros(n, 1, device=x.device)
    for bound in (10.0, 10.0, 1.0, 10.0, 1.0):
        curve = curve * x + uniform(generator, (n, 1), -bound, bound)
    return _to_unit_range(curve)


def _to_unit_range(curve: Tensor) -> Tensor:
    """Scale each row of (N, W) to 0–1."""
    low, high = curve.aminmax(dim=1, keepdim=True)
    return (curve - low) / (high - low).clamp(min=1e-12)
