"""Preparation of a stack ahead of the removal.

Each step takes a stack and gives a new one: lazy, with a line in its history, the one given unchanged.

- `counts`: dark, residual offset, noise of the reference;
- `spikes`: cosmic rays;
- `anscombe`: variance stabilisation and back;
- `svd`, with `gram` and `rank`: denoising by singular value decomposition;
- `axis`: crop, resample, calibrate, wavelengths and wavenumbers;
- `scan_axis`: the axis of a scan that brings none.
"""

from napari_crimson.prepare.anscombe import NoiseModel, anscombe, inverse_anscombe, restore_counts, stabilise_variance
from napari_crimson.prepare.axis import calibrate_axis, crop, replace_axis, resample, shift_from_wavelengths, wavelength_from_shift
from napari_crimson.prepare.counts import smooth_reference, subtract_dark, subtract_offset
from napari_crimson.prepare.scan_axis import axis_from_beams, axis_from_lines
from napari_crimson.prepare.spikes import SpikeSettings, remove_spikes
from napari_crimson.prepare.svd import Decomposition, SVDSettings, decompose, denoise_svd

__all__ = [
    "Decomposition",
    "NoiseModel",
    "SVDSettings",
    "SpikeSettings",
    "anscombe",
    "axis_from_beams",
    "axis_from_lines",
    "calibrate_axis",
    "crop",
    "decompose",
    "denoise_svd",
    "inverse_anscombe",
    "remove_spikes",
    "replace_axis",
    "resample",
    "restore_counts",
    "shift_from_wavelengths",
    "smooth_reference",
    "stabilise_variance",
    "subtract_dark",
    "subtract_offset",
    "wavelength_from_shift",
]
