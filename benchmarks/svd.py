# ruff: noqa: T201 - a script that prints its tables
"""SVD denoising: memory on a stack larger than it, and the automatic choice against the truth.

python benchmarks/svd.py memory [--gigabytes 2]      a stack made as it is read, denoised block by block
python benchmarks/svd.py choice                      simulated stacks of several ratios, photons and seeds
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import replace
from unittest.mock import patch

import dask
import dask.array as da
import numpy as np
import psutil

from napari_crimson import simulate_stack
from napari_crimson.prepare import NoiseModel, SVDSettings, decompose
from napari_crimson.stack import make_stack, pixel_chunks

POINTS, SPECIES = 1000, 6
CASES = [
    (0.5, 60_000), (0.4, 40_000), (0.2, 40_000), (0.1, 40_000), (0.02, 40_000),
    (0.4, 4_000), (0.1, 4_000), (0.02, 4_000), (0.4, 400), (0.1, 400),
]  # fmt: skip


class Peak:
    """Largest resident memory of this process above that at the start, in MB, looked at every 20 ms."""

    def __enter__(self) -> Peak:
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self.most = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._run)
        self._watch.start()
        return self

    def _run(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    @property
    def megabytes(self) -> float:
        """What came on top."""
        return (self.most - self._before) / 1e6

    @property
    def total(self) -> float:
        """All of it."""
        return self.most / 1e6


def endless(shape: tuple[int, int]) -> da.Array:
    """Counts (Y, X, W) uint16 of a few species with photon noise, made block by block whenever they are read."""
    axis = np.linspace(-1, 1, POINTS)
    species = 8000 * (1 + 0.8 * np.exp(-(((axis - np.linspace(-0.8, 0.8, SPECIES)[:, None]) / 0.03) ** 2)))

    def make(block: np.ndarray, block_info: dict) -> np.ndarray:
        (top, bottom), (left, right), _ = block_info[None]["array-location"]
        rng = np.random.default_rng([top, left])
        counts = rng.random((bottom - top, right - left, SPECIES), dtype=np.float32) @ species.astype(np.float32)
        counts += np.sqrt(counts) * rng.standard_normal(counts.shape, dtype=np.float32)
        return counts.astype(np.uint16)

    chunks = pixel_chunks((*shape, POINTS), 2)
    seed = da.zeros((*shape, POINTS), dtype=np.uint16, chunks=chunks)
    return da.map_blocks(make, seed, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))


def measure_memory(gigabytes: float) -> None:
    """Denoise a stack of some gigabytes of uint16, block by block, and tell the largest memory of either pass."""
    width = 2048
    height = max(8, round(gigabytes * 1e9 / (2 * POINTS * width)))
    cars = endless((height, width))
    stack = make_stack(cars, np.linspace(500, 3500, POINTS))
    start = time.perf_counter()
    with Peak() as first:
        parts = decompose(stack)
    middle = time.perf_counter()
    clean = parts.denoise()["cars"].data
    with Peak() as second:
        for block in clean.to_delayed().ravel():
            dask.compute(block)
    end = time.perf_counter()
    print(f"{cars.nbytes / 1e9:.2f} GB in {cars.npartitions} blocks, {parts.components} components for {SPECIES} species")
    print(f"first pass  {middle - start:6.0f} s, {first.megabytes:6.0f} MB more, {first.total:6.0f} MB in all")
    print(f"second pass {end - middle:6.0f} s, {second.megabytes:6.0f} MB more, {second.total:6.0f} MB in all")


class Silent(np.random.Generator):
    """A generator that draws all but the noise."""

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        """Give no noise."""
        return np.zeros(size)


def measure_choice() -> None:
    """One row a stack: the automatic number, the best, and the errors of both relative to the noise, for each scaling."""
    scalings = ("noise", "anscombe", "none")
    settings = SVDSettings(noise_model=NoiseModel(read_noise=6))
    print(
        "ratio  photons pixels bands  " + "".join(f"{name:>26s}" for name in scalings) + "\n" + " " * 30 + "   auto best  error (best)" * 3
    )
    worst = 0
    for side, points in ((60, 300), (24, 1000)):
        for seed, (ratio, photons) in enumerate(CASES):
            words = {"ratio": ratio, "photons": photons, "seed": seed, "wavenumber": np.linspace(500, 3500, points)}
            noisy = simulate_stack((side, side), **words)
            with patch.object(np.random, "default_rng", lambda s: Silent(np.random.PCG64(s))):
                truth = simulate_stack((side, side), **words)["cars"].values.astype(float)
            noise = np.sqrt((truth - 400).clip(0).mean((0, 1)) + 36)
            row = f"{ratio:5g} {photons:8d} {side * side:6d} {points:5d}  "
            for scaling in scalings:
                parts = decompose(noisy, replace(settings, scaling=scaling))
                tried = range(1, parts.components + 8)
                error = [((parts.denoise(k)["cars"].values - truth) / noise).std() for k in tried]
                best = 1 + int(np.argmin(error))
                worst = max(worst, abs(best - parts.components))
                row += f"{parts.components:7d}{best:5d}{error[parts.components - 1]:7.3f} ({error[best - 1]:.3f})"
            print(row, flush=True)
    print(f"farthest from the best: {worst}")


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("memory", "choice"))
    parser.add_argument("--gigabytes", type=float, default=2.0)
    a = parser.parse_args()
    if a.what == "memory":
        measure_memory(a.gigabytes)
    else:
        measure_choice()


if __name__ == "__main__":
    main()
