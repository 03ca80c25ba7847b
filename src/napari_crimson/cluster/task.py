"""What travels to the workers: a block that is read, corrected and written where it is called, and a trial of all that it needs."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path
from socket import gethostname
from typing import Any, ClassVar

import dask
import dask.array as da

from napari_crimson.blocks import Region
from napari_crimson.correction import Correction
from napari_crimson.errors import CrimsonError, DamagedError, UnreachableError
from napari_crimson.faults import persist
from napari_crimson.remover import Remover
from napari_crimson.results.store import write_block
from napari_crimson.stream import correct_block, read_block

__all__ = ["PACKAGE", "Plan", "Task", "Trial", "own_version", "part", "to_send"]

PACKAGE = "napari-crimson"


@cache
def own_version() -> str:
    """The version of the package in this process."""
    return installed_version(PACKAGE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What all blocks share."""

    correct: Correction
    path: Path
    dims: tuple[str, ...]
    names: tuple[str, ...]
    version: str = field(default_factory=own_version)

    def check_version(self) -> None:
        """Refuse to work beside another version: workers may join at any time."""
        here = own_version()
        if here != self.version:
            raise CrimsonError(f"a worker on {gethostname()} has napari-crimson {here}, the others {self.version}; install the same there")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Task:
    """One block, done where it is called."""

    __name__: ClassVar[str] = "correct_block"  # dask shows it; without one it prints the task, arrays and all, at each submission

    plan: Plan
    cars: da.Array
    region: Region

    def __call__(self) -> tuple[int, str]:
        """Read, correct and write; gives the bad pixels, and why the block could not be read."""
        self.plan.check_version()
        spectra, damage = read_block(self.cars, tuple(slice(0, size) for size in self.cars.shape[:-1]))
        results, bad = correct_block(spectra, self.plan.correct)
        persist(lambda: write_block(self.plan.path, self.plan.names, self.plan.dims, self.region, results))
        return bad, damage


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """All that a task needs, tried out on a worker ahead of any work."""

    plan: Plan
    pixel: da.Array

    def __call__(self) -> dict[str, Any]:
        """Look at input and output, and load the remover; gives what the worker runs on."""
        path = self.plan.path
        if not (path / "zarr.json").is_file() or not os.access(path, os.W_OK):
            raise CrimsonError(f"cannot write to {path}; the output must lie where all workers see it by the same path")
        self.plan.correct.check()
        with suppress(DamagedError):  # which costs a block its pixels, and no more
            self._read()
        return self.plan.correct.loaded.provenance

    def _read(self) -> None:
        """Read a pixel, at once or not at all: what a worker does not see now is a matter of its folders, not of patience."""
        try:
            self.pixel.compute(scheduler="synchronous")  # type: ignore[no-untyped-call]
        except (UnreachableError, OSError) as error:
            raise CrimsonError(f"cannot read the stack ({error}); it must lie where all workers see it by the same path") from error


def to_send(correct: Correction, device: str) -> Correction:
    """A correction that can travel: a remover that has a name goes by it, and is loaded once in each process."""
    from distributed.protocol import pickle

    remover = correct.remover
    if isinstance(remover, Remover) and remover.recipe is not None:
        name, _, precision = remover.recipe
        remover = (name, device, precision)
    sent = replace(correct, remover=remover)
    try:
        pickle.dumps(sent)
    except Exception as error:  # whatever it holds may object in its own words
        name = remover.name if isinstance(remover, Remover) else remover[0]
        raise CrimsonError(
            f"remover '{name}' cannot be sent to workers ({type(error).__name__}: {error}); "
            "write it as a function that holds no files, locks or windows, or use one that is known by name"
        ) from error
    return sent


def part(cars: da.Array, region: Region) -> da.Array:
    """A region of a stack with no more of its graph than that takes."""
    alone: da.Array
    (alone,) = dask.optimize(cars[region])  # type: ignore[attr-defined, no-untyped-call]
    return alone
