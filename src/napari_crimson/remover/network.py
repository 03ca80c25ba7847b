"""`NetworkRemover`: a trained network behind the seam.

Device, precision, batches and resampling to the network's grid are settled here and seen nowhere else.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_crimson import weights
from napari_crimson.device import CPU_CORES, inference_dtype, is_lost, may_fall_back, one_core, resolve_device
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network, build
from napari_crimson.networks.grid import network_grid, resampling_matrix
from napari_crimson.priority import as_here, leave_cores
from napari_crimson.remover.base import Remover, Spectra
from napari_crimson.remover.passes import Passes

__all__ = ["NetworkRemover"]

_log = logging.getLogger(__name__)

_GPU_POINTS = 8192 * 1000  # spectra times points of one pass, at most
_FEWEST_TRUSTED = 128
_CLIPPED_POINTS = 6  # neighbours at the very same maximum: a detector or converter at its end


class NetworkRemover(Remover):
    """A network with its card, on a device. Spectra that are constant or clipped come back as NaN.

    Parameters
    ----------
    network : Network
        With its weights loaded.
    card : dict
        What made it; see `napari_crimson.weights`.
    device, precision : str
        As for `load_remover`.

    Raises
    ------
    CrimsonError
        If the device is not there or the precision unknown.
    """

    gives_uncertainty = True
    fewest_points = 16  # and 128 to be trusted

    def __init__(self, network: Network, card: dict[str, Any], *, device: str = "auto", precision: str = "auto") -> None:
        self.name = str(card["name"])
        self.convention = str(card["convention"])
        self.card = card
        self._spare = copy.deepcopy(network) if may_fall_back(device) else None
        self._precision, self._lost = precision, ""
        self._settle(network, resolve_device(device))

    def _settle(self, network: Network, device: str) -> None:
        """Put a network on a device, and see that it works there: a GPU may be taken."""
        self.device = device
        self.dtype = inference_dtype(device, self._precision)
        try:
            self.network = network.to(device, self.dtype).eval().requires_grad_(False)
            if device != "cpu":
                _try(self.network, device)
        except RuntimeError as error:
            if not (isinstance(error, torch.OutOfMemoryError) or is_lost(error)):
                raise
            what = " ".join(str(error).split())[:200]
            raise CrimsonError(
                f"{device} cannot take the network: {what}; close the programs that use it (nvidia-smi lists them), or take device='cpu'"
            ) from error
        self._points = _GPU_POINTS
        self._passes = Passes(f"{self.card['network']} {self.card.get('arguments', {})}, {self.dtype}")
        self._axis: _Axis | None = None

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> NetworkRemover:
        """Load a shipped network by name, or your own by the path of its ``.safetensors``.

        Raises
        ------
        CrimsonError
            If the weights do not match their card, or their card no network of this package.
        """
        tensors, card = weights.load(name_or_path)
        try:
            network = build(card["network"], card.get("arguments", {}))
        except CrimsonError as error:
            raise CrimsonError(f"{name_or_path}: the card asks for what is not here: {error}; get the card again from its place") from error
        try:
            network.load_state_dict(tensors, strict=True)
        except RuntimeError as error:
            what = " ".join(str(error).split())[:400]  # torch writes a paragraph, with each layer's name
            raise CrimsonError(
                f"{name_or_path}: the weights do not fit the network '{card['network']}' of their card ({what}); "
                "get weights and card again from one place"
            ) from error
        remover = cls(network, {"name": Path(name_or_path).stem, **card}, device=device, precision=precision)
        name = str(Path(name_or_path).expanduser().absolute()) if Path(name_or_path).suffix else str(name_or_path)
        remover.recipe = name, device, precision
        return remover

    @property
    def provenance(self) -> dict[str, Any]:
        """Name, convention, checksum of the weights, device, precision and the grid the network worked on."""
        record = {
            **super().provenance,
            "network": self.card["network"],
            "sha256": self.card["sha256"],
            "device": f"{self._lost}, lost, then {self.device}" if self._lost else self.device,
            "precision": str(self.dtype).removeprefix("torch."),
        }
        return record if self._axis is None else {**record, "grid": self._axis.describe()}

    def correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, Spectra]:
        """Correct sound spectra (N, W); see `Remover`."""
        try:
            return self._correct(spectra, wavenumber, reference)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or not is_lost(error):
                raise
            if not self._lost:  # nor has another thread met it
                self._fall_back(error)
        return self._correct(spectra, wavenumber, reference)

    def _fall_back(self, error: RuntimeError) -> None:
        """Take the CPU in place of a device that is lost, if that is allowed."""
        what = " ".join(str(error).split())[:200]
        if self._spare is None:
            raise CrimsonError(
                f"{self.device} was lost at work ({what}); the same call goes on from the finished blocks of an output once it is "
                f"back (it takes a new process), with device='cpu', or, to go on by itself, with device='{self.device}+cpu'"
            ) from error
        _log.warning("%s was lost at work (%s); going on on the CPU", self.device, what)
        self._lost = self.device
        spare, self._spare = self._spare, None
        self._settle(spare, "cpu")

    def _correct(self, spectra: Spectra, wavenumber: NDArray[np.float64], reference: Spectra | None) -> tuple[Spectra, Spectra]:
        axis = self._axis
        if axis is None or not np.array_equal(axis.wavenumber, wavenumber):
            axis = self._axis = _Axis(wavenumber, self.device)  # the local one is used: threads may bring axes of their own
            if doubts := self.doubts(wavenumber):  # once for an axis
                warnings.warn(doubts, stacklevel=4)
        ref = np.ones(wavenumber.size, dtype=np.float32) if reference is None else reference
        on_grid = axis.forward(torch.from_numpy(ref).to(self.device).unsqueeze(0))
        mean, sd = np.empty_like(spectra), np.empty_like(spectra)
        batches = self._on_cores if self.device == "cpu" else self._on_gpu
        for rows, answer, spread in batches(spectra, axis, on_grid):
            mean[rows], sd[rows] = answer, spread
        flat = _flat(spectra)
        mean[flat], sd[flat] = np.nan, np.nan
        return mean, sd

    def _on_cores(self, spectra: Spectra, axis: _Axis, reference: Tensor) -> Iterator[tuple[slice, Spectra, Spectra]]:
        """Run the network over batches, one to a core at a time."""
        cuts = self._passes.cut(len(spectra), axis.grid.numel())

        def answer(rows: slice) -> tuple[slice, Spectra, Spectra]:
            with one_core(), self._passes.timed(rows):
                return rows, *self._run(spectra[rows], axis, reference)

        def in_turn(rows: slice) -> tuple[slice, Spectra, Spectra]:
            with leave_cores():
                return answer(rows)

        if len(cuts) == 1:
            yield in_turn(cuts[0])
            return
        with ThreadPoolExecutor(min(len(cuts), CPU_CORES), "crimson-network", initializer=as_here()) as pool:
            yield from pool.map(in_turn, cuts)

    def _on_gpu(self, spectra: Spectra, axis: _Axis, reference: Tensor) -> Iterator[tuple[slice, Spectra, Spectra]]:
        """Run the network over batches; when the memory is taken, over smaller ones."""
        start = 0
        while start < len(spectra):
            size = max(1, self._points // axis.grid.numel())
            rows = slice(start, min(start + size, len(spectra)))
            try:
                answer = self._run(spectra[rows], axis, reference)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise CrimsonError(
                        f"{self.device} has no memory left for a single spectrum; close other programs, or take device='cpu'"
                    ) from None
                torch.cuda.empty_cache()
                self._points //= 2
                continue
            yield rows, *answer
            start = rows.stop

    def _run(self, spectra: Spectra, axis: _Axis, reference: Tensor) -> tuple[Spectra, Spectra]:
        """Answer and deviation (n, W) of one batch."""
        with torch.inference_mode():
            cars = axis.forward(torch.from_numpy(np.ascontiguousarray(spectra)).to(self.device))
            mean, sd = self.network(cars, axis.grid, reference)
            return axis.back(mean).cpu().numpy(), axis.back(sd).cpu().numpy()

    def doubts(self, wavenumber: NDArray[np.float64]) -> str:
        """Where this axis lies outside of the ranges of the card; see `Remover`."""
        recipe = self.card.get("recipe", {})
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        step = (high - low) / max(1, wavenumber.size - 1)
        finest, coarsest = recipe.get("step_cm1", (0.0, np.inf))
        first, last = recipe.get("range_cm1", (-np.inf, np.inf))
        slack = 0.05 * (last - first) if np.isfinite(last - first) else 0.0
        beyond = []
        if not finest * 0.99 <= step <= coarsest * 1.01:
            beyond.append(f"steps of {finest:g} to {coarsest:g} cm⁻¹, this axis has {step:.3g}")
        if low < first - slack or high > last + slack:
            beyond.append(f"{first:g} to {last:g} cm⁻¹, this axis goes from {low:.5g} to {high:.5g}")
        if wavenumber.size < _FEWEST_TRUSTED:
            beyond.append(f"{_FEWEST_TRUSTED} points and more, this axis has {wavenumber.size}")
        return f"'{self.name}' was trained on {'; on '.join(beyond)}: do not trust it here" if beyond else ""


def _try(network: Network, device: str) -> None:
    """Have one spectrum corrected."""
    spectrum = torch.ones(1, _FEWEST_TRUSTED, device=device)
    with torch.inference_mode():
        network(spectrum, torch.linspace(800.0, 1800.0, _FEWEST_TRUSTED, device=device), spectrum)


def _flat(spectra: Spectra) -> NDArray[np.bool_]:
    """Mark (N,) spectra (N, W) that are constant or clipped, with neighbours all at the maximum: what is missing cannot be known."""
    top = spectra == spectra.max(axis=1, keepdims=True)
    flat: NDArray[np.bool_] = np.zeros(len(spectra), dtype=bool)
    rows = np.flatnonzero(top.sum(axis=1) >= _CLIPPED_POINTS)  # all others are done with in one pass
    run = top[rows]
    for _ in range(_CLIPPED_POINTS - 1):
        run = run[:, 1:] & run[:, :-1]
    flat[rows] = run.any(axis=1)
    return flat


class _Axis:
    """A spectral axis, the network's grid for it, and the way there and back."""

    def __init__(self, wavenumber: NDArray[np.float64], device: str) -> None:
        source = torch.from_numpy(wavenumber.copy())  # xarray lends its axis read-only
        grid = network_grid(source)
        self.wavenumber = wavenumber.copy()
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
        step = float(self.grid[1] - self.grid[0])
        return f"{self.grid.numel()} points, {step:.3g} cm-1" + ("" if self._there is None else ", resampled")
