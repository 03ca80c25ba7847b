"""What a removal will take, told before it begins: blocks, bytes, room for them, time.

`estimate_removal` takes a removal that was planned as a dry run, which has raised by then what the run itself would raise.
The time rests on some spectra of the middle of the stack that are corrected for it, once for each remover, device and axis.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_crimson.blocks import pixels
from napari_crimson.errors import CrimsonError
from napari_crimson.printable import bytes_in_words
from napari_crimson.removal import Removal
from napari_crimson.remover import FunctionRemover
from napari_crimson.results.dry import DrySink
from napari_crimson.stopping import Heed

__all__ = ["Estimate", "estimate_removal", "measure_speed"]

_ENOUGH_S = 0.25  # of work: a speed from less is mostly noise
_FEWEST, _MOST = 16, 4096  # spectra measured with
_TIGHT = 0.5  # of the output: as a rule floats are compressed to no less

_measured: dict[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a removal will take.

    Attributes
    ----------
    sizes : dict
        Of the result by dim, wavenumber last.
    blocks, blocks_done : int
        In all, and of an earlier run that is gone on with.
    pixels_left : int
        Still to be corrected.
    output : Path, optional
        Where results go; None for memory.
    size, room : int
        Bytes of the results, uncompressed, and bytes free there.
    remover, device : str
    spectra_per_s : float, optional
        As measured; None where it has not been.
    ahead : tuple of str
        Steps that read the whole stack ahead of the removal; their time is not in the estimate.
    doubts : str
        Why the remover is not to be trusted on this axis; empty where it is.
    """

    sizes: dict[str, int]
    blocks: int
    blocks_done: int
    pixels_left: int
    output: Path | None
    size: int
    room: int
    remover: str
    device: str
    spectra_per_s: float | None
    ahead: tuple[str, ...]
    doubts: str = ""

    @property
    def seconds(self) -> float | None:
        """Time of the removal, about."""
        return None if self.spectra_per_s is None else self.pixels_left / self.spectra_per_s

    def describe(self) -> list[str]:
        """The same in words: doubts if there are any, shape and blocks, output, time."""
        shape = " × ".join(f"{size} {dim}" for dim, size in self.sizes.items())
        done = f", {self.blocks_done} of them done" if self.blocks_done else ""
        where = "in memory" if self.output is None else "on the disk"
        tight = "; it may become full" if self.output and self.room < _TIGHT * self.size else ""
        return [
            *([self.doubts] if self.doubts else []),
            f"{shape}, {self.blocks} block{'s' * (self.blocks > 1)}{done}",
            f"{bytes_in_words(self.size)} {where}, {bytes_in_words(self.room)} free{tight}",
            self._time(),
        ]

    def _time(self) -> str:
        where = f"{self.remover} on {self.device}"
        if self.blocks_done == self.blocks:
            return f"{where}: complete already, nothing to do"
        if self.seconds is None:
            return f"{where}: time not measured"
        ahead = f", and before it {', '.join(self.ahead)}" if self.ahead else ""
        return f"{where}: about {_about(self.seconds)}{ahead}"


def estimate_removal(removal: Removal, *, ahead: Sequence[str] = (), spectra_per_s: float | None = None) -> Estimate:
    """Tell what a removal will take.

    Parameters
    ----------
    removal : Removal
        Of ``plan_removal(..., dry_run=True)`` or ``Pipeline.plan``.
    ahead : sequence of str
        Titles of steps that the dry run has left out.
    spectra_per_s : float, optional
        Of `measure_speed`.
    """
    sink = removal.sink
    if not isinstance(sink, DrySink):
        raise CrimsonError("this removal is planned to run; plan it with dry_run=True for an estimate")
    done = sink.finished()
    sizes = {str(dim): int(size) for dim, size in removal.dataset["cars"].sizes.items()}
    return Estimate(
        sizes=sizes,
        blocks=len(removal.regions),
        blocks_done=len(done),
        pixels_left=sum(pixels(region) for block, region in enumerate(removal.regions) if block not in done),
        output=sink.path,
        size=sink.size,
        room=sink.room,
        remover=removal.remover.name,
        device=str(getattr(removal.remover, "device", "cpu")),
        spectra_per_s=spectra_per_s,
        ahead=tuple(ahead),
        doubts=removal.correction.doubts,
    )


def measure_speed(removal: Removal, *, measure: bool = True, heed: Heed | None = None) -> float | None:
    """Spectra a second of a removal, from some of the middle of its stack; kept for the next call.

    `measure` False only looks up what is kept. `heed` is called between tries; what it raises ends the work.
    """
    key = _key(removal)
    if key in _measured or not measure:
        return _measured.get(key)
    correction, sample = removal.correction, _sample(removal)
    if heed is not None:
        heed()
    correction(sample[:_FEWEST])  # the first call also prepares
    count, took = _FEWEST, 0.0
    while took < _ENOUGH_S and count < _MOST:
        if heed is not None:
            heed()
        count *= 2
        spectra = np.resize(sample, (count, sample.shape[1]))
        began = time.perf_counter()
        correction(spectra)
        took = time.perf_counter() - began
    speed = count / max(took, 1e-9)
    if not isinstance(removal.remover, FunctionRemover):  # of which a name says nothing
        _measured[key] = speed
    return speed


def _sample(removal: Removal) -> NDArray[np.generic]:
    """Some spectra (N, W) of the middle row, as stored."""
    cars = removal.dataset["cars"].data
    *lead, columns = (size // 2 for size in cars.shape[:-1])
    first = max(0, columns - _FEWEST // 2)
    spectra: NDArray[np.generic] = cars[(*lead, slice(first, first + _FEWEST))].compute(scheduler="synchronous")
    return np.resize(spectra, (_FEWEST, spectra.shape[1]))


def _key(removal: Removal) -> str:
    """What the speed depends on."""
    correction = removal.correction
    remover = {key: value for key, value in removal.remover.provenance.items() if key != "grid"}
    plan = [remover, correction.names, str(correction.lit), correction.reference is None]
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode())
    digest.update(np.ascontiguousarray(correction.wavenumber).tobytes())
    return digest.hexdigest()


def _about(seconds: float) -> str:
    """A time as roughly as it is known."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{_two(seconds)} s"
    minutes = seconds / 60
    return f"{_two(minutes)} min" if minutes < 90 else f"{_two(minutes / 60)} h"


def _two(number: float) -> str:
    """Two digits at most."""
    return f"{float(f'{number:.2g}'):g}"
