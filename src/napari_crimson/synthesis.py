"""Simulated training spectra: three priors, each drawing batches of (cars, raman) on any device.

- `Wide`: tissue to neat liquids, photon noise, unknown excitation, with and without an imperfect
  reference; the target is the relative r = Im χ_R/χ_NR. The prior of the default weights.
- `Crimson`: the simulated set of Vernuccio et al., Sci. Rep. (2024); target Im χ_R with max|χ_R| = 1.
- `Specnet`: that of Valensise et al., APL Photonics 5, 061305 (2020), and Junjuri et al., RSC Adv. 12,
  28755 (2022); the same target, but the smooth background sits in χ_NR.

The bounds are the fields of each prior, so that a recipe can change them and a card can state them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from napari_crimson.errors import CrimsonError
from napari_crimson.physics import (
    add_noise,
    cars_intensity,
    cosine_series,
    gaussian_broadening,
    resonant_chi3,
    sigmoid_window,
    uniform,
)

__all__ = ["PRIORS", "Batch", "Crimson", "Prior", "Specnet", "Wide", "draw", "make_prior"]


class Batch(NamedTuple):
    """Simulated spectra: `cars`, `raman` (target) and `reference` (N, W), and each target's own `scale` (N, 1).

    Where a spectrum has no reference, `reference` is 1 throughout.
    """

    wavenumber: Tensor
    cars: Tensor
    raman: Tensor
    reference: Tensor
    scale: Tensor


class Prior(Protocol):
    """What a prior can do: draw `n` spectra on an axis (W,), on the generator's device."""

    convention: ClassVar[str]

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""


def draw(prior: str | Prior, n: int, wavenumber: Tensor, *, generator: Generator) -> Batch:
    """Draw `n` spectra from a prior, by name or with bounds of your own.

    Parameters
    ----------
    prior : str or Prior
        ``"wide"``, ``"crimson"``, ``"specnet"`` or an instance.
    n : int
        How many.
    wavenumber : Tensor, shape (W,)
        Ascending axis in cm⁻¹, on the generator's device.
    generator : torch.Generator
        The same state on the same device gives the same spectra.

    Raises
    ------
    CrimsonError
        If the name is unknown.
    """
    if isinstance(prior, str):
        prior = make_prior(prior, {})
    return prior.draw(n, wavenumber.float(), generator)


def make_prior(name: str, bounds: dict[str, Any]) -> Wide | Crimson | Specnet:
    """A prior by name, with bounds of your own in place of some of its fields.

    Raises
    ------
    CrimsonError
        If the name is unknown or a bound is none of that prior's.
    """
    if name not in PRIORS:
        raise CrimsonError(f"no prior '{name}'; there are {', '.join(PRIORS)}")
    known = [f.name for f in fields(PRIORS[name])]
    if unknown := bounds.keys() - set(known):
        raise CrimsonError(f"prior '{name}' has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in bounds.items()}
    return PRIORS[name](**values)


def _line_counts(n: int, low: int, high: int, generator: Generator, *, log: bool = False) -> Tensor:
    """Mask (N, high) of present lines, each row with low to high of them in front."""
    count = uniform(generator, (n, 1), low, high + 1, log=log).floor()
    return count > torch.arange(high, device=generator.device)


def _pick(generator: Generator, n: int, share: float) -> Tensor:
    """Boolean (N, 1), true in about `share` of the rows."""
    return torch.rand((n, 1), generator=generator, device=generator.device) < share


@dataclass(frozen=True, kw_only=True)
class Wide:
    """Tissue to neat liquids, as microscopes measure them.

    Lines crowd in the fingerprint and C–H regions of `organic_share` of the spectra, `water_share` of them under the
    broad O–H band of water, and lie anywhere in the others, also beyond both edges. The background is a product of broad colours, roll-off and ripple. A
    spectrum `with_reference_share` comes beside a noise-free reference whose χ_NR differs smoothly.
    """

    convention: ClassVar[str] = "relative"
    ratio: tuple[float, float] = (0.01, 6.0)  # max|χ_R|/χ_NR
    lines: tuple[int, int] = (1, 60)
    hwhm_cm1: tuple[float, float] = (2.0, 75.0)
    broadening_fwhm_cm1: tuple[float, float] = (3.0, 10.0)
    organic_share: float = 0.75
    water_share: float = 0.5
    water_hwhm_cm1: tuple[float, float] = (40.0, 110.0)
    empty_share: float = 0.03
    photons: tuple[float, float] = (1e3, 2e6)  # electrons at the brightest point
    read_noise: tuple[float, float] = (1.0, 30.0)
    offset_share: float = 0.3
    offset: tuple[float, float] = (1e-4, 2e-2)  # dark left over, of either sign, relative to the maximum
    with_reference_share: float = 0.5

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""
        real, imag = self._susceptibility(n, wavenumber, generator)
        background = self._excitation(n, wavenumber, generator)
        clean = cars_intensity(background, torch.ones_like(imag), real, imag)
        top = clean.amax(1, keepdim=True)
        photons = uniform(generator, (n, 1), *self.photons, log=True)
        read = uniform(generator, (n, 1), *self.read_noise, log=True)
        cars = add_noise(clean / top, photons, read, generator)
        sign = torch.where(_pick(generator, n, 0.5), 1.0, -1.0)
        offset = uniform(generator, (n, 1), *self.offset, log=True) * sign
        cars += torch.where(_pick(generator, n, self.offset_share), offset, 0.0)

        misfit = _smooth_log_curve(n, wavenumber, generator, strength=(0.01, 0.4), period_cm1=(1500.0, 8000.0), terms=2)
        measured = background / background.amax(1, keepdim=True) * misfit.exp()
        reference = torch.where(_pick(generator, n, self.with_reference_share), measured, 1.0)
        scale = (real * real + imag * imag).amax(1, keepdim=True).sqrt()
        return Batch(wavenumber, cars, imag, reference, scale)

    def _susceptibility(self, n: int, wavenumber: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Re and Im of χ_R/χ_NR (N, W), broadened, scaled to a drawn maximum."""
        step = float(wavenumber[-1] - wavenumber[0]) / max(1, wavenumber.numel() - 1)
        sigma = uniform(generator, (n,), *self.broadening_fwhm_cm1) / (2.3548 * step)
        margin = math.ceil(4 * self.broadening_fwhm_cm1[1] / (2.3548 * step))
        ends = torch.arange(1, margin + 1, device=wavenumber.device) * step
        extended = torch.cat([wavenumber[0] - ends.flip(0), wavenumber, wavenumber[-1] + ends])

        amplitude, position, hwhm = self._lines(n, wavenumber, generator)
        chi = torch.stack(resonant_chi3(extended, amplitude, position, hwhm))
        chi = gaussian_broadening(chi.flatten(0, 1), sigma.repeat(2)).view(2, n, -1)[..., margin:-margin]
        # χ_NR of the sample is nearly flat, but not quite: it tilts the ratio
        tilt = uniform(generator, (n, 1), -0.15, 0.15) * torch.linspace(-1, 1, wavenumber.numel(), device=wavenumber.device)
        chi = chi * (1 + tilt)
        size = (chi * chi).sum(0).amax(1, keepdim=True).sqrt().clamp(min=1e-12)
        ratio = uniform(generator, (n, 1), *self.ratio, log=True)
        chi = chi * torch.where(_pick(generator, n, self.empty_share), 0.0, ratio / size)
        return chi[0], chi[1]

    def _lines(self, n: int, wavenumber: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitude, position and HWHM (N, K) of the lines; absent ones have amplitude 0."""
        shape = (n, self.lines[1])
        present = _line_counts(n, *self.lines, generator, log=True)
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        anywhere = uniform(generator, shape, low - 100, high + 100)
        # fingerprint, C–H, O–H and silent region, by share of lines
        choice = torch.rand(shape, generator=generator, device=generator.device)
        bounds = ((0.0, 400.0, 1800.0), (0.60, 2800.0, 3100.0), (0.90, 3100.0, 3700.0), (0.95, 1800.0, 2800.0))
        organic = torch.empty_like(anywhere)
        for start, region_low, region_high in bounds:
            inside = uniform(generator, shape, region_low, region_high)
            organic = torch.where(choice >= start, inside, organic)
        is_organic = _pick(generator, n, self.organic_share)
        position = torch.where(is_organic, organic, anywhere)

        broadest = uniform(generator, (n, 1), 8.0, self.hwhm_cm1[1], log=True)
        hwhm = uniform(generator, shape, torch.tensor(self.hwhm_cm1[0], device=generator.device), broadest, log=True)
        spread = uniform(generator, (n, 1), 0.0, 3.0)  # from equal heights to a few strong lines over many weak ones
        height = torch.exp(-spread * torch.rand(shape, generator=generator, device=generator.device))
        boost = uniform(generator, (n, 1), 1.0, 6.0, log=True)  # C–H stretches outshine the fingerprint
        height = torch.where((position > 2750) & (position < 3150), height * boost, height)
        lines = torch.where(present, height * hwhm, 0.0), position, hwhm
        water = self._water(n, is_organic & _pick(generator, n, self.water_share), generator)
        # the lines that are present must stand in front, so the two of water come first
        joined = [torch.cat(pair, dim=1) for pair in zip(water, lines, strict=True)]
        seen = joined[0] != 0
        return _like_packed(seen, joined[0]), _like_packed(seen, joined[1]), _like_packed(seen, joined[2])

    def _water(self, n: int, present: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The two broad O–H stretches of water, from far weaker than the other lines to stronger."""
        shape = (n, 2)
        position = torch.cat([uniform(generator, (n, 1), 3180.0, 3300.0), uniform(generator, (n, 1), 3360.0, 3480.0)], dim=1)
        hwhm = uniform(generator, shape, *self.water_hwhm_cm1)
        height = uniform(generator, (n, 1), 0.05, 5.0, log=True) * uniform(generator, shape, 0.4, 1.0)
        return torch.where(present, height * hwhm, 0.0), position, hwhm

    def _excitation(self, n: int, wavenumber: Tensor, generator: Generator) -> Tensor:
        """I_S·χ_NR² (N, W), positive: one or two colours, roll-off at the edges, slow undulation and ripple."""
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        span = high - low

        def colour() -> Tensor:
            centre = uniform(generator, (n, 1), low - 0.5 * span, high + 0.5 * span)
            width = uniform(generator, (n, 1), 500.0, 4000.0, log=True)
            return torch.exp(-0.5 * ((wavenumber - centre) / width) ** 2)

        second = torch.where(_pick(generator, n, 0.5), uniform(generator, (n, 1), 0.05, 2.0, log=True), 0.0)
        log_i = (colour() + second * colour()).clamp(min=1e-4).log()
        edges = (
            uniform(generator, (n, 1), low - 0.3 * span, low + 0.08 * span),
            uniform(generator, (n, 1), high - 0.08 * span, high + 0.3 * span),
        )
        slopes = (1 / uniform(generator, (n, 1), 30.0, 400.0, log=True), 1 / uniform(generator, (n, 1), 30.0, 400.0, log=True))
        rolled = sigmoid_window(wavenumber, edges, slopes).clamp(min=1e-3).log()
        log_i += torch.where(_pick(generator, n, 0.5), rolled, 0.0)
        log_i += _smooth_log_curve(n, wavenumber, generator, strength=(3e-3, 0.5), period_cm1=(700.0, 5000.0), terms=4)
        log_i += _smooth_log_curve(n, wavenumber, generator, strength=(2e-4, 0.04), period_cm1=(150.0, 700.0), terms=2)
        return (log_i - log_i.amax(1, keepdim=True)).clamp(min=-7).exp()


def _smooth_log_curve(
    n: int, wavenumber: Tensor, generator: Generator, *, strength: tuple[float, float], period_cm1: tuple[float, float], terms: int
) -> Tensor:
    """A random sum of slow cosines (N, W), for the logarithm of an excitation."""
    period = uniform(generator, (n, terms), *period_cm1, log=True)
    amplitude = uniform(generator, (n, 1), *strength, log=True) * torch.rand((n, terms), generator=generator, device=generator.device)
    return cosine_series(wavenumber, period, amplitude, uniform(generator, (n, terms), 0, 2 * math.pi))


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
        present = _line_counts(n, *self.lines, generator)
        position = uniform(generator, shape, float(wavenumber[edge]), float(wavenumber[-1 - edge]))
        broad = torch.rand(shape, generator=generator, device=generator.device) < self.broad_share
        hwhm = torch.where(broad, uniform(generator, shape, *self.broad_hwhm_cm1), uniform(generator, shape, *self.hwhm_cm1))
        amplitude = torch.where(present, uniform(generator, shape, 0.1, 1.0), 0.0)
        ends = uniform(generator, (n, 1), 0.3, 0.5), uniform(generator, (n, 1), 0.5, 0.7)
        rising = _pick(generator, n, 0.5)
        start, stop = torch.where(rising, ends[0], ends[1]), torch.where(rising, ends[1], ends[0])
        chi_nr = start + (stop - start) * torch.linspace(0, 1, points, device=wavenumber.device)
        excitation = self._excitation(n, wavenumber, generator)
        noise_bound = uniform(generator, (n, 1), *self.noise)

        clean, _, size = self._intensity(wavenumber, amplitude, position, hwhm, chi_nr, excitation)
        seen = self._visible(clean, wavenumber, position, hwhm, noise_bound)
        amplitude = _packed(torch.where(seen, amplitude / size, 0.0))
        position, hwhm = _like_packed(seen & present, position), _like_packed(seen & present, hwhm)
        clean, imag, _ = self._intensity(wavenumber, amplitude, position, hwhm, chi_nr, excitation, scale=False)
        sigma = uniform(generator, (n, 1), 2e-4, noise_bound)
        noise = torch.randn(clean.shape, generator=generator, device=generator.device)
        cars = _to_unit_range(_to_unit_range(clean) + sigma * noise)
        return Batch(wavenumber, cars, imag, torch.ones_like(cars), torch.ones(n, 1, device=cars.device))

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
    """SpecNet's and LUT's set on an axis scaled to 0–1: the smooth background is χ_NR itself."""

    convention: ClassVar[str] = "susceptibility"
    lines: tuple[int, int] = (1, 14)
    hwhm: tuple[float, float] = (0.001, 0.008)  # on the axis scaled to 0–1
    noise: tuple[float, float] = (0.0005, 0.003)

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""
        x = (wavenumber - wavenumber[0]) / (wavenumber[-1] - wavenumber[0])
        shape = (n, self.lines[1])
        present = _line_counts(n, *self.lines, generator)
        amplitude = torch.where(present, uniform(generator, shape, 1e-3, 1.0), 0.0)
        real, imag = resonant_chi3(x, amplitude, uniform(generator, shape), uniform(generator, shape, *self.hwhm))
        factor = uniform(generator, (n, 1), 0.3, 1.0) / (real * real + imag * imag).amax(1, keepdim=True).sqrt()
        real, imag = real * factor, imag * factor

        two, polynomial = _two_sigmoids(n, x, generator), _polynomial(n, x, generator)
        slope = uniform(generator, (n, 1), 5.0, 15.0) * torch.where(_pick(generator, n, 0.5), 1.0, -1.0)
        one = torch.sigmoid(slope * (x - uniform(generator, (n, 1), 0.2, 0.7)))
        kind = torch.randint(3, (n, 1), generator=generator, device=generator.device)
        chi_nr = torch.where(kind == 0, two, torch.where(kind == 1, one, polynomial))
        clean = 0.5 * cars_intensity(torch.ones_like(x), chi_nr, real, imag)
        noise = torch.randn(clean.shape, generator=generator, device=generator.device)
        cars = clean + uniform(generator, (n, 1), *self.noise) * noise
        return Batch(wavenumber, cars, imag, torch.ones_like(cars), torch.ones(n, 1, device=cars.device))


def _two_sigmoids(n: int, x: Tensor, generator: Generator) -> Tensor:
    """Product of two sigmoids on `x` in 0–1: slopes N(10, 5), centres N(0.2, 0.3) and N(0.7, 0.3). Shape (N, W)."""

    def normal(mean: float, sd: float) -> Tensor:
        return mean + sd * torch.randn((n, 1), generator=generator, device=generator.device)

    curve = sigmoid_window(x, (normal(0.2, 0.3), normal(0.7, 0.3)), (normal(10, 5), normal(10, 5)))
    return curve / curve.amax(1, keepdim=True).clamp(min=1e-12)


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


def _packed(amplitude: Tensor) -> Tensor:
    """Move the lines that are present (A ≠ 0) to the front of each row."""
    return _like_packed(amplitude != 0, amplitude)


def _like_packed(present: Tensor, values: Tensor) -> Tensor:
    return values.gather(1, (~present).to(torch.uint8).argsort(dim=1, stable=True))


PRIORS: dict[str, type[Wide] | type[Crimson] | type[Specnet]] = {"wide": Wide, "crimson": Crimson, "specnet": Specnet}
