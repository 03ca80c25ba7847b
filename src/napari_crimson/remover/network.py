"""`NetworkRemover`: a trained network behind the seam.

Device and precision are settled here; `on_device` holds what is done to a batch, `passes` and `in_flight` how batches are cut
for the cores of a CPU and for a GPU.
"""

from __future__ import annotations

import copy
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_crimson import weights
from napari_crimson.device import CPU_CORES, inference_dtype, is_full, is_lost, keep_freed_memory, may_fall_back, one_core, resolve_device
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network, build
from napari_crimson.networks.grid import grid_step
from napari_crimson.priority import as_here, leave_cores
from napari_crimson.remover.base import Remover, Spectra, Task
from napari_crimson.remover.in_flight import InFlight
from napari_crimson.remover.on_device import Axis, Pass, as_taken
from napari_crimson.remover.passes import Passes

__all__ = ["NetworkRemover"]

_log = logging.getLogger(__name__)

_FEWEST_TRUSTED = 128
_HOLE = 1.6  # times the mean step
_SLACK = 0.02  # of the range of training, beyond which an axis may go
_falling_back = Lock()


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
        if device == "cpu":
            keep_freed_memory()
        if device.startswith("cuda") and self.dtype == torch.float32:
            torch.backends.cudnn.allow_tf32 = False  # or convolutions would keep three digits
        try:
            self.network = network.to(device, self.dtype).eval().requires_grad_(False)
            if device != "cpu":
                _try(self.network, device)
            self._in_flight = None if device == "cpu" else InFlight(device)
        except RuntimeError as error:
            if not (is_full(error) or is_lost(error)):
                raise
            what = " ".join(str(error).split())[:200]
            raise CrimsonError(
                f"{device} cannot take the network: {what}; close the programs that use it (nvidia-smi lists them), or take device='cpu'"
            ) from error
        self._passes = Passes(f"{self.card['network']} {self.card.get('arguments', {})}, {self.dtype}")
        self._axis: Axis | None = None

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
        remover = cls(network, card, device=device, precision=precision)
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
        mean, sd = self._answer(spectra, Task(wavenumber=wavenumber, reference=reference, uncertainty=True))
        return mean, sd

    def _answer(self, spectra: NDArray[Any], task: Task) -> list[NDArray[Any]]:
        results = [np.empty(spectra.shape, task.dtype) for _ in range(1 + task.uncertainty)]
        if not len(spectra):
            return results
        ran_on = self.device
        taken = as_taken(spectra, ran_on)
        try:
            self._run(taken, task, results)
        except RuntimeError as error:
            if not is_lost(error):
                raise
            with _falling_back:
                if self.device == ran_on and not self._lost:  # nor has another thread met it
                    self._fall_back(error)
            self._run(taken, task, results)
        return results

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

    def _run(self, spectra: NDArray[Any], task: Task, results: list[NDArray[Any]]) -> None:
        """Fill `results` (N, W)."""
        axis, wavenumber = self._axis, task.wavenumber
        if axis is None or not np.array_equal(axis.wavenumber, wavenumber):
            axis = self._axis = Axis(wavenumber, self.device)  # the local one is used: threads may bring axes of their own
            if doubts := self.doubts(wavenumber):  # once for an axis
                warnings.warn(doubts, stacklevel=5)
        ref = np.ones(wavenumber.size, dtype=np.float32) if task.reference is None else task.reference
        one = Pass(
            network=self.network,
            axis=axis,
            dark=None if task.dark is None else torch.from_numpy(task.dark.copy()).to(self.device),
            reference=axis.forward(torch.from_numpy(ref.copy()).to(self.device).unsqueeze(0)),
            uncertainty=task.uncertainty,
            dtype=torch.float16 if task.dtype == np.float16 else torch.float32,
        )
        if self._in_flight is None:
            self._on_cores(one, spectra, results)
        else:
            self._in_flight.run(one, spectra, results, max(axis.grid.numel(), wavenumber.size))

    def _on_cores(self, one: Pass, spectra: NDArray[Any], results: list[NDArray[Any]]) -> None:
        """Run the network over batches, one to a core at a time."""
        cuts = self._passes.cut(len(spectra), one.axis.grid.numel())

        def in_turn(rows: slice) -> None:
            with leave_cores(), one_core(), self._passes.timed(rows):
                for result, answer in zip(results, one(torch.from_numpy(np.ascontiguousarray(spectra[rows]))), strict=True):
                    result[rows] = answer.numpy()

        if len(cuts) == 1:
            in_turn(cuts[0])
            return
        with ThreadPoolExecutor(min(len(cuts), CPU_CORES), "crimson-network", initializer=as_here()) as pool:
            list(pool.map(in_turn, cuts))  # listing them raises what a batch raised

    def doubts(self, wavenumber: NDArray[np.float64]) -> str:
        """Where this axis lies outside of the ranges of the card; see `Remover`."""
        recipe = self.card.get("recipe", {})
        low, high = float(wavenumber[0]), float(wavenumber[-1])
        step = (high - low) / max(1, wavenumber.size - 1)
        gap = float(np.diff(wavenumber).max(initial=0.0))
        hole = gap if gap > _HOLE * step else 0.0  # filled by a straight line; the steps of a grating differ by less
        finest, coarsest = recipe.get("step_cm1", (0.0, np.inf))
        first, last = recipe.get("range_cm1", (-np.inf, np.inf))
        slack = _SLACK * (last - first) if np.isfinite(last - first) else 0.0
        beyond = []
        if step < finest * 0.99 or max(step, hole) > coarsest * 1.01:
            strange = step if step < finest * 0.99 else max(step, hole)
            beyond.append(f"steps of {finest:g} to {coarsest:g} cm⁻¹, this axis has {strange:.3g}")
        if low < first - slack or high > last + slack:
            beyond.append(f"{first:g} to {last:g} cm⁻¹, this axis goes from {low:.5g} to {high:.5g}")
        # a range of training may be too short for its points at coarse steps
        shortest = min(recipe.get("points", (0,))[0], (last - first) / grid_step(coarsest)) * grid_step(step)
        if wavenumber.size < _FEWEST_TRUSTED:
            beyond.append(f"{_FEWEST_TRUSTED} points and more, this axis has {wavenumber.size}")
        elif high - low < 0.98 * shortest:
            beyond.append(f"axes of {shortest:.0f} cm⁻¹ and longer at this step, this one has {high - low:.0f}")
        return f"'{self.name}' was trained on {'; on '.join(beyond)}: do not trust it here" if beyond else ""


def _try(network: Network, device: str) -> None:
    """Have one spectrum corrected."""
    spectrum = torch.ones(1, _FEWEST_TRUSTED, device=device)
    with torch.inference_mode():
        network(spectrum, torch.linspace(800.0, 1800.0, _FEWEST_TRUSTED, device=device), spectrum)[0].cpu()  # waits for it
