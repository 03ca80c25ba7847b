"""Devices: which there are, which one a name means, and the precision that is fast there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_crimson.errors import CrimsonError
from napari_crimson.processor import bfloat16_pays

__all__ = [
    "CPU_CORES",
    "describe_device",
    "devices",
    "free_memory",
    "inference_dtype",
    "is_full",
    "is_lost",
    "keep_freed_memory",
    "may_fall_back",
    "one_core",
    "resolve_device",
    "spare_core",
    "taken_memory",
    "training_dtype",
]

CPU_CORES = torch.get_num_threads()  # for us, before anything has set them
_FALL_BACK = "+cpu"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def devices() -> list[tuple[str, str]]:
    """Names that `resolve_device` takes here, each with a label for people, ``auto`` first."""
    labels = [(name, describe_device(name)) for name in _here()]
    return [("auto", f"auto → {labels[0][1]}"), *labels]


def _here() -> list[str]:
    return [*(f"cuda:{k}" for k in range(torch.cuda.device_count())), *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def describe_device(name: str) -> str:
    """A device in words, with its free memory where it has its own."""
    if not name.startswith("cuda"):
        return name
    try:
        return f"{name} ({torch.cuda.get_device_name(name)}, {free_memory(name) / 2**30:.1f} GiB free)"
    except RuntimeError:  # another process has it for itself
        return f"{name} (taken)"


def free_memory(name: str) -> int:
    """Free bytes on a device, what this process keeps there unused among them; for shared memory, what the operating system has free."""
    if name.startswith("cuda"):
        device = torch.device(name)
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 4 * 2**30  # Windows does not tell without another library; this only bounds a batch


def taken_memory(name: str) -> int:
    """Bytes that this process has taken on a device; 0 where it has no memory of its own."""
    return torch.cuda.memory_reserved(torch.device(name)) if name.startswith("cuda") else 0


def resolve_device(name: str = "auto") -> str:
    """The device that `name` means here: ``auto`` is the first GPU, else the CPU; for ``+cpu`` behind it see `may_fall_back`.

    Raises
    ------
    CrimsonError
        If the device is not there, with those that are.
    """
    here = _here()
    name = name.removesuffix(_FALL_BACK)
    if name == "auto":
        return here[0]
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in here:
        raise CrimsonError(
            f"no device '{name}' here; there is {', '.join(here)} (a GPU needs its driver and a torch built for it), or say 'auto'"
        )
    return wanted


def may_fall_back(name: str) -> bool:
    """Whether the CPU may take over where the device is lost at work: ``cuda+cpu`` says so."""
    return name.endswith(_FALL_BACK)


_FULL = ("out of memory", "ALLOC_FAILED")  # pinned memory and the libraries beneath have no exception of their own for it
_LOST = ("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "CUFFT_EXEC_FAILED", "CUFFT_INTERNAL_ERROR", "HIP error")


def is_full(error: RuntimeError) -> bool:
    """Tell a want of memory, which less work cures, from other failures."""
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in _FULL)


def is_lost(error: RuntimeError) -> bool:
    """Tell the failure of a device, after which it does nothing more in this process, from one of the work."""
    if is_full(error) or "NOT_SUPPORTED" in str(error):
        return False
    lost: type | tuple[()] = getattr(torch, "AcceleratorError", ())  # since torch 2.8
    return isinstance(error, lost) or any(word in str(error) for word in _LOST)


def keep_freed_memory() -> None:
    """Have the C library of Linux keep some of what is freed, up to 62 MiB a thread, instead of giving it back and taking it anew.

    It sets its bounds by the largest block below 32 MiB that was ever freed. Every pass of a network would take its memory anew, page
    by page, a tenth of its time. Elsewhere nothing comes of it.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep what the calling thread does with torch to one core; work that is shared out by spectra takes a thread for each core.

    Threads that torch itself shares a layer among wait for one another: a single spectrum took 4 ms on one core and 10 to 100 on two,
    the more the busier they were, and two threads with a batch each did half as much again as one batch shared by two.
    """
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(CPU_CORES)  # also what threads that begin later take over


@contextmanager
def spare_core() -> Iterator[None]:
    """Leave one core to a window: what the calling thread does with torch takes the others.

    On two cores that others kept busy, training on both took more than three times as long as on one: see `one_core`.
    """
    torch.set_num_threads(max(1, CPU_CORES - 1))
    try:
        yield
    finally:
        torch.set_num_threads(CPU_CORES)


def inference_dtype(device: str, precision: str = "auto") -> torch.dtype:
    """The number format layers run in: ``auto`` is half precision on a GPU, and on a processor where that is quicker, by measurement.

    Raises
    ------
    CrimsonError
        If `precision` is unknown.
    """
    if precision == "auto":
        if device.startswith("cuda"):
            return torch.float16
        return torch.bfloat16 if device == "cpu" and bfloat16_pays() else torch.float32
    if precision not in _DTYPES:
        raise CrimsonError(f"no precision '{precision}'; there are auto, {', '.join(_DTYPES)}")
    return _DTYPES[precision]


def training_dtype(device: torch.device) -> torch.dtype:
    """The number format training runs its layers in."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return inference_dtype(device.type)
