# ruff: noqa: T201 - a script that prints its tables
"""Size and company: memory on stacks larger than it, rates by size, one worker and two, one result however it is made.

python benchmarks/scaling.py memory [--gb 100] [--limit 2] [--minutes 5]   peak memory of `correct --memory-limit`
python benchmarks/scaling.py sizes [--most 10000000] [--points 128]        10,000 spectra and more, Zarr to Zarr: all cores; to 1,000,000
                                                                           one worker and two as well
python benchmarks/scaling.py workers [--spectra 8192] [--rounds 5]         two dask workers of one thread against one, in turn
python benchmarks/scaling.py same                                          chunks, batches, precisions and workers against each other

--remover takes another than cnn (memory: than kk). Stacks for `memory` are sparse files: they take no room on the disk, but are read in
full; one pixel in a hundred has a spectrum.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import dask.array as da
import h5py
import numpy as np
import psutil
from faults import started

from napari_crimson import open_stack, remove_background, save_stack, simulate_stack
from napari_crimson.remove import plan_removal
from napari_crimson.remover import load_remover
from napari_crimson.remover.network import NetworkRemover
from napari_crimson.stream import Loop, stream

POINTS = 1000
WATCH_S = 0.05
SHARED = 1_000_000  # spectra; more take one worker too long
BLOCK = 64  # pixels along each side of what is not empty


# --- memory ------------------------------------------------------------------------------------------


def sparse_hdf5(path: Path, side: int) -> Path:
    """Spectra in chunks of 16 × 16 pixels; one block in a hundred is there."""
    counts, axis = _block()
    with h5py.File(path, "w") as file:
        cars = file.create_dataset("cars", (side, side, POINTS), "u2", chunks=(16, 16, POINTS))
        file["wavenumber"] = axis
        for y, x in itertools.product(range(0, side - BLOCK, 10 * BLOCK), repeat=2):
            cars[y : y + BLOCK, x : x + BLOCK] = counts
    return path


def sparse_pages(path: Path, side: int) -> Path:
    """Page after page, one a wavenumber, as many microscopes store; one row of blocks in ten is there, of a tenth of the rows."""
    counts, axis = _block()
    pages = np.lib.format.open_memmap(path, mode="w+", dtype="u2", shape=(POINTS, side, side))
    for band in range(POINTS):
        for y in range(0, side - BLOCK, 10 * BLOCK):
            pages[band, y : y + BLOCK, :BLOCK] = counts[..., band]
    path.with_suffix(".csv").write_text("\n".join(map(str, axis)))
    return path


def _block() -> tuple[np.ndarray, np.ndarray]:
    stack = simulate_stack((BLOCK, BLOCK), seed=0)
    return np.asarray(stack["cars"].values), np.asarray(stack["wavenumber"].values)


def try_memory(gb: float, limit_gb: float, minutes: float, remover: str) -> None:
    """Correct a stack of `gb` in a process of its own, for some minutes at most, and watch what it takes."""
    side = round((gb * 1e9 / 2 / POINTS) ** 0.5)
    print(f"{side} × {side} × {POINTS} uint16, {side * side * POINTS * 2 / 1e9:.0f} GB, limit {limit_gb:g} GB, {remover}")
    for title, make in (("HDF5, spectra together", lambda to: sparse_hdf5(to / "stack.h5", side)), ("npy, page by page", _pages(side))):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = make(folder)
            words = [str(source), "--out", str(folder / "out"), "--remover", remover, "--memory-limit", str(limit_gb)]
            command = [sys.executable, "-m", "napari_crimson", "correct", *words]
            begun, most = time.perf_counter(), 0.0
            with (folder / "said").open("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as run:  # noqa: S603
                watched = psutil.Process(run.pid)
                while run.poll() is None:
                    most = max(most, _taken(watched))
                    time.sleep(WATCH_S)
                    if time.perf_counter() - begun > 60 * minutes:
                        run.terminate()
                        break
                code = run.wait()
                said.seek(0)
                lines = said.read().splitlines()
            blocks = sum(len(list_.read_text().splitlines()) - 1 for list_ in (folder / "out").rglob("blocks.txt"))
            how = f"stopped after {blocks:,} blocks" if code < 0 else f"ended with {code}"
            said_last = f"; {lines[-1]}" if lines else ""
            print(f"  {title:24} peak {most / 1e9:.2f} GB, {how} in {time.perf_counter() - begun:.0f} s{said_last}", flush=True)


def _pages(side: int) -> Callable[[Path], Path]:
    return lambda folder: sparse_pages(folder / "stack.npy", side)


def _taken(process: psutil.Process) -> float:
    """Bytes that are a process's own: pages of a mapped file are the system's, which takes them back when it likes."""
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return float(memory.rss - getattr(memory, "shared", 0))


# --- sizes -------------------------------------------------------------------------------------------


def try_sizes(most: int, points: int, remover: str) -> None:
    """Correct ever more spectra, from file to file: on all cores of this process, then by one worker of one thread and by two."""
    from napari_crimson.cluster import Cluster

    print(f"{remover}, {points} points, Zarr to Zarr, spectra/s")
    print("     spectra   all cores   one worker   two workers   times one   memory here")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clusters = [stack.enter_context(Cluster(stack.enter_context(workers(count, folder)))) for count in (1, 2)]
        loops: list[Loop] = [stream, *(cluster.stream for cluster in clusters)]
        write_tiles(folder / "stack.zarr", 10_000, points)
        for loop in loops:  # weights are loaded, passes measured
            _timed(folder, remover, loop)
        for count in itertools.takewhile(lambda count: count <= most, (10**power for power in itertools.count(4))):
            write_tiles(folder / "stack.zarr", count, points)
            seconds, peaks = zip(*(_timed(folder, remover, loop) for loop in (loops if count <= SHARED else loops[:1])), strict=True)
            alone, *shared = (count / took for took in seconds)
            by_workers = (
                f"{shared[0]:>13,.0f}{shared[1]:>14,.0f}{shared[1] / shared[0]:>12.2f}" if shared else f"{'–':>13}{'–':>14}{'–':>12}"
            )
            print(f"  {count:>10,}{alone:>12,.0f}{by_workers}{peaks[0] / 1e9:>11.2f} GB", flush=True)


def write_tiles(path: Path, count: int, points: int) -> None:
    """A stack of `count` spectra: one tile of 10,000, again and again."""
    shutil.rmtree(path, ignore_errors=True)
    tile = simulate_stack((100, 100), wavenumber=np.linspace(2800, 3100, points), seed=0)
    cars = da.from_array(np.asarray(tile["cars"].values), chunks=(100, 100, -1))
    cars = da.concatenate([cars] * (count // 10_000), axis=0)
    spectra = tile[["dark", "reference"]].drop_vars(("y", "x"), errors="ignore")  # the truth and the places are of one tile
    save_stack(spectra.assign(cars=(("y", "x", "wavenumber"), cars)), path)


def _timed(folder: Path, remover: str, loop: Loop) -> tuple[float, float]:
    """Seconds of one run, and the most memory of this process meanwhile."""
    peaks, own, ended = [0.0], psutil.Process(), Event()

    def watch() -> None:
        while not ended.wait(WATCH_S):
            peaks.append(_taken(own))

    watcher = Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    try:
        for _ in plan_removal(open_stack(folder / "stack.zarr"), remover, output=folder / "out.zarr", resume=False).run(loop):
            pass
        return time.perf_counter() - begun, max(peaks)
    finally:
        ended.set()
        watcher.join()


# --- workers -----------------------------------------------------------------------------------------


@contextmanager
def workers(count: int, folder: Path) -> Iterator[str]:
    """A scheduler with so many workers of one thread, each on a core of its own; gives its address."""
    import re

    with ExitStack() as stack:
        scheduler = ("distributed.cli.dask_scheduler", "--port", "0", "--dashboard-address", ":0")
        made = stack.enter_context(started(*scheduler, until="Scheduler at:"))
        address = re.search(r"tcp://\S+", made.said)[0]  # type: ignore[attr-defined, index]
        one = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
        for core in range(count):
            with on_core(core):  # whatever else a worker's libraries begin: one thread is one core
                stack.enter_context(started(*one, until="Registered to"))
        yield address


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Hold what is started meanwhile to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[core % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def halted(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Processes stand still meanwhile: a scheduler and its workers take some hundredths of a core even when there is nothing to do."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def try_workers(spectra: int, rounds: int, remover: str) -> None:
    """Correct one file with one worker and with two, in turn, workers warm."""
    from napari_crimson.cluster import Cluster

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        save_stack(simulate_stack((spectra // 128, 128), seed=0), folder / "stack.zarr")
        addresses: dict[int, str] = {}
        processes: dict[int, list[psutil.Process]] = {}
        for count in (1, 2):
            addresses[count] = stack.enter_context(workers(count, folder))
            processes[count] = [one for one in psutil.Process().children() if one not in itertools.chain(*processes.values())]

        def run(count: int) -> float:
            with halted(processes[3 - count]), Cluster(addresses[count]) as cluster:
                begun = time.perf_counter()
                for _ in plan_removal(open_stack(folder / "stack.zarr"), remover, output=folder / "out.zarr", resume=False).run(
                    cluster.stream
                ):
                    pass
                return time.perf_counter() - begun

        for count in addresses:
            run(count)
        ratios = []
        print(f"{spectra} spectra by {remover}, Zarr to Zarr\n  round   one worker   two workers   ratio")
        for number in range(rounds):
            one, two = run(1), run(2)
            ratios.append(one / two)
            print(f"  {number:5}{spectra / one:10,.0f}/s{spectra / two:12,.0f}/s{ratios[-1]:9.2f}", flush=True)
        print(f"  median ratio {np.median(ratios):.2f}")


# --- one result --------------------------------------------------------------------------------------


def try_same(name: str) -> None:
    """Compare results that were made in other ways with one."""
    stack = simulate_stack((48, 50), seed=1)
    cars = stack["cars"].data

    def result(precision: str = "float32", *, chunks: Any = None, points: int | None = None, other: str | None = None) -> np.ndarray:
        remover = load_remover(name, device="cpu", precision=precision)
        if points and isinstance(remover, NetworkRemover):
            remover._passes._points = points
        given = stack if chunks is None else stack.assign(cars=stack["cars"].copy(data=cars.rechunk(chunks)))
        return np.asarray(remove_background(given, remover, output=other)["raman"].values)

    expected = result()
    peak = float(np.nanmax(np.abs(expected)))
    print(f"{name}: largest difference from the result in float32, of the highest peak")
    rows: dict[str, Callable[[Path], np.ndarray]] = {
        "chunks of 1 × 1 pixels": lambda _: result(chunks=(1, 1, -1)),
        "chunks of 7 × 13 pixels": lambda _: result(chunks=(7, 13, -1)),
        "one chunk": lambda _: result(chunks=-1),
        "batches of some 20 spectra": lambda _: result(points=20_000),
        "batches of some 300 spectra": lambda _: result(points=300_000),
        "written to Zarr": lambda folder: result(other=str(folder / "out.zarr")),
        "two dask workers": lambda folder: _by_workers(stack, name, folder),
        "in bfloat16": lambda _: result("bfloat16"),
    }
    for title, make in rows.items():
        with tempfile.TemporaryDirectory() as folder:
            got = make(Path(folder))
        same = "bit for bit the same" if got.tobytes() == expected.tobytes() else f"{np.nanmax(np.abs(got - expected)) / peak:.1e}"
        print(f"  {title:28}{same}", flush=True)


def _by_workers(stack: Any, name: str, folder: Path) -> np.ndarray:
    from napari_crimson.cluster import Cluster

    save_stack(stack, folder / "stack.zarr")
    with workers(2, folder) as address, Cluster(address) as cluster:
        for _ in plan_removal(open_stack(folder / "stack.zarr"), name, precision="float32", output=folder / "out.zarr").run(cluster.stream):
            pass
    return np.asarray(open_stack(folder / "out.zarr")["raman"].values)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "sizes", "workers", "same"])
    parser.add_argument("--gb", type=float, default=100.0)
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--most", type=int, default=10_000_000)
    parser.add_argument("--points", type=int, default=128)
    parser.add_argument("--spectra", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--remover")
    a = parser.parse_args()
    {
        "memory": lambda: try_memory(a.gb, a.limit, a.minutes, a.remover or "kk"),
        "sizes": lambda: try_sizes(a.most, a.points, a.remover or "cnn"),
        "workers": lambda: try_workers(a.spectra, a.rounds, a.remover or "cnn"),
        "same": lambda: try_same(a.remover or "cnn"),
    }[a.what]()
