"""`measure_speed`: our removers, the published networks and this machine, timed in turn in one run."""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from napari_crimson.device import inference_dtype, resolve_device
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network
from napari_crimson.remover import Remover
from napari_crimson.speed.contender import Contender
from napari_crimson.speed.cost import Cost, count_cost
from napari_crimson.speed.files import FORMATS, Sample, file_jobs, simulate_sample
from napari_crimson.speed.machine import MEMORY, Machine, describe_machine, matrix_job, memory_job, name_of
from napari_crimson.speed.measure import Job, interleave, median_ratio
from napari_crimson.speed.published import PUBLISHED

__all__ = ["YARDSTICK", "FileRow", "Report", "SpeedRow", "measure_speed"]

YARDSTICK = next(iter(PUBLISHED))
_IN_FILES = 16  # times the spectra of the other rows: a file has costs of its own, whatever its size

_MOST_FILE_ROUNDS = 3  # they take as long as all others
_OURS = "ours: "  # ahead of names in the timing, as weights of your own may be called anything

Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class SpeedRow:
    """A remover or published network: medians over the rounds; what cannot be counted of it is None.

    Attributes
    ----------
    ratio, ratio_float32 : float
        To the yardstick, SpecNet: in the number format that is fastest for it here, and in float32, as it was published.
    matrix_share : float
        Of the operations a second that a large matrix product reached in the same number format.
    memory_share : float
        Of the bytes a second of a large copy, if all that layers read and write went through memory; above 1, caches serve it.
    """

    name: str
    precision: str
    spectra_per_s: float
    slowest: float
    fastest: float
    ratio: float
    ratio_float32: float
    batch: int | None = None
    parameters: int | None = None
    mflop: float | None = None
    matrix_share: float | None = None
    memory_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """A remover from file to file: spectra a second, and the ratio to the remover alone on the same spectra in memory."""

    name: str
    source: str
    spectra_per_s: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was measured. Operations and bytes a second of the machine are medians, too."""

    machine: Machine
    precision: str
    spectra: int
    points: int
    repeats: int
    matrix_per_s: dict[str, float]
    bytes_per_s: float
    spectra_in_files: int
    rows: list[SpeedRow] = field(default_factory=list)
    file_rows: list[FileRow] = field(default_factory=list)


def measure_speed(
    removers: list[Remover], *, spectra: int = 1000, repeats: int = 5, device: str = "auto", progress: Callable[[str], object] | None = None
) -> Report:
    """Time removers, published networks and the machine itself in turn, then removers from file to file.

    Parameters
    ----------
    removers : list of Remover
        Ours, on `device`.
    spectra : int
        Simulated, of 1000 points; sixteen times as many in files.
    repeats : int
        Rounds, after one to warm up; at most three of them from file to file.
    device : str
        As for `load_remover`.
    progress : callable, optional
        Called with a line before each step.

    Raises
    ------
    CrimsonError
        If the device is not there, or two removers have the same name.
    """
    device = resolve_device(device)
    twice = sorted(name for name, count in Counter(remover.name for remover in removers).items() if count > 1)
    if twice:
        raise CrimsonError(f"several removers are called {', '.join(twice)}; give each once, or rename their files")
    say = progress or (lambda line: None)
    sample = simulate_sample(_IN_FILES * spectra)
    cars = sample.spectra[:spectra] / sample.spectra[:spectra].max()
    contenders = _contenders(cars, device, say)
    formats = dict.fromkeys((torch.float32, inference_dtype(device), *(remover.dtype for remover in removers if hasattr(remover, "dtype"))))
    jobs = [
        *(matrix_job(device, dtype) for dtype in formats),
        memory_job(device),
        *(Job(name=f"{_OURS}{remover.name}", work=sample.correct(remover, spectra), amount=spectra) for remover in removers),
        *(Job(name=one.name, work=lambda one=one: one(cars), amount=spectra) for one in contenders),  # type: ignore[misc]
    ]
    rates = interleave(jobs, repeats, say)
    with tempfile.TemporaryDirectory(prefix="crimson-speed-", ignore_cleanup_errors=True) as folder:  # Windows keeps what is open
        from_files = file_jobs(sample, removers, Path(folder))
        in_files = interleave(from_files, min(repeats, _MOST_FILE_ROUNDS), lambda line: say(f"from file to file, {line}"))
    return Report(
        machine=describe_machine(device),
        precision=name_of(inference_dtype(device)),
        spectra=spectra,
        points=cars.shape[1],
        repeats=repeats,
        matrix_per_s={name_of(dtype): median(rates[name_of(dtype)]) for dtype in formats},
        bytes_per_s=median(rates[MEMORY]),
        spectra_in_files=len(sample.spectra),
        rows=[
            *(_row(f"{_OURS}{remover.name}", rates, getattr(remover, "dtype", None), _cost_of(remover, sample)) for remover in removers),
            *(_row(one.name, rates, one.dtype, one.cost, one.batch) for one in contenders),
        ],
        file_rows=[_file_row(remover.name, place, in_files) for remover in removers for place in FORMATS],
    )


def _contenders(cars: NDArray[np.float32], device: str, say: Callable[[str], object]) -> list[Contender]:
    """The published networks, the yardstick also as it was published."""
    found = []
    for name in PUBLISHED:
        say(f"choosing number format and batch of {name}")
        found.append(Contender(name, cars, device))
        if name == YARDSTICK:
            found.append(Contender(name, cars, device, as_published=True))
    return found


def _cost_of(remover: Remover, sample: Sample) -> Cost | None:
    """What a remover of ours costs; None where it is no network."""
    network = getattr(remover, "network", None)
    if not isinstance(network, Network):
        return None
    network = copy.deepcopy(network).to("cpu", torch.float32)
    cars, reference = torch.from_numpy(sample.spectra[:1]), torch.from_numpy(sample.reference).unsqueeze(0)
    axis = torch.from_numpy(sample.wavenumber.astype(np.float32))
    return count_cost(network, lambda: network(cars, axis, reference, deviation=False))


def _row(name: str, rates: Rates, dtype: torch.dtype | None, cost: Cost | None, batch: int | None = None) -> SpeedRow:
    mine = rates[name]
    shares = {}
    if cost is not None and dtype is not None:
        shares = {
            "parameters": cost.parameters,
            "mflop": cost.mflop,
            "matrix_share": 1e6 * cost.mflop * median_ratio(mine, rates[name_of(dtype)]),
            "memory_share": cost.values * dtype.itemsize * median_ratio(mine, rates[MEMORY]),
        }
    return SpeedRow(
        name=name.removeprefix(_OURS),
        precision="float64" if dtype is None else name_of(dtype),
        spectra_per_s=median(mine),
        slowest=min(mine),
        fastest=max(mine),
        ratio=median_ratio(mine, rates[YARDSTICK]),
        ratio_float32=median_ratio(mine, rates[f"{YARDSTICK} float32"]),
        batch=batch,
        **shares,  # type: ignore[arg-type]
    )


def _file_row(name: str, place: str, rates: Rates) -> FileRow:
    mine = rates[f"{name} {place}"]
    return FileRow(name=name, source=place, spectra_per_s=median(mine), ratio=median_ratio(mine, rates[f"{name} memory"]))
