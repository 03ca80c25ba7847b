"""The dry run: what it tells, that it raises what the run would raise, and that it leaves everything as it is."""

from __future__ import annotations

import json
import os
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from napari_crimson import estimate
from napari_crimson.errors import CrimsonError
from napari_crimson.estimate import Estimate, estimate_removal, measure_speed
from napari_crimson.memory import limit_memory
from napari_crimson.pipeline import Pipeline, Step
from napari_crimson.remove import plan_removal
from napari_crimson.results import store
from napari_crimson.stack import make_stack

AXIS = np.linspace(2800.0, 3100.0, 20)


def tissue(rows: int = 40, columns: int = 64) -> xr.Dataset:
    values = np.random.default_rng(0).uniform(100, 1000, (rows, columns, AXIS.size)).astype(np.float32)
    return make_stack(values, AXIS, source="tissue.h5")


def halved(spectra: np.ndarray, *_: Any) -> np.ndarray:
    return spectra / 2


def dry(stack: xr.Dataset, **options: Any) -> Estimate:
    return estimate_removal(plan_removal(stack, **{"remover": halved, "dry_run": True, **options}))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_tells_shape_blocks_and_size_and_makes_nothing(tmp_path: Path) -> None:
    there = dry(tissue(), output=tmp_path / "out.zarr")
    assert list(tmp_path.iterdir()) == []
    assert there.sizes == {"y": 40, "x": 64, "wavenumber": 20}
    assert there.size == 40 * 64 * 20 * 4
    assert there.pixels_left == 40 * 64
    assert there.blocks == len(plan_removal(tissue(), halved, output=tmp_path / "real.zarr").regions)
    assert there.room > there.size
    shape, output, time = there.describe()
    assert shape == f"40 y × 64 x × 20 wavenumber, {there.blocks} blocks"
    assert "205 kB on the disk" in output
    assert "not measured" in time
    assert "205 kB in memory" in dry(tissue()).describe()[1]


def test_a_dry_run_cannot_be_taken_for_a_run(tmp_path: Path) -> None:
    with pytest.raises(CrimsonError, match="dry_run=True"):
        estimate_removal(plan_removal(tissue(), halved))


def test_the_time_is_that_of_the_pixels_left() -> None:
    removal = plan_removal(tissue(), "kk", dry_run=True)
    speed = measure_speed(removal)
    assert speed is not None
    assert speed > 0
    assert measure_speed(removal) == speed  # kept
    assert estimate_removal(removal, spectra_per_s=100.0).seconds == pytest.approx(25.6)
    assert "kk on cpu: about 26 s" in estimate_removal(removal, spectra_per_s=100.0).describe()[2]


def test_a_speed_is_measured_again_for_another_axis_and_for_functions() -> None:
    estimate._measured.clear()
    first = plan_removal(tissue(), "kk", dry_run=True)
    assert measure_speed(first, measure=False) is None
    measure_speed(first)
    shorter = plan_removal(tissue().isel(wavenumber=slice(2, None)), "kk", dry_run=True)
    assert measure_speed(shorter, measure=False) is None
    assert measure_speed(first, measure=False) is not None
    function = plan_removal(tissue(), halved, dry_run=True)
    measure_speed(function)
    assert measure_speed(function, measure=False) is None


def test_a_measurement_can_be_given_up() -> None:
    calls: list[int] = []

    def heed() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        measure_speed(plan_removal(tissue(), lambda spectra, *_: spectra, dry_run=True), heed=heed)


def test_it_knows_what_an_earlier_run_has_done_and_leaves_it(tmp_path: Path) -> None:
    job = plan_removal(tissue(), halved, output=tmp_path / "out.zarr")
    with closing(job.run()) as blocks:
        list(islice(blocks, 2))
    done = len(job.sink.finished())
    record = tmp_path / "out.zarr" / "raman" / "blocks.txt"
    record.write_text(record.read_text() + "12")  # torn
    before = files(tmp_path)
    part = dry(tissue(), output=tmp_path / "out.zarr")
    assert part.blocks_done == done > 0
    assert part.pixels_left < 40 * 64
    assert f"{done} of them done" in part.describe()[0]
    assert files(tmp_path) == before
    list(plan_removal(tissue(), halved, output=tmp_path / "out.zarr").run())
    assert "complete already" in dry(tissue(), output=tmp_path / "out.zarr").describe()[2]
    assert dry(tissue(), output=tmp_path / "out.zarr", resume=False).blocks_done == 0


def test_it_raises_what_the_run_would_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").write_text("not to be lost")
    with pytest.raises(CrimsonError, match="no result of a background removal"):
        dry(tissue(), output=tmp_path / "mine.zarr")
    list(plan_removal(tissue(), halved, output=tmp_path / "other.zarr").run())
    with pytest.raises(CrimsonError, match="other settings"):
        dry(tissue(), remover="kk", output=tmp_path / "other.zarr")
    with pytest.raises(CrimsonError, match="no remover 'best'"):
        dry(tissue(), remover="best")
    limit_memory(1000)
    try:
        with pytest.raises(CrimsonError, match="of memory"):
            dry(tissue())
    finally:
        limit_memory(None)
    monkeypatch.setattr(store, "free_space", lambda _: 100)
    with pytest.raises(CrimsonError, match="free"):
        dry(tissue(), output=tmp_path / "new.zarr")


def test_an_output_that_another_program_writes_is_refused_and_one_of_this_is_not(tmp_path: Path) -> None:
    job = plan_removal(tissue(), halved, output=tmp_path / "out.zarr")
    assert dry(tissue(), output=tmp_path / "out.zarr").blocks_done == 0
    lock = tmp_path / "out.zarr.lock"
    holder = json.loads(lock.read_text())
    lock.write_text(json.dumps({**holder, "pid": os.getpid() + 1, "host": "another"}))
    with pytest.raises(CrimsonError, match="being written by another job"):
        dry(tissue(), output=tmp_path / "out.zarr")
    assert lock.exists()
    job.sink.close()


def test_steps_count_for_the_shape_and_what_reads_the_stack_is_left_out() -> None:
    reads: list[Any] = []
    steps = (Step("crop", {"first_cm1": 2850.0, "last_cm1": 3100.0}), Step("denoise_svd", {"components": 2}))
    pipeline = Pipeline(steps=steps, remover="kk")
    removal = pipeline.plan(tissue(), dry_run=True, progress=lambda name, part: reads.append(name))
    assert "denoise_svd" not in reads
    assert estimate_removal(removal).sizes["wavenumber"] == int((AXIS >= 2850).sum())
    assert "and before it Denoise by SVD" in estimate_removal(removal, ahead=["Denoise by SVD"], spectra_per_s=10.0).describe()[2]


def test_a_prepared_output_is_known_again_without_doing_the_steps(tmp_path: Path) -> None:
    pipeline = Pipeline(steps=(Step("denoise_svd", {"components": 2}),), remover="kk")
    list(pipeline.plan(tissue(), output=tmp_path / "out.zarr").run())
    removal = pipeline.plan(tissue(), output=tmp_path / "out.zarr", dry_run=True)
    assert "complete already" in estimate_removal(removal).describe()[2]
    with pytest.raises(CrimsonError, match="other settings"):
        Pipeline(remover="kk").plan(tissue(), output=tmp_path / "out.zarr", dry_run=True)


def test_a_sink_in_memory_is_taken_up_by_the_same_job_only() -> None:
    first = plan_removal(tissue(), halved, earlier=[])
    with closing(first.run()) as blocks:
        list(islice(blocks, 3))
    done = len(first.sink.finished())
    other = plan_removal(tissue(), "kk", earlier=[first.sink])
    assert other.sink is not first.sink
    changed = tissue()
    changed["cars"] = changed["cars"] + 1
    assert plan_removal(changed, halved, earlier=[first.sink]).sink is not first.sink
    again = plan_removal(tissue(), halved, earlier=[other.sink, first.sink])
    assert again.sink is first.sink
    steps = list(again.run())
    assert steps[0].blocks_done == done + 1
    np.testing.assert_allclose(again.dataset["raman"], tissue()["cars"] / 2)
