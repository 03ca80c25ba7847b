"""`Wide`: tissue to neat liquids as microscopes measure them; the target is r = Im χ_R/χ_NR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from napari_crimson.physics import (
    add_noise,
    cars_intensity,
    cosine_series,
    drawn_out,
    gaussian_broadening,
    resonant_chi3,
    sigmoid_window,
    uniform,
)
from napari_crimson.synthesis.base import Batch, line_counts, packed_like, pick

__all__ = ["Wide"]


@dataclass(frozen=True, kw_only=True)
class Wide:
    """Tissue to neat liquids, as microscopes measure them.

    Lines crowd in the fingerprint and C–H regions of `organic_share` of the spectra, `water_share` of them under the
    broad O–H band of water, and lie anywhere in the others, also beyond both edges. The background is a product of
    broad colours, roll-off and ripple, or the measured `excitation` with a little drift. A share `with_reference_share`
    comes beside a noise-free reference whose χ_NR differs smoothly. A share `drawn_out_share` was measured at a coarser
    spacing and interpolated onto the axis, noise and all, as calibrated and digitised spectra are.
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
    drawn_out_share: float = 0.15
    drawn_out_cm1: tuple[float, float] = (3.0, 12.0)
    with_reference_share: float = 0.5
    excitation: tuple[tuple[float, float], ...] = ()  # measured, (cm⁻¹, counts) ascending, in place of drawn ones

    def draw(self, n: int, wavenumber: Tensor, generator: Generator) -> Batch:
        """Draw `n` spectra."""
        spacing = self._spacing(n, wavenumber, generator)
        real, imag = self._susceptibility(n, wavenumber, spacing, generator)
        background = self._excitation(n, wavenumber, generator)
        clean = cars_intensity(background, torch.ones_like(imag), real, imag)
        top = clean.amax(1, keepdim=True)
        photons = uniform(generator, (n, 1), *self.photons, log=True)
        read = uniform(generator, (n, 1), *self.read_noise, log=True)
        cars = add_noise(clean / top, photons, read, generator)
        sign = torch.where(pick(generator, n, 0.5), 1.0, -1.0)
        offset = uniform(generator, (n, 1), *self.offset, log=True) * sign
        cars += torch.where(pick(generator, n, self.offset_share), offset, 0.0)
        if self.drawn_out_share:
            points = spacing / _step(wavenumber)
            cars = drawn_out(cars, points, uniform(generator, (n, 1)) * points)

        misfit = _smooth_log_curve(n, wavenumber, generator, strength=(0.01, 0.4), period_cm1=(1500.0, 8000.0), terms=2)
        measured = background / background.amax(1, keepdim=True) * misfit.exp()
        reference = torch.where(pick(generator, n, self.with_reference_share), measured, 1.0)
        scale = (real * real + imag * imag).amax(1, keepdim=True).sqrt()
        return Batch(wavenumber, cars, imag, reference, scale)

    def _spacing(self, n: int, wavenumber: Tensor, generator: Generator) -> Tensor:
        """The spacing (N, 1), cm⁻¹, at which each spectrum was measured: 0 where it is that of the axis."""
        if not self.drawn_out_share:
            return wavenumber.new_zeros(n, 1)
        coarse = pick(generator, n, self.drawn_out_share)
        return torch.where(coarse, uniform(generator, (n, 1), *self.drawn_out_cm1, log=True), 0.0)

    def _susceptibility(self, n: int, wavenumber: Tensor, spacing: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Re and Im of χ_R/χ_NR (N, W), broadened, scaled to a drawn maximum."""
        step = _step(wavenumber)
        # a spectrometer resolves no less than it samples
        fwhm = torch.maximum(uniform(generator, (n,), *self.broadening_fwhm_cm1), spacing[:, 0])
        sigma = fwhm / (2.3548 * step)
        widest = max(self.broadening_fwhm_cm1[1], self.drawn_out_cm1[1] if self.drawn_out_share else 0.0)
        margin = math.ceil(4 * widest / (2.3548 * step))
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
        chi = chi * torch.where(pick(generator, n, self.empty_share), 0.0, ratio / size)
        return chi[0], chi[1]

    def _lines(self, n: int, wavenumber: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitude, position and HWHM (N, K) of the lines; absent ones have amplitude 0."""
        shape = (n, self.lines[1])
        present = line_counts(n, *self.lines, generator, log=True)
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        anywhere = uniform(generator, shape, low - 100, high + 100)
        # fingerprint, C–H, O–H and silent region, by share of lines
        choice = torch.rand(shape, generator=generator, device=generator.device)
        bounds = ((0.0, 400.0, 1800.0), (0.60, 2800.0, 3100.0), (0.90, 3100.0, 3700.0), (0.95, 1800.0, 2800.0))
        organic = torch.empty_like(anywhere)
        for start, region_low, region_high in bounds:
            inside = uniform(generator, shape, region_low, region_high)
            organic = torch.where(choice >= start, inside, organic)
        is_organic = pick(generator, n, self.organic_share)
        position = torch.where(is_organic, organic, anywhere)

        broadest = uniform(generator, (n, 1), min(max(8.0, self.hwhm_cm1[0]), self.hwhm_cm1[1]), self.hwhm_cm1[1], log=True)
        hwhm = uniform(generator, shape, torch.tensor(self.hwhm_cm1[0], device=generator.device), broadest, log=True)
        spread = uniform(generator, (n, 1), 0.0, 3.0)  # from equal heights to a few strong lines over many weak ones
        height = torch.exp(-spread * torch.rand(shape, generator=generator, device=generator.device))
        boost = uniform(generator, (n, 1), 1.0, 6.0, log=True)  # C–H stretches outshine the fingerprint
        height = torch.where((position > 2750) & (position < 3150), height * boost, height)
        lines = torch.where(present, height * hwhm, 0.0), position, hwhm
        water = self._water(n, is_organic & pick(generator, n, self.water_share), generator)
        # the lines that are present must stand in front, so the two of water come first
        joined = [torch.cat(pair, dim=1) for pair in zip(water, lines, strict=True)]
        seen = joined[0] != 0
        return packed_like(seen, joined[0]), packed_like(seen, joined[1]), packed_like(seen, joined[2])

    def _water(self, n: int, present: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The two broad O–H stretches of water, from far weaker than the other lines to stronger."""
        shape = (n, 2)
        position = torch.cat([uniform(generator, (n, 1), 3180.0, 3300.0), uniform(generator, (n, 1), 3360.0, 3480.0)], dim=1)
        hwhm = uniform(generator, shape, *self.water_hwhm_cm1)
        height = uniform(generator, (n, 1), 0.05, 5.0, log=True) * uniform(generator, shape, 0.4, 1.0)
        return torch.where(present, height * hwhm, 0.0), position, hwhm

    def _excitation(self, n: int, wavenumber: Tensor, generator: Generator) -> Tensor:
        """I_S·χ_NR² (N, W), positive: one or two colours, roll-off at the edges, slow undulation and ripple."""
        if self.excitation:
            drift = _smooth_log_curve(n, wavenumber, generator, strength=(2e-3, 0.1), period_cm1=(700.0, 5000.0), terms=3)
            return self._measured(wavenumber) * drift.exp()
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        span = high - low

        def colour() -> Tensor:
            centre = uniform(generator, (n, 1), low - 0.5 * span, high + 0.5 * span)
            width = uniform(generator, (n, 1), 500.0, 4000.0, log=True)
            return torch.exp(-0.5 * ((wavenumber - centre) / width) ** 2)

        second = torch.where(pick(generator, n, 0.5), uniform(generator, (n, 1), 0.05, 2.0, log=True), 0.0)
        log_i = (colour() + second * colour()).clamp(min=1e-4).log()
        edges = (
            uniform(generator, (n, 1), low - 0.3 * span, low + 0.08 * span),
            uniform(generator, (n, 1), high - 0.08 * span, high + 0.3 * span),
        )
        slopes = (1 / uniform(generator, (n, 1), 30.0, 400.0, log=True), 1 / uniform(generator, (n, 1), 30.0, 400.0, log=True))
        rolled = sigmoid_window(wavenumber, edges, slopes).clamp(min=1e-3).log()
        log_i += torch.where(pick(generator, n, 0.5), rolled, 0.0)
        log_i += _smooth_log_curve(n, wavenumber, generator, strength=(3e-3, 0.5), period_cm1=(700.0, 5000.0), terms=4)
        log_i += _smooth_log_curve(n, wavenumber, generator, strength=(2e-4, 0.04), period_cm1=(150.0, 700.0), terms=2)
        return (log_i - log_i.amax(1, keepdim=True)).clamp(min=-7).exp()

    def _measured(self, wavenumber: Tensor) -> Tensor:
        """The measured excitation (W,) on the axis, positive, maximum 1."""
        at, counts = np.array(self.excitation, dtype=np.float64).T
        curve = torch.from_numpy(np.interp(wavenumber.cpu().double().numpy(), at, counts)).to(wavenumber)
        return (curve / curve.amax()).clamp(min=1e-3)


def _step(wavenumber: Tensor) -> float:
    """Mean spacing of the axis (W,), cm⁻¹."""
    return float(wavenumber[-1] - wavenumber[0]) / max(1, wavenumber.numel() - 1)


def _smooth_log_curve(
    n: int, wavenumber: Tensor, generator: Generator, *, strength: tuple[float, float], period_cm1: tuple[float, float], terms: int
) -> Tensor:
    """A random sum of slow cosines (N, W), for the logarithm of an excitation."""
    period = uniform(generator, (n, terms), *period_cm1, log=True)
    amplitude = uniform(generator, (n, 1), *strength, log=True) * torch.rand((n, terms), generator=generator, device=generator.device)
    return cosine_series(wavenumber, period, amplitude, uniform(generator, (n, terms), 0, 2 * math.pi))
