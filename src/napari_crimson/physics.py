"""The physics of CARS as batched tensor code: susceptibility, excitation, intensity, noise, phase.

Shapes: N spectra, K lines, W wavenumbers; spectra last. Everything runs on the device and in the dtype
of its inputs; randomness is an explicit `torch.Generator` on that device.

    I(ω) = I_S(ω) · |χ_NR(ω) + χ_R(ω)|²,   χ_R(ω) = Σ_k A_k / (Ω_k − ω − iΓ_k)

after Camp, Lee, Cicerone, J. Raman Spectrosc. 47, 408 (2016), doi:10.1002/jrs.4824.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = [
    "add_noise",
    "cars_intensity",
    "cosine_series",
    "drawn_out",
    "gaussian_broadening",
    "resonant_chi3",
    "sigmoid_window",
    "spectral_phase",
    "uniform",
]


def uniform(
    generator: torch.Generator, shape: tuple[int, ...], low: float | Tensor = 0.0, high: float | Tensor = 1.0, *, log: bool = False
) -> Tensor:
    """Draw from U(low, high), or from the log-uniform distribution between them, on the generator's device."""
    u = torch.rand(shape, generator=generator, device=generator.device)
    if log:
        a, b = (torch.as_tensor(v, device=u.device, dtype=u.dtype).log() for v in (low, high))
        return (a + u * (b - a)).exp()
    return low + u * (high - low)


def resonant_chi3(wavenumber: Tensor, amplitude: Tensor, position: Tensor, hwhm: Tensor) -> tuple[Tensor, Tensor]:
    """Resonant susceptibility of Lorentzian lines.

    Parameters
    ----------
    wavenumber : Tensor, shape (W,)
        cm⁻¹.
    amplitude, position, hwhm : Tensor, shape (N, K)
        A, Ω and Γ in cm⁻¹; Γ is the half width at half maximum, A/Γ the height of Im χ_R.
        Absent lines have A = 0 and stand behind the present ones.

    Returns
    -------
    real, imag : Tensor, shape (N, W)
        Re χ_R and Im χ_R.
    """
    count = (amplitude != 0).sum(1)
    order = count.argsort(descending=True)
    amplitude, position, hwhm = (v[order].unsqueeze(2) for v in (amplitude, position, hwhm))
    active = (count.unsqueeze(1) > torch.arange(amplitude.shape[1], device=count.device)).sum(0).tolist()

    real = wavenumber.new_zeros(count.numel(), wavenumber.numel())
    imag = torch.zeros_like(real)
    # Line by line over the spectra that have one: the work is Σ K, and the temporaries stay in the cache.
    for k, n in enumerate(active):
        if n == 0:
            break
        a, width = amplitude[:n, k], hwhm[:n, k]
        detuning = position[:n, k] - wavenumber
        lorentz = a / torch.addcmul(width * width, detuning, detuning)
        real[:n].addcmul_(lorentz, detuning)
        imag[:n].addcmul_(lorentz, width)
    back = order.argsort()
    return real[back], imag[back]


def gaussian_broadening(spectra: Tensor, sigma_points: Tensor) -> Tensor:
    """Convolve each of `spectra` (N, W) with a Gaussian of standard deviation `sigma_points` (N,), in samples.

    The ends wrap around: give spectra with a margin of some 4 σ and cut it off.
    """
    points = spectra.shape[-1]
    frequency = torch.fft.rfftfreq(points, device=spectra.device)
    transfer = torch.exp(-2 * (math.pi * frequency * sigma_points.unsqueeze(1)) ** 2)
    broadened: Tensor = torch.fft.irfft(torch.fft.rfft(spectra) * transfer, n=points)
    return broadened


def cars_intensity(excitation: Tensor, chi_nr: Tensor, real: Tensor, imag: Tensor) -> Tensor:
    """I_S · |χ_NR + χ_R|², all (N, W)."""
    total = chi_nr + real
    return excitation * torch.addcmul(imag * imag, total, total)


def sigmoid_window(x: Tensor, centre: tuple[Tensor, Tensor], slope: tuple[Tensor, Tensor]) -> Tensor:
    """Product of a rising and a falling sigmoid on `x` (W,); centres and slopes (N, 1). Shape (N, W)."""
    rise = torch.sigmoid(slope[0] * (x - centre[0]))
    return rise * torch.sigmoid(-slope[1] * (x - centre[1]))


def cosine_series(wavenumber: Tensor, period: Tensor, amplitude: Tensor, phase: Tensor) -> Tensor:
    """Σ_k amplitude · cos(2π ω/period + phase) for (N, K) parameters: a smooth random curve. Shape (N, W)."""
    curve = wavenumber.new_zeros(period.shape[0], wavenumber.numel())
    for k in range(period.shape[1]):
        curve += amplitude[:, k, None] * torch.cos(2 * math.pi / period[:, k, None] * wavenumber + phase[:, k, None])
    return curve


def add_noise(intensity: Tensor, photons: Tensor, read_noise: Tensor, generator: torch.Generator) -> Tensor:
    """Photon and read-out noise, in the Gaussian limit.

    Parameters
    ----------
    intensity : Tensor, shape (N, W)
        Clean intensity, maximum about 1.
    photons : Tensor, shape (N, 1)
        Detected electrons at intensity 1; the variance there is 1/photons.
    read_noise : Tensor, shape (N, 1)
        Standard deviation in electrons.
    generator : torch.Generator
        Where the noise comes from.
    """
    variance = intensity.clamp(min=0) / photons + (read_noise / photons) ** 2
    noise = torch.randn(intensity.shape, generator=generator, device=generator.device, dtype=intensity.dtype)
    return torch.addcmul(intensity, variance.sqrt_(), noise)


def drawn_out(spectra: Tensor, spacing: Tensor, first: Tensor) -> Tensor:
    """`spectra` (N, W) as if read at every `spacing`-th point (N, 1) alone, from `first` (N, 1) on, and interpolated linearly between.

    Both count in points and need not be whole: what is read is the nearest point. Up to a spacing of 1 a spectrum stays as it is.
    """
    last = spectra.shape[1] - 1
    place = torch.arange(last + 1, device=spectra.device)
    node = ((place - first) / spacing.clamp(min=1.0)).floor()
    left, right = ((first + k * spacing).round().clamp(0, last) for k in (node, node + 1))
    share = ((place - left) / (right - left).clamp(min=1.0)).clamp(0.0, 1.0)
    between = torch.lerp(spectra.gather(1, left.long()), spectra.gather(1, right.long()), share)
    return torch.where(spacing > 1, between, spectra)


def spectral_phase(log_ratio: Tensor) -> Tensor:
    """Phase φ = ½ H{ln(I/I_ref)} of `log_ratio` (..., W), positive at peaks on an ascending axis.

    The Hilbert transform runs by FFT over a mirror image of the spectrum (2 W points), so that the ends meet.
    """
    points = log_ratio.shape[-1]
    spectrum = torch.fft.rfft(torch.cat([log_ratio, log_ratio.flip(-1)], dim=-1))
    phase: Tensor = 0.5 * torch.fft.irfft(spectrum * -1j, n=2 * points)[..., :points]
    return phase
