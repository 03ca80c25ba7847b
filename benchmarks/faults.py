# ruff: noqa: T201 - a script that prints its tables
"""What a night of measurement may meet: runs that are killed, workers that die, damaged files, bad pixels.

python benchmarks/faults.py kill [--times 50] [--blocks 200]     kill -9 at random moments, then resume
python benchmarks/faults.py workers [--times 10] [--blocks 40]   one of two dask workers killed at work
python benchmarks/faults.py acquisition [--stacks 500] [--minutes 10]   a day in so many minutes: stacks arrive in a folder
                                                                 that is watched, three of them damaged; memory
python benchmarks/faults.py pixels                               1 % of bad pixels, and what they do to the others

Each prints a table and ends with 1 where something was not as it must be. --remover takes another than kk for the first three.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import psutil
import zarr

from napari_crimson import CrimsonError, remove
from napari_crimson.io import open_stack
from napari_crimson.remove import plan_removal, remove_background
from napari_crimson.remover import load_remover
from napari_crimson.stack import make_stack

TILE = 16  # pixels along each side of a block, in place of some 64: a run of many blocks need not be large
POINTS = 64
BAD = {"NaN": np.nan, "Inf": np.inf, "zero": 0.0, "saturated": 65535.0, "negative": -100.0}


def write_stack(path: Path, shape: tuple[int, int], points: int = POINTS, seed: int = 0) -> Path:
    """An HDF5 stack of noisy spectra in chunks of 16 × 16 pixels."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(600.0, 600.0 + 4 * points, points)
    light = 2000 + 500 * np.sin(axis / 90)
    with h5py.File(path, "w") as file:
        chunks = (min(16, shape[0]), min(16, shape[1]), points)
        cars = file.create_dataset("cars", (*shape, points), "u2", chunks=chunks, compression="lzf")
        for row in range(0, shape[0], 16):
            rows = min(16, shape[0] - row)
            cars[row : row + rows] = rng.poisson(light * rng.uniform(0.7, 1.3, (rows, shape[1], 1)))
        file["wavenumber"] = axis
    return path


@contextmanager
def small_blocks() -> Iterator[None]:
    """Let runs within be cut into blocks of one small chunk of the output each."""
    with (
        patch.object(remove, "fit_tile", lambda *_: (TILE, TILE)),
        patch.object(remove, "plan_blocks", partial(remove.plan_blocks, block_bytes=1)),
    ):
        yield


def values(path: Path) -> bytes:
    """The result, byte by byte."""
    return np.asarray(zarr.open_array(path / "raman", mode="r")[:]).tobytes()


def status(path: Path) -> str:
    """What the result says of itself."""
    record = dict(zarr.open_group(path, mode="r").attrs["crimson"])
    return f"{record['status']}, but for damage" if "damaged" in record else str(record["status"])


# --- kill -9 -----------------------------------------------------------------------------------------


def run_and_log(source: Path, out: Path, log: Path, remover: str) -> None:
    """Correct a stack in a process of its own, and log what is done as soon as it is."""
    with log.open("a", buffering=1) as file:

        def correct(spectra: np.ndarray, call: Callable[[np.ndarray], object]) -> object:
            done = correct_block(spectra, call)
            print("corrected", file=file)
            return done

        def write(self: object, block: int, *kept: object) -> None:
            print("writing", block, file=file)
            written(self, block, *kept)
            print("listed", block, file=file)

        from napari_crimson import stream
        from napari_crimson.results import sinks

        correct_block, written = stream.correct_block, sinks.ZarrSink.write
        with (
            small_blocks(),
            patch.object(stream, "correct_block", correct),
            patch.object(sinks.ZarrSink, "write", write),
        ):
            print("begun", file=file)
            remove_background(open_stack(source), remover, output=out)
            print("complete", file=file)


def try_kill(times: int, blocks: int, remover: str) -> bool:
    """Kill a run at random moments, resume it, and compare with one that nothing disturbed."""
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"  # of the locks that those leave who are killed
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["napari_crimson.remove", "napari_crimson.results.sinks", "napari_crimson.remover.kramers_kronig", "h5py"]
    )
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_stack(folder / "cell.h5", (TILE * (blocks // 5), TILE * 5))

        def start(number: int) -> tuple[multiprocessing.process.BaseProcess, Path, Path]:
            out, log = folder / f"run{number}.zarr", folder / f"run{number}.log"
            process = context.Process(target=run_and_log, args=(source, out, log, remover))
            process.start()
            return process, out, log

        began = time.perf_counter()
        process, out, log = start(times)
        process.join()
        truth, events = values(out), log.read_text().count("\n")
        moment_s = (time.perf_counter() - began) / events
        print(f"{blocks} blocks by {remover}, killed at one of {events} moments, then resumed")
        print(f"{'run':>4}{'killed at':>22}{'listed then':>13}{'written twice':>15}{'corrected twice':>17}  output")
        sound = True
        for number in range(times):
            process, out, log = start(number)
            # a tenth each while the output is made, and while it is marked complete
            at = int(rng.choice([0, events - 2, rng.integers(0, events)], p=[0.1, 0.1, 0.8]))
            while process.is_alive() and (not log.exists() or log.read_text().count("\n") <= at):
                time.sleep(moment_s / 10)
            time.sleep(rng.uniform(0, moment_s if at else 50 * moment_s))
            process.kill()
            process.join()
            seen = log.read_text().splitlines()
            again, _, _ = start(number)
            again.join()
            lines = log.read_text().splitlines()
            twice = sum(count - 1 for count in Counter(line for line in lines if line.startswith("writing")).values())
            corrected = lines.count("corrected") - blocks
            same = again.exitcode == 0 and status(out) == "complete" and values(out) == truth
            last, listed = seen[-1] if seen else "start", sum(line.startswith("listed") for line in seen)
            print(f"{number:4}{last:>22}{listed:13}{twice:15}{corrected:17}  {'identical' if same else 'DIFFERS'}", flush=True)
            sound &= same and twice <= 1
            clear(out)
    return sound


def clear(folder: Path) -> None:
    """Remove a result of ours, and what must not be left beside it."""
    left = [entry.name for entry in folder.parent.iterdir() if folder.name in entry.name and entry != folder]
    assert not left, left
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()


# --- workers -----------------------------------------------------------------------------------------


@contextmanager
def started(*command: str, until: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has said `until`."""
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.PIPE, text=True, env=threads) as made:  # noqa: S603
        try:
            assert made.stderr is not None
            while until not in (line := made.stderr.readline()):
                assert line, f"{command} ended"
            made.said = line  # type: ignore[attr-defined]
            yield made
        finally:
            made.kill()


def try_workers(times: int, blocks: int, remover: str) -> bool:
    """Kill one of two workers at a random block, and compare with a run here."""
    from napari_crimson.cluster import Cluster

    rng = np.random.default_rng(0)
    sound = True
    with tempfile.TemporaryDirectory() as name, small_blocks():
        folder = Path(name)
        source = write_stack(folder / "cell.h5", (TILE * (blocks // 5), TILE * 5))
        remove_background(open_stack(source), remover, output=folder / "here.zarr")
        truth = values(folder / "here.zarr")
        words = ("distributed.cli.dask_scheduler", "--port", "0", "--dashboard-address", ":0")
        with started(*words, until="Scheduler at:") as scheduler:
            address = re.search(r"tcp://\S+", scheduler.said)[0]  # type: ignore[attr-defined, index]
            print(f"{blocks} blocks by {remover} on two workers, one of which is killed")
            print(f"{'run':>4}{'killed after':>14}{'blocks told':>13}  output")
            for number in range(times):
                worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
                with started(*worker, until="Registered to") as victim, started(*worker, until="Registered to"):
                    out, at, told = folder / f"run{number}.zarr", int(rng.integers(1, blocks)), 0
                    with Cluster(address) as cluster:
                        for step in plan_removal(open_stack(source), remover, output=out).run(cluster.stream):
                            told += 1
                            if step.blocks_done == at:
                                victim.kill()
                same = status(out) == "complete" and values(out) == truth
                print(f"{number:4}{at:14}{told:13}  {'identical' if same else 'DIFFERS'}", flush=True)
                sound &= same and told == blocks
                clear(out)
    return sound


# --- a day of acquisition ----------------------------------------------------------------------------

DAY_S = 86_400.0
PLAYED = """
import sys
from napari_crimson.__main__ import main
from napari_crimson.cli import arrivals
pace = float(sys.argv[1])
arrivals.SETTLE_S, arrivals.POLL_S = arrivals.SETTLE_S / pace, max(arrivals.POLL_S / pace, 0.05)
main(sys.argv[2:])
"""


def damage(file: Path, how: str) -> None:
    """Truncate a file, empty it, or spoil a chunk of it."""
    if how == "a damaged chunk":
        with h5py.File(file) as made:
            chunk = made["cars"].id.get_chunk_info(0)
        with file.open("r+b") as raw:
            raw.seek(chunk.byte_offset)
            raw.write(b"\xff" * chunk.size)
    else:
        os.truncate(file, file.stat().st_size // 2 if how == "truncated" else 0)


def acquire(folder: Path, stacks: int, bad: dict[str, str], every_s: float) -> None:
    """Let stacks arrive one after the other, each written in two parts as a copy over a network is."""
    with tempfile.TemporaryDirectory() as name:
        for number in range(stacks):
            due = time.perf_counter() + every_s
            made = write_stack(Path(name) / f"stack{number:04}.h5", (32, 32), 128, seed=number)
            if made.name in bad:
                damage(made, bad[made.name])
            content = made.read_bytes()
            made.unlink()
            with (folder / made.name).open("wb") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                time.sleep(every_s / 20)
                file.write(content[len(content) // 2 :])
            time.sleep(max(0.0, due - time.perf_counter()))


def try_acquisition(stacks: int, remover: str, minutes: float) -> bool:
    """Play a day of acquisition in some minutes beside `correct --watch`, three stacks damaged, and watch its memory."""
    every_s, pace = 60 * minutes / stacks, DAY_S / (60 * minutes)
    bad = {f"stack{stacks * part // 5:04}.h5": how for part, how in ((1, "truncated"), (2, "empty"), (4, "a damaged chunk"))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        words = ["correct", str(folder / "in"), "--watch", str(10 * every_s / 60), "--out", str(folder / "out"), "--remover", remover]
        command = [sys.executable, "-u", "-c", PLAYED, str(pace), *words]
        sizes = []
        arriving = multiprocessing.get_context("spawn").Process(target=acquire, args=(folder / "in", stacks, bad, every_s))
        arriving.start()
        with (
            (folder / "errors").open("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as run,  # noqa: S603
        ):
            assert run.stdout is not None
            watched = psutil.Process(run.pid)
            for _ in run.stdout:
                try:
                    sizes.append(watched.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    break
            code = run.wait()
            errors.seek(0)
            said = errors.read()
        arriving.join()
        whole = [path for path in (folder / "out").glob("*.zarr") if status(path) == "complete"]
        begin = min(50, len(sizes) // 10)
        spread = max(abs(size / sizes[begin] - 1) for size in sizes[begin:])
        print(f"24 hours in {minutes:.0f} minutes, {stacks} stacks by {remover}: {len(whole)} complete, exit code {code}")
        for file, what in bad.items():
            print(f"  {file} ({what}): {next((line for line in said.splitlines() if file in line), 'NOT NAMED')}")
        marks = sorted({begin, *range(100, len(sizes), 100), len(sizes) - 1})
        print("  resident memory, MB: " + ", ".join(f"{sizes[at]:.0f} after {at + 1}" for at in marks))
        print(f"  largest change from stack {begin + 1} on: {100 * spread:.1f} %")
        return len(whole) == stacks - 3 and code == 1 and all(file in said for file in bad) and spread <= 0.05


# --- bad pixels --------------------------------------------------------------------------------------


def try_pixels() -> bool:
    """Spoil 1 % of the pixels of a stack, and compare all others bit by bit."""
    rng, sound = np.random.default_rng(0), True
    print(f"{'remover':<8}{'pixels':>8}" + "".join(f"{kind:>12}" for kind in (*BAD, "all at once")))
    for name, side in (("cnn", 64), ("rnn", 64), ("kk", 64), ("mem", 32)):
        axis = np.linspace(600.0, 3400.0, 500)
        light = 2000 + 500 * np.sin(axis / 90)
        clean = rng.poisson(light * rng.uniform(0.7, 1.3, (side, side, 1))).astype(np.float32)
        remover = load_remover(name, device="cpu")
        expected = remove_background(make_stack(clean, axis), remover)["raman"].values
        row = f"{name:<8}{side * side:8}"
        for kinds in (*([kind] for kind in BAD), list(BAD)):
            at = rng.permutation(side * side)[: side * side // 100]
            spoilt = clean.copy()
            for number, pixel in enumerate(at):
                spoilt.reshape(-1, axis.size)[pixel] = BAD[kinds[number % len(kinds)]]
            got = remove_background(make_stack(spoilt, axis), remover)["raman"].values
            others = np.setdiff1d(np.arange(side * side), at)
            same = got.reshape(-1, axis.size)[others].tobytes() == expected.reshape(-1, axis.size)[others].tobytes()
            row += f"{'identical' if same else 'DIFFERS':>12}"
            sound &= same
        print(row, flush=True)
    return sound


def main() -> None:
    """Run one of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "workers", "acquisition", "pixels"))
    parser.add_argument("--times", type=int)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--stacks", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--remover", default="kk")
    a = parser.parse_args()
    tries: dict[str, Callable[[], bool]] = {
        "kill": lambda: try_kill(a.times or 50, a.blocks or 200, a.remover),
        "workers": lambda: try_workers(a.times or 10, a.blocks or 40, a.remover),
        "acquisition": lambda: try_acquisition(a.stacks, a.remover, a.minutes),
        "pixels": try_pixels,
    }
    try:
        sound = tries[a.what]()
    except CrimsonError as error:
        sys.exit(str(error))
    print("all as it must be" if sound else "NOT all as it must be")
    sys.exit(not sound)


if __name__ == "__main__":
    main()
