"""Print how many simulated spectra of 1000 points each prior draws a second: ``python benchmarks/synthesis.py [THREADS]``."""

from __future__ import annotations

import sys
import time

import torch

from napari_crimson.synthesis import PRIORS, draw

SECONDS, BATCH = 4.0, 256


def rate(prior: str, generator: torch.Generator) -> float:
    """Spectra a second over some seconds, after one batch to warm up."""
    axis = torch.linspace(500, 3500, 1000)
    draw(prior, BATCH, axis, generator=generator)
    start, drawn = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        draw(prior, BATCH, axis, generator=generator)
        drawn += BATCH
    return drawn / (time.perf_counter() - start)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    sys.stdout.write(f"{torch.get_num_threads()} threads, 1000 points\n")
    for name in PRIORS:
        sys.stdout.write(f"{name:10s} {rate(name, torch.Generator().manual_seed(0)):9,.0f} spectra/s\n")
