"""One pass of a network over spectra as stored, all of it on the device where the network is.

What `Remover` does for others on the host is done here by the device: counts become floats and lose their dark, and pixels that hold no
spectrum come back as NaN, alone. So counts cross the bus as they are, half the size of floats, and results in the dtype that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_crimson.networks import Network
from napari_crimson.networks.grid import network_grid, resampling_matrix
from napari_crimson.spectra import AT_FULL_SCALE, FULL_SCALE, float_spectra

__all__ = ["Axis", "Pass", "as_taken"]

_TAKEN = ("uint8", "int8", "uint16", "int16", "float32")  # exact as float32, saturated counts among them
_STEPS = (1, 2, 2)  # runs of 2, 4, and 6 neighbours at the very same maximum: a detector or converter at its end


class Axis:
    """A spectral axis, the network's grid for it, and the way there and back."""

    def __init__(self, wavenumber: NDArray[np.float64], device: str) -> None:
        source = torch.from_numpy(wavenumber.copy())  # xarray lends its axis read-only
        grid = network_grid(source)
        self.wavenumber = wavenumber.copy()
        self.step = float(grid[1] - grid[0])
        self.grid = grid.to(device, torch.float32)
        same = grid is source
        self._there = None if same else resampling_matrix(source, grid).to(device)
        self._back = None if same else resampling_matrix(grid, source).to(device)

    def forward(self, spectra: Tensor) -> Tensor:
        """(N, W) → (N, G)."""
        return spectra if self._there is None else spectra @ self._there

    def back(self, spectra: Tensor) -> Tensor:
        """(N, G) → (N, W)."""
        return spectra if self._back is None else spectra @ self._back

    def describe(self) -> str:
        """The grid in words, for the record."""
        return f"{self.grid.numel()} points, {self.step:.3g} cm-1" + ("" if self._there is None else ", resampled")


@dataclass(frozen=True, eq=False, kw_only=True)
class Pass:
    """What a pass does to spectra (n, W) as stored.

    Attributes
    ----------
    network : Network
    axis : Axis
    dark : Tensor, shape (W,), optional
    reference : Tensor, shape (1, G)
        On the network's grid.
    uncertainty : bool
    dtype : torch.dtype
        Of the results.
    """

    network: Network
    axis: Axis
    dark: Tensor | None
    reference: Tensor
    uncertainty: bool
    dtype: torch.dtype

    @torch.inference_mode()
    def __call__(self, stored: Tensor) -> list[Tensor]:
        """Results (n, W), the deviation second where asked for; NaN where a spectrum is bad, constant or clipped."""
        on_cpu = stored.device.type == "cpu"  # a GPU would have to be waited for to tell what its spectra are like
        spectra = stored.float()
        top = spectra.amax(1, keepdim=True)
        at_top = spectra == top
        whole = ~_neighbours(at_top)
        full = torch.isin(top[:, 0], torch.tensor(FULL_SCALE, device=top.device)) & (at_top.sum(1) >= AT_FULL_SCALE)  # as `saturated`
        whole &= ~full
        if not stored.is_floating_point():
            whole &= top[:, 0] < torch.iinfo(stored.dtype).max
        spectra = spectra if self.dark is None else spectra - self.dark
        lowest, highest = spectra.amin(1), spectra.amax(1)
        sound = lowest.isfinite() & highest.isfinite() & (highest > 0)
        if on_cpu and not sound.any():
            return [torch.full(stored.shape, torch.nan, dtype=self.dtype) for _ in range(1 + self.uncertainty)]
        if not (on_cpu and sound.all()):
            # as many spectra as without bad ones: the last bits of a matrix product may depend on its size
            one = spectra.index_select(0, sound.byte().argmax().view(1))  # by a number it would have to be waited for
            spectra = torch.where(sound.unsqueeze(1), spectra, one)
        task = self.axis.forward(spectra), self.axis.grid, self.reference
        answers = [self.axis.back(answer) for answer in self.network(*task, deviation=self.uncertainty)]
        good = sound & whole
        if not (on_cpu and good.all()):
            answers = [answer.masked_fill(~good.unsqueeze(1), torch.nan) for answer in answers]
        return [answer.to(self.dtype) for answer in answers]


def as_taken(spectra: NDArray[Any], device: str) -> NDArray[Any]:
    """Spectra (N, W) as they are if a pass on this device takes them so, else as floats: MPS knows no 16 bits without a sign."""
    native = spectra if spectra.dtype.isnative else spectra.astype(spectra.dtype.newbyteorder("="))
    return native if native.dtype.name in _TAKEN and device != "mps" else float_spectra(native)


def _neighbours(at_top: Tensor) -> Tensor:
    """Mark (n,) spectra that are constant or clipped, with six neighbours `at_top` (n, W): what is missing cannot be known."""
    for ahead in _STEPS:
        at_top = at_top[:, ahead:] & at_top[:, :-ahead]
    return at_top.any(1)
