"""The processor: its name, and whether it is quicker with bfloat16 than with float32, measured once and kept.

With AMX it is four to nine times as quick, with AVX-512 BF16 three to four times, and without either slower, as the numbers are
converted one by one.
"""

from __future__ import annotations

import platform
import time
from functools import cache
from pathlib import Path
from threading import Lock

import torch

from napari_crimson.measured import keep, kept

__all__ = ["bfloat16_pays", "machine", "processor_name"]

_PAYS = 1.2  # times as quick, or the digits are not worth it
_SPECTRA, _CHANNELS, _POINTS, _KERNEL = 16, 64, 1000, 3  # of a layer like those of `cnn`
_ROUNDS = 5

_measuring = Lock()


def machine() -> str:
    """What a measurement depends on, whatever it is of: processor, PyTorch and the instructions it uses."""
    return f"{processor_name()}, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"


@cache
def processor_name() -> str:
    """The name that the processor gives itself, where the operating system passes it on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def bfloat16_pays() -> bool:
    """Whether layers run in bfloat16 here by default; the first time on a machine this takes some tenths of a second."""
    with _measuring:
        return _gain() >= _PAYS


@cache
def _gain() -> float:
    """How many times as quick a convolution is in bfloat16, on one core."""
    name = f"bfloat16 against float32, one core; {machine()}"
    gain = kept(name)
    if gain is None:
        gain = min(_seconds(torch.float32) for _ in range(_ROUNDS)) / min(_seconds(torch.bfloat16) for _ in range(_ROUNDS))
        keep(name, gain)
    return gain


def _seconds(dtype: torch.dtype) -> float:
    """Time of one convolution."""
    spectra = torch.ones(_SPECTRA, _CHANNELS, _POINTS, dtype=dtype)
    kernels = torch.ones(_CHANNELS, _CHANNELS, _KERNEL, dtype=dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            begun = time.perf_counter()
            torch.nn.functional.conv1d(spectra, kernels, padding="same")
            return time.perf_counter() - begun
    finally:
        torch.set_num_threads(threads)
