"""A published network as it is timed: on the cores or the GPU as ours are, in the number format and batch that suit it best here."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_crimson.device import CPU_CORES, inference_dtype, one_core
from napari_crimson.errors import CrimsonError
from napari_crimson.speed.cost import Cost, count_cost
from napari_crimson.speed.published import PUBLISHED

__all__ = ["Contender"]

Spectra = NDArray[np.float32]

_CPU_BATCHES, _GPU_BATCHES = (16, 64, 256), (256, 2048)
_TRIAL = 256  # spectra


class Contender:
    """A published network with random weights. Batches go one to a core, or one after the other to a GPU.

    Parameters
    ----------
    name : str
        In `PUBLISHED`.
    spectra : ndarray, shape (N, W)
        What it will be timed on; number format and batch are chosen on some of them.
    device : str
        As `resolve_device` names it.
    as_published : bool
        In float32, whatever is fastest; its name then says so.

    Raises
    ------
    CrimsonError
        If the device cannot take it.
    """

    def __init__(self, name: str, spectra: Spectra, device: str, *, as_published: bool = False) -> None:
        self.name, self.device = f"{name} float32" if as_published else name, device
        points = spectra.shape[1]
        with torch.random.fork_rng(devices=[]):  # nobody's generator is moved on
            torch.manual_seed(0)
            self.network: nn.Module = PUBLISHED[name](points).eval().requires_grad_(False)
        self.cost: Cost = count_cost(self.network, lambda: self.network(torch.from_numpy(spectra[:1])))
        dtypes = [torch.float32] if as_published else [torch.float32, inference_dtype(device)]
        self.dtype, self.batch = self._fastest(spectra[:_TRIAL], dtypes)
        self.network.to(device, self.dtype)

    def __call__(self, spectra: Spectra) -> Spectra:
        """Spectra (N, W) in the memory of the host → (N, W) there."""
        answers = np.empty_like(spectra)

        def answer(start: int) -> None:
            rows = slice(start, start + self.batch)
            with torch.inference_mode():
                given = torch.from_numpy(spectra[rows]).to(self.device, self.dtype)
                answers[rows] = self.network(given).float().cpu().numpy()

        def answer_on_one_core(start: int) -> None:
            with one_core():
                answer(start)

        starts = range(0, len(spectra), self.batch)
        if self.device == "cpu":
            with ThreadPoolExecutor(CPU_CORES, "crimson-speed") as pool:
                list(pool.map(answer_on_one_core, starts))
        else:
            for start in starts:
                answer(start)
        return answers

    def _fastest(self, spectra: Spectra, dtypes: list[torch.dtype]) -> tuple[torch.dtype, int]:
        """Number format and batch with which it is fastest here."""
        seconds: dict[tuple[torch.dtype, int], float] = {}
        batches = _CPU_BATCHES if self.device == "cpu" else _GPU_BATCHES
        fit = [batch for batch in batches if batch <= len(spectra)] or batches[:1]
        for dtype in dict.fromkeys(dtypes):
            self.dtype = dtype
            self.network.to(self.device, dtype)
            for self.batch in fit:
                try:
                    self(spectra[: self.batch])  # what is done once
                    started = time.perf_counter()
                    self(spectra)
                    seconds[dtype, self.batch] = time.perf_counter() - started
                except torch.OutOfMemoryError:
                    torch.cuda.empty_cache()
        if not seconds:
            raise CrimsonError(f"{self.device} has no memory for {self.name} on {fit[0]} spectra; close other programs or say 'cpu'")
        return min(seconds, key=lambda choice: seconds[choice])
