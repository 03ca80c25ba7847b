"""What a network sees of a spectrum: channels computed from the intensity and the reference.

Scaling lives here, so that it is the same in training and in use: multiplying a spectrum by a constant
changes no channel. The channels are made in float32, whatever the precision of the layers behind:
a line of 1 % on a background of 1 would be lost in bfloat16 otherwise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["CHANNELS", "CHANNEL_NAMES", "INPUTS", "features", "susceptibility_features"]

CHANNELS = 9
_FLOOR = 3e-3  # of the mean intensity: below it a logarithm would show noise only
_SMOOTHING_POINTS = 40.0  # standard deviation of the Gaussian between background and lines
_PEAK_TO_RMS = 8.0  # typical of simulated spectra, so that the strongest line of an answer is about 1


def features(cars: Tensor, wavenumber: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Channels of each spectrum, and its amplitude.

    Parameters
    ----------
    cars : Tensor, shape (N, W), float32
        Intensities.
    reference : Tensor, shape (N, W) or (1, W), float32
        Reference intensities; 1 throughout means there is none.
    wavenumber : Tensor, shape (W,)
        Uniform, ascending, cm⁻¹.

    Returns
    -------
    channels : Tensor, shape (N, 9, W)
        ln of the ratio to the reference and its gradient; its Kramers–Kronig phase, as it is and, without its
        slow part, relative to the amplitude; the same for ln; ln of the reference; the axis; the spacing; ln of
        the amplitude.
    amplitude : Tensor, shape (N, 1)
        Estimate of the strongest line of r = Im χ_R/χ_NR, or of its noise: from the fast part of the phase where
        there is light. Answers are given relative to it, so that half the lines give half the answer.
    """
    log_reference = _safe_log(reference)
    log_cars = _safe_log(cars)
    log_ratio = log_cars - log_reference
    log_ratio = log_ratio - log_ratio.mean(1, keepdim=True)
    phase, fast_phase, fast_log = _phase_and_fast_parts(log_ratio)
    light = log_cars.exp()
    lit = light / (light + 0.2)
    weight = lit * lit * lit
    rms = ((weight * fast_phase.square()).sum(1, keepdim=True) / weight.sum(1, keepdim=True)).sqrt()
    amplitude = (_PEAK_TO_RMS * rms).clamp(0.01, 8.0)

    axis = (wavenumber - 2000.0) / 1000.0
    step = ((wavenumber[-1] - wavenumber[0]) / (wavenumber.numel() - 1)).log()
    centred_reference = log_reference - log_reference.mean(1, keepdim=True)
    channels = (
        log_ratio,
        4.0 * _gradient(log_ratio) / (amplitude + 0.02),
        phase,
        4.0 * fast_phase / amplitude,
        2.0 * fast_log / amplitude,
        centred_reference.expand_as(cars),
        axis.expand_as(cars),
        step.expand_as(cars),
        (0.5 * amplitude.log() + 1.0).expand_as(cars),
    )
    return torch.stack(channels, dim=1).clamp_(-12.0, 12.0), amplitude


def susceptibility_features(cars: Tensor, wavenumber: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Channels for the published simulated sets, whose answer Im χ_R has max|χ_R| = 1; the amplitude is 1.

    Where χ_R outweighs χ_NR, lines show in the intensity itself and not only in its logarithm. Parameters and shapes as
    for `features`; there is no reference in these sets, and it is not looked at.

    Returns
    -------
    channels : Tensor, shape (N, 9, W)
        Intensity over its rms, its root and its gradient; ln of it and its gradient; Kramers–Kronig phase, the same without its slow
        part; ln without its slow part; the place on the axis, −1 to 1.
    amplitude : Tensor, shape (N, 1)
    """
    relative = cars / cars.square().mean(1, keepdim=True).sqrt().clamp(min=torch.finfo(torch.float32).tiny)
    log = _safe_log(cars)
    phase, fast_phase, fast_log = _phase_and_fast_parts(log)
    place = torch.linspace(-1.0, 1.0, cars.shape[1], device=cars.device)
    channels = (
        relative,
        relative.clamp(min=0).sqrt(),
        4.0 * _gradient(relative),
        log,
        2.0 * _gradient(log),
        phase,
        2.0 * fast_phase,
        fast_log,
        place.expand_as(cars),
    )
    return torch.stack(channels, dim=1).clamp_(-12.0, 12.0), torch.ones_like(cars[:, :1])


INPUTS = {"relative": features, "susceptibility": susceptibility_features}

CHANNEL_NAMES = {  # of INPUTS, in their order, for people
    "relative": (
        "ln ratio", "gradient of ln ratio", "KK phase", "fast KK phase", "fast ln ratio", "ln reference", "axis", "spacing", "ln amplitude",
    ),
    "susceptibility": (
        "intensity", "root of intensity", "gradient", "ln", "gradient of ln", "KK phase", "fast KK phase", "fast ln", "place",
    ),
}  # fmt: skip


def _gradient(x: Tensor) -> Tensor:
    """Difference of neighbours (N, W), 0 at the first point."""
    return torch.nn.functional.pad(x[:, 1:] - x[:, :-1], (1, 0))


def _safe_log(intensity: Tensor) -> Tensor:
    """Natural logarithm of each spectrum over its mean, bending smoothly to a floor at and below zero."""
    mean = intensity.clamp(min=0).mean(1, keepdim=True)
    # a second mean without what towers over the first: a bad edge must not set the scale
    mean = torch.minimum(intensity.clamp(min=0), 4 * mean).mean(1, keepdim=True)
    x = intensity / mean.clamp(min=torch.finfo(torch.float32).tiny)
    return (0.5 * (x + (x * x + 4 * _FLOOR**2).sqrt())).clamp(max=1e3).log()


def _phase_and_fast_parts(log_ratio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Phase ½ H{x} of (N, W), and phase and x without what varies slowly: two filters on one transform.

    x and its mirror image are even, and so is what a filter leaves of them; their Hilbert transform is odd. So both fast parts come out
    of one transform, as its odd and its even half.
    """
    points = log_ratio.shape[-1]
    spectrum = torch.fft.rfft(torch.cat([log_ratio, log_ratio.flip(-1)], dim=-1))
    frequency = torch.fft.rfftfreq(2 * points, device=log_ratio.device)
    fast = 1 - torch.exp(-2 * (math.pi * _SMOOTHING_POINTS * frequency) ** 2)
    # at 0 it would be imaginary, which a real signal has not; cuFFT does not always pass over it
    turned = torch.where(frequency > 0, -0.5, 0.0)
    filters = torch.stack([torch.complex(torch.zeros_like(turned), turned), torch.complex(fast, turned * fast)])
    phase, both = torch.fft.irfft(spectrum * filters.unsqueeze(1), n=2 * points)
    ahead, mirrored = both[:, :points], both[:, points:].flip(-1)
    return phase[:, :points], 0.5 * (ahead - mirrored), 0.5 * (ahead + mirrored)
