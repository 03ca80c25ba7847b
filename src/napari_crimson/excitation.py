"""The excitation that the pixels of one stack share, estimated from them, for a stack without a reference.

One spectrum does not tell a broad band from the light it was measured with. A stack does so better: the light is the same in
all its pixels, the sample is not. Each pixel is corrected by itself, which says what light would have given its intensity;
where its deviation is small, it is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.analysis.sample import draw_sample
from napari_crimson.carried import changed_settings, steps_of, with_steps
from napari_crimson.correction import Settings, plan_correction
from napari_crimson.errors import CrimsonError
from napari_crimson.prepare.step import changed, lazy_cars, map_spectra
from napari_crimson.remover import load_remover
from napari_crimson.resynthesis.spectra import fit_excitation, intensity_ratio, levels
from napari_crimson.spectra import float_spectra

__all__ = ["ExcitationSettings", "estimate_reference"]

Network = Literal["rnn", "cnn"]

_SURE = 1e-3  # of χ_NR: below it a deviation says nothing of which pixel knows the light better


@dataclass(frozen=True, kw_only=True)
class ExcitationSettings:
    """Choices of the estimate.

    Attributes
    ----------
    remover : {"rnn", "cnn"}
        The network that corrects the pixels for it.
    pixels : int
        Pixels to correct, drawn evenly.

    Raises
    ------
    CrimsonError
        If a value is out of its range.
    """

    remover: Network = "rnn"
    pixels: int = 512

    def __post_init__(self) -> None:
        if self.remover not in get_args(Network):
            raise CrimsonError(f"remover {self.remover!r}: give rnn or cnn, which tell their deviation")
        if self.pixels < 1:
            raise CrimsonError(f"pixels {self.pixels}: give a number from 1 up, such as 512")


def estimate_reference(
    ds: xr.Dataset, settings: ExcitationSettings | None = None, *, progress: Callable[[float], object] | None = None
) -> xr.Dataset:
    """Estimate the reference from the stack itself: the light that all its pixels share.

    Some pixels are corrected without a reference; I/|1 + ρ|², ρ = χ_R/χ_NR, is the light of each, and their mean, weighted by
    the inverse fourth power of the deviation, the estimate. It has the errors that all pixels have in common: a band that every
    pixel has alike stays as doubtful as in one spectrum, and of a sample of a single substance a network's answers become worse
    with it (docs/prepare.md). Kramers–Kronig gains nearly always. A measured reference is better.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack. It is read once.
    settings : ExcitationSettings, optional
        By default 512 pixels by `rnn`.
    progress : callable, optional
        Called with the fraction read, 0 to 1; whatever it raises ends the work.

    Returns
    -------
    xarray.Dataset
        With `reference` (W,), float64 counts, in place of any that was there; where the stack has a dark it is in it, as in a
        measured one. The intensities are left as they are.

    Raises
    ------
    CrimsonError
        If no pixel holds a spectrum that can be corrected, or the network refuses the axis.
    """
    settings = settings or ExcitationSettings()
    sample = draw_sample(map_spectra(float_spectra, lazy_cars(ds)), settings.pixels, np.random.default_rng(0), progress=progress)
    axis = ds["wavenumber"].values
    seen = ds.drop_vars("reference", errors="ignore").isel(wavenumber=sample.bands)
    remover = load_remover(settings.remover, device="cpu", precision="float32")  # a run that goes on must find the same again
    _, correction = plan_correction(seen, remover, Settings(reference=None, uncertainty=True))
    lit, dark = correction.lit, 0.0 if correction.dark is None else correction.dark.astype(np.float64)
    answer = correction(sample.spectra)
    light = sample.spectra.astype(np.float64) - dark
    sound = np.isfinite(answer["raman"][:, lit]).all(axis=1)
    if not sound.any():
        raise CrimsonError(f"none of {len(light)} pixels could be corrected: saturated or without light; look at the stack and its dark")
    r, sd = (answer[name][sound, lit].astype(np.float64) for name in ("raman", "uncertainty"))
    shared = np.median(light[sound], axis=0)  # stays so in bands without light
    shared[lit] = _shared(light[sound, lit] / intensity_ratio(r), sd)
    reference = np.interp(axis, axis[sample.bands], shared + dark)
    note = f"reference estimated from {int(sound.sum())} pixels of the stack with {remover.name}"
    done = changed(ds, note, reference=("wavenumber", reference))
    return with_steps(done, [*steps_of(ds), {"name": "estimate_reference", **changed_settings(settings)}])


def _shared(quotient: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light (W,) that spectra I/|1 + ρ|² (N, W) share, each with its own power; `sd` of r tells where each is to be believed."""
    level = levels(quotient, fit_excitation(quotient))
    lit = level[:, 0] > 0
    weight = (sd[lit] ** 2 + _SURE**2) ** -2.0
    mean: NDArray[np.float64] = (quotient[lit] / level[lit] * weight).sum(axis=0) / weight.sum(axis=0)
    light: NDArray[np.float64] = np.maximum(mean, 1e-6 * mean.max()) * np.median(level)
    return light
