"""The machine: what its processor can do, and how fast it multiplies matrices and moves memory, measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from napari_crimson.device import CPU_CORES, describe_device, one_core
from napari_crimson.processor import processor_name
from napari_crimson.speed.measure import Job

__all__ = ["MEMORY", "Machine", "describe_machine", "matrix_job", "memory_job", "name_of"]

MEMORY = "memory"
_CPU_SIDE, _GPU_SIDE = 2048, 8192  # of the matrices: large enough that reading them costs nothing beside multiplying
_CPU_BYTES, _GPU_BYTES = 2**27, 2**30  # to be copied: beyond any cache


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The processor with its instructions for matrices, the device that networks run on, and the torch that drives them."""

    processor: str
    cores: int
    avx512: bool
    avx512_bfloat16: bool
    amx: bool
    device: str
    torch: str

    def instructions(self, precision: str) -> str:
        """In words, what multiplies numbers of a format on the CPU."""
        if precision == "bfloat16":
            return "AMX" if self.amx else "AVX-512 BF16" if self.avx512_bfloat16 else "no instructions of its own"
        return "AVX-512" if self.avx512 else "neither AVX-512 nor AMX"


def describe_machine(device: str) -> Machine:
    """Look at the processor, and at `device` as `resolve_device` names it."""
    avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")  # what torch uses, which may be less than there is
    return Machine(
        processor=processor_name(),
        cores=CPU_CORES,
        avx512=avx512,
        avx512_bfloat16=avx512 and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()),
        amx=bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)()),
        device=describe_device(device),
        torch=torch.__version__,
    )


def matrix_job(device: str, dtype: torch.dtype) -> Job:
    """A large product of matrices, on a CPU one to each core; its amount is in operations, two to a multiplication and addition.

    Threads that share one product wait for each other where other programs take a core; networks run one batch to a core, too.
    """
    side, workers = (_CPU_SIDE, CPU_CORES) if device == "cpu" else (_GPU_SIDE, 1)
    a, b = (torch.ones(side, side, device=device, dtype=dtype) for _ in "ab")
    outs = [torch.empty_like(a) for _ in range(workers)]

    def multiply_on_one_core(out: torch.Tensor) -> None:
        with one_core():
            torch.mm(a, b, out=out)

    def multiply() -> None:
        if device == "cpu":
            with ThreadPoolExecutor(workers, "crimson-speed") as pool:
                list(pool.map(multiply_on_one_core, outs))
        else:
            torch.mm(a, b, out=outs[0])
            _wait(device)

    return Job(name=name_of(dtype), work=multiply, amount=2.0 * workers * side**3)


def memory_job(device: str) -> Job:
    """A large copy in the memory of the device; its amount is in bytes, those read and those written."""
    size = _CPU_BYTES if device == "cpu" else _GPU_BYTES
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        _wait(device)

    return Job(name=MEMORY, work=copy, amount=2.0 * size)


def name_of(dtype: torch.dtype) -> str:
    """The name of a number format, as `load_remover` takes it."""
    return str(dtype).removeprefix("torch.")


def _wait(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()
