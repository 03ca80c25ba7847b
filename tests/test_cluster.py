"""The same job on the workers of a real scheduler, in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from napari_crimson.__main__ import main
from napari_crimson.cluster import Cluster, loop
from napari_crimson.cluster import workers as the_workers
from napari_crimson.cluster.task import Plan, Task
from napari_crimson.errors import CrimsonError
from napari_crimson.io import open_stack
from napari_crimson.remove import plan_removal, remove_background
from refusing import command_refused, refused, unchanged

distributed = pytest.importorskip("distributed", reason='pip install "napari-crimson[distributed]"')

AXIS = np.linspace(600.0, 3400.0, 100)
COUNTS = np.random.default_rng(0).integers(500, 5000, (64, 64, 100)).astype(np.uint16)


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as made:
        yield made


@pytest.fixture
def workers(local: Any) -> Iterator[Cluster]:
    with Cluster(local.scheduler_address) as connected:
        yield connected


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "cell.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as made:
        made.create_dataset("cars", data=COUNTS, chunks=(16, 16, 100), compression="gzip")
        made["wavenumber"] = AXIS
    return path


def values(path: Path) -> np.ndarray:
    return xr.open_zarr(path)["raman"].values


def test_workers_give_what_one_process_gives_and_the_record_tells_of_them(workers: Cluster, file: Path, tmp_path: Path) -> None:
    here, there = (plan_removal(open_stack(file), "kk", output=tmp_path / name) for name in ("here.zarr", "there.zarr"))
    list(here.run())
    steps = list(there.run(workers.stream))
    assert [step.blocks_done for step in steps] == list(range(1, len(there.regions) + 1))
    assert steps[-1].pixels_done == 64 * 64
    np.testing.assert_array_equal(values(tmp_path / "there.zarr"), values(tmp_path / "here.zarr"))
    assert xr.open_zarr(tmp_path / "there.zarr").attrs["crimson"]["status"] == "complete"


def test_blocks_are_sent_without_being_printed(workers: Cluster, file: Path, tmp_path: Path) -> None:
    printed = []  # dask prints what it knows no name of: tens of milliseconds a block
    with np.printoptions(formatter={"all": lambda value: printed.append(value) or ""}):
        list(plan_removal(open_stack(file), "kk", output=tmp_path / "there.zarr").run(workers.stream))
    assert not printed


def test_a_network_is_sent_by_name_and_loaded_there(workers: Cluster, file: Path, tmp_path: Path) -> None:
    with h5py.File(file, "w") as made:
        made["cars"], made["wavenumber"] = np.tile(COUNTS[:4, :4], 2), np.linspace(600.0, 1400.0, 200)
    list(plan_removal(open_stack(file), "cnn", output=tmp_path / "there.zarr", precision="float32").run(workers.stream))
    here = remove_background(open_stack(file), "cnn", device="cpu", precision="float32")
    np.testing.assert_allclose(values(tmp_path / "there.zarr").transpose(1, 2, 0), here["raman"].values, rtol=1e-4, atol=1e-5)
    attrs = xr.open_zarr(tmp_path / "there.zarr").attrs["crimson"]
    assert (attrs["device"], attrs["precision"]) == ("cpu (2 workers)", "float32 (2 workers)")


def test_a_worker_killed_at_work_costs_nothing_but_time(local: Any, workers: Cluster, file: Path, tmp_path: Path) -> None:
    remove_background(open_stack(file), slow_double, output=tmp_path / "here.zarr")
    job = plan_removal(open_stack(file), slow_double, output=tmp_path / "there.zarr")
    victim = next(iter(workers._client.run(os.getpid).values()))
    with unchanged(file.parent):
        for step in job.run(workers.stream):
            if step.blocks_done == 3:
                os.kill(victim, signal.SIGKILL)
    np.testing.assert_array_equal(values(tmp_path / "there.zarr"), values(tmp_path / "here.zarr"))
    assert xr.open_zarr(tmp_path / "there.zarr").attrs["crimson"]["status"] == "complete"


def slow_double(spectra: np.ndarray, wavenumber: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    return np.sort(np.tile(spectra, (20, 1)), axis=1)[: len(spectra)] * 0 + 2 * spectra


slow_double.__module__ = "__main__"  # sent by value: workers know no module of tests


def test_what_was_stopped_on_workers_goes_on_here(workers: Cluster, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zarr"
    steps = plan_removal(open_stack(file), "kk", output=out).run(workers.stream)
    next(steps)
    steps.close()
    again = plan_removal(open_stack(file), "kk", output=out)
    done = len(again.sink.finished())
    assert 1 <= done < len(again.regions)
    assert len(list(again.run())) == len(again.regions) - done
    np.testing.assert_array_equal(values(out).transpose(1, 2, 0), remove_background(open_stack(file), "kk")["raman"].values)


def test_damage_is_named_by_the_workers_as_well(local: Any, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(file) as made:
        chunk = made["cars"].id.get_chunk_info(5)
    with file.open("r+b") as raw:
        raw.seek(chunk.byte_offset + 20)
        raw.write(b"\xff" * 100)
    with pytest.raises(SystemExit) as end:
        main(["correct", str(file), "--out", str(tmp_path / "out"), "--remover", "kk", "--scheduler", local.scheduler_address])
    assert end.value.code == 3
    said = capsys.readouterr().err
    assert "y 16 to 31, x 16 to 31" in said
    assert "--redo-damaged" in said
    assert xr.open_zarr(tmp_path / "out" / "cell.zarr").attrs["crimson"]["bad_pixels"] == 256


def test_results_in_memory_are_refused(workers: Cluster, file: Path) -> None:
    with refused(file.parent, r"give output= a path ending in \.zarr"):
        list(plan_removal(open_stack(file), "kk").run(workers.stream))


def test_a_remover_that_cannot_be_sent_is_told_ahead_of_any_work(workers: Cluster, file: Path, tmp_path: Path) -> None:
    lock = threading.Lock()

    def locked(spectra: np.ndarray, wavenumber: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
        with lock:
            return spectra

    job = plan_removal(open_stack(file), locked, output=tmp_path / "out.zarr")
    with refused(
        file.parent, r"remover 'locked' cannot be sent to workers \(.*lock.*\); write it as a function that holds no files, locks"
    ):
        list(job.run(workers.stream))
    assert plan_removal(open_stack(file), locked, output=tmp_path / "out.zarr").sink.finished() == {}


def test_what_a_worker_lacks_is_told_ahead_of_any_work(
    workers: Cluster, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("def remove(spectra, wavenumber, reference):\n    return spectra\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine  # type: ignore[import-not-found]

    job = plan_removal(open_stack(file), mine.remove, output=tmp_path / "out.zarr")
    with refused(file.parent, r"worker tcp://\S+ cannot take the remover .*mine.*installed there"):
        list(job.run(workers.stream))


def test_a_scheduler_that_is_not_there_is_told_in_seconds(
    monkeypatch: pytest.MonkeyPatch, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(the_workers, "ANSWER_S", 0.5)
    told = r"no scheduler answers at tcp://127\.0\.0\.1:9 within 0\.5 s.*dask scheduler"
    with refused(file.parent, told):
        Cluster("tcp://127.0.0.1:9")
    command = ("correct", file, "--out", file.parent / "out", "--remover", "kk", "--scheduler", "tcp://127.0.0.1:9")
    command_refused(capsys, [file.parent], told, *command)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("foo", "'foo' is no address of a scheduler; .*such as tcp://host:8786"),
        ("", "'' is no address"),
        ("http://127.0.0.1:80", "'http://127.0.0.1:80' is no address"),
        ("tls://127.0.0.1:9", "tls://127.0.0.1:9 asks for certificates; .*distributed.comm.tls"),
    ],
)
def test_what_is_no_address_is_told_at_once(address: str, message: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command_refused(
        capsys, [file.parent], message, "correct", file, "--out", file.parent / "out", "--remover", "kk", "--scheduler", address
    )


def test_a_path_is_that_of_the_process_that_opened_it(
    workers: Cluster, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)  # where no worker is
    job = plan_removal(open_stack(file.name), "kk", output=tmp_path / "out.zarr")
    monkeypatch.chdir(tmp_path)
    assert len(list(job.run(workers.stream))) == len(job.regions)


def test_a_stack_that_workers_do_not_see_is_told_and_not_waited_for(workers: Cluster, file: Path, tmp_path: Path) -> None:
    job = plan_removal(open_stack(file), "kk", output=tmp_path / "out.zarr")
    file.rename(file.with_name("elsewhere.h5"))
    with pytest.raises(CrimsonError, match=r"worker tcp://\S+: cannot read the stack \(.*cell\.h5 is gone.* by the same path"):
        list(job.run(workers.stream))


def test_a_worker_that_is_frozen_is_named(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_workers, "ALIVE_S", 1.0)
    with Cluster(local.scheduler_address) as workers:
        victim = next(iter(workers._client.run(os.getpid).values()))
    os.kill(victim, signal.SIGSTOP)
    try:
        with pytest.raises(CrimsonError, match=r"worker tcp://\S+ does not answer within 1 s; end or restart it"):
            Cluster(local.scheduler_address)
    finally:
        os.kill(victim, signal.SIGCONT)


def test_a_block_is_not_done_by_another_version() -> None:
    plan = Plan(correct=None, path=Path(), dims=(), names=(), version="0.0.1")  # type: ignore[arg-type]
    with pytest.raises(CrimsonError, match=r"a worker on \S+ has napari-crimson \S+, the others 0\.0\.1; install the same there"):
        Task(plan=plan, cars=None, region=())()  # type: ignore[arg-type]


class Told:
    """A client whose workers answer as told."""

    status = "running"

    def __init__(self, *answers: object) -> None:
        self.answers = {f"tcp://w{number}": answer for number, answer in enumerate(answers)}

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.answers, 1)

    async def run(self, *_: object, **__: object) -> dict[str, object]:
        return self.answers

    def sync(self, question: Callable[..., Coroutine[Any, Any, Any]], *words: object) -> Any:
        return asyncio.run(question(*words))

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([], "has no workers; start some with 'dask worker tcp://s'"),
        ([PackageNotFoundError("napari-crimson")], r"worker tcp://w0 has no napari-crimson; install version \S+ there"),
        (["0.0.1"], r"worker tcp://w0 has napari-crimson 0\.0\.1, this is \S+; install the same there"),
    ],
)
def test_workers_that_will_not_do_are_told(
    answers: list[object], message: str, monkeypatch: pytest.MonkeyPatch, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "connect", lambda _: Told(*answers))
    with refused(file.parent, message):
        Cluster("tcp://s")
    command_refused(
        capsys, [file.parent], message, "correct", file, "--out", file.parent / "out", "--remover", "kk", "--scheduler", "tcp://s"
    )


def test_a_run_without_workers_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LOOK_S", 0.01)
    monkeypatch.setattr(loop, "ALONE_S", 0.03)
    lonely = Cluster.__new__(Cluster)
    lonely.address, lonely._client = "tcp://s", Told()
    with pytest.raises(CrimsonError, match=r"has had no worker for 0\.03 s.*Finished blocks are kept"):
        lonely._wait(loop.SimpleQueue())
    lonely._client.status = "closed"
    with pytest.raises(CrimsonError, match="is gone; start it again"):
        lonely._wait(loop.SimpleQueue())
