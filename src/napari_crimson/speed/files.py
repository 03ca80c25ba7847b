"""From file to file: a simulated stack on disk, corrected into Zarr, beside the same spectra in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.io import open_stack, save_stack
from napari_crimson.phantom import simulate_stack
from napari_crimson.remove import remove_background
from napari_crimson.remover import Remover
from napari_crimson.speed.measure import Job

__all__ = ["FORMATS", "Sample", "file_jobs", "simulate_sample"]

FORMATS = {"Zarr": "stack.zarr", "HDF5": "stack.h5"}


@dataclass(frozen=True, eq=False)
class Sample:
    """A stack as measured, and the same in memory as a remover takes it: spectra (N, W) and reference (W,) without dark."""

    stack: xr.Dataset
    spectra: NDArray[np.float32]
    wavenumber: NDArray[np.float64]
    reference: NDArray[np.float32]

    def correct(self, remover: Remover, count: int | None = None) -> Callable[[], object]:
        """The removal alone, of the first `count` spectra."""
        return lambda: remover(self.spectra[:count], self.wavenumber, self.reference)


def simulate_sample(spectra: int) -> Sample:
    """Simulate a square stack of `spectra` or some more, uint16, 1000 points each."""
    side = int(np.ceil(np.sqrt(spectra)))
    stack = simulate_stack((side, side))[["cars", "dark", "reference"]]
    dark = stack["dark"].values.astype(np.float32)
    cars = stack["cars"].values.reshape(side * side, -1).astype(np.float32) - dark
    return Sample(stack, cars, stack["wavenumber"].values, stack["reference"].values.astype(np.float32) - dark)


def file_jobs(sample: Sample, removers: list[Remover], folder: Path) -> list[Job]:
    """Write the sample into a folder; give, of each remover, the job in memory and that from each format, named `<remover> <place>`."""
    for file in FORMATS.values():
        save_stack(sample.stack, folder / file)
    count = len(sample.spectra)
    jobs = []
    for number, remover in enumerate(removers):
        jobs.append(Job(name=f"{remover.name} memory", work=sample.correct(remover), amount=count))
        for place, file in FORMATS.items():
            output = folder / f"result-{number}-{place}.zarr"
            work, after = _correct_file(folder / file, remover, output), _remove(output)
            jobs.append(Job(name=f"{remover.name} {place}", work=work, amount=count, after=after))
    return jobs


def _correct_file(file: Path, remover: Remover, output: Path) -> Callable[[], object]:
    return lambda: remove_background(open_stack(file), remover, output=output)


def _remove(output: Path) -> Callable[[], object]:
    return lambda: shutil.rmtree(output)
