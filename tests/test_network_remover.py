"""The network remover behind the seam."""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import zarr

from at_once import AtOnce
from napari_crimson import open_stack, priority, remove_background
from napari_crimson.device import CPU_CORES
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import build
from napari_crimson.remover import load_remover, network
from napari_crimson.remover.base import Remover, Task
from napari_crimson.remover.in_flight import InFlight
from napari_crimson.remover.network import NetworkRemover
from napari_crimson.remover.on_device import Pass
from napari_crimson.remover.passes import Passes
from refusing import refused, unchanged

AXIS = np.linspace(600.0, 3400.0, 300)
SPECTRA = np.random.default_rng(0).uniform(500, 5000, (2, 300)).astype(np.float32)


@pytest.fixture
def remover() -> NetworkRemover:
    torch.manual_seed(0)
    network = build("cnn", {})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    card = {"name": "mine", "network": "cnn", "convention": "relative", "sha256": "0"}
    return NetworkRemover(network, card, device="cpu", precision="float32")


def test_a_thread_with_another_axis_does_not_change_the_answer(remover: NetworkRemover, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = remover(SPECTRA, AXIS)
    remover(SPECTRA, 1.5 * AXIS)

    def other_thread_comes_between(wavenumber: np.ndarray) -> str:
        monkeypatch.undo()
        remover(SPECTRA, 1.5 * AXIS)
        return ""

    monkeypatch.setattr(remover, "doubts", other_thread_comes_between)
    np.testing.assert_allclose(remover(SPECTRA, AXIS), alone, rtol=1e-5, atol=1e-6)


def test_too_short_an_axis_is_refused_ahead_of_any_work(remover: NetworkRemover, tmp_path: Path) -> None:
    with pytest.raises(CrimsonError, match=r"12 points.*at least 16; crop less, or take more bands"):
        remover(np.full((1, 12), np.nan), AXIS[:12])
    np.savez(tmp_path / "short.npz", cars=np.ones((2, 3, 12)), wavenumber=AXIS[:12])
    with refused(tmp_path, r"12 points.*at least 16; crop less, or take more bands"):
        remove_background(open_stack(tmp_path / "short.npz"), remover, output=tmp_path / "out.zarr")


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        (400 + 12.0 * np.arange(200), "steps of 0.8 to 8 cm⁻¹, this axis has 12: do not trust it here"),
        (400 + 0.5 * np.arange(200), "steps of 0.8 to 8 cm⁻¹, this axis has 0.5: do not trust it here"),
        (np.linspace(3000, 5000, 300), "200 to 4000 cm⁻¹, this axis goes from 3000 to 5000"),
        (AXIS[:60] / 2, "128 points and more, this axis has 60"),
        (AXIS[:127] / 2, "128 points and more, this axis has 127"),
        (400 + 0.7 * np.arange(130), "steps of .*; on axes of 96 cm⁻¹ and longer at this step, this one has 90"),
        (np.r_[np.linspace(400, 1800, 200), np.linspace(2600, 3200, 100)], "steps of 0.8 to 8 cm⁻¹, this axis has 800"),
    ],
    ids=["coarse", "fine", "beyond", "short", "a point short", "narrow", "a hole"],
)
def test_an_axis_outside_of_training_is_told_with_the_ranges_of_the_card(axis: np.ndarray, told: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "cell.npz", cars=SPECTRA[None, :, : axis.size], wavenumber=axis)
    with unchanged(tmp_path), pytest.warns(UserWarning, match=f"'cnn' was trained on {told}"):
        done = remove_background(open_stack(tmp_path / "cell.npz"), "cnn", device="cpu")
    assert done["raman"].shape == (1, 2, axis.size)
    assert re.search(f"'cnn' was trained on {told}", done.attrs["history"][-1])


def test_constant_and_clipped_spectra_get_no_answer_and_leave_the_others_alone(remover: NetworkRemover, tmp_path: Path) -> None:
    spectra = np.concatenate([SPECTRA, SPECTRA, SPECTRA[:1]])
    spectra[2] = 700.0
    spectra[3, 40:52] = 6000.0  # a converter at its end
    spectra[4, [3, 90, 91, 200]] = 6000.0  # the same maximum in single points is chance
    mean, sd = remover(spectra, AXIS, uncertainty=True)
    assert np.isnan(mean[2:4]).all()
    assert np.isnan(sd[2:4]).all()
    assert np.isfinite(mean[[0, 1, 4]]).all()
    np.testing.assert_allclose(mean[:2], remover(SPECTRA, AXIS), rtol=1e-4, atol=1e-5)
    np.savez(tmp_path / "cell.npz", cars=spectra[None], wavenumber=AXIS)
    with unchanged(tmp_path):
        done = remove_background(open_stack(tmp_path / "cell.npz"), remover)
    assert np.isnan(done["raman"].values[0]).all(axis=-1).tolist() == [False, False, True, True, False]
    assert "2 of 5 pixels hold no spectrum" in done.attrs["history"][-1]


COUNTS = np.random.default_rng(3).integers(200, 5000, (40, 300)).astype(np.uint16)
DARK = np.linspace(90, 110, 300, dtype=np.float32)


@pytest.fixture
def as_stored() -> np.ndarray:
    """Counts with all that goes wrong: nothing but dark, nothing at all, saturated."""
    counts = COUNTS.copy()
    counts[3], counts[8], counts[11, 17] = 80 - np.arange(300) % 7, 0, 65535
    return counts


@pytest.mark.parametrize("way", ["on cores", "in flight"])
@pytest.mark.parametrize("dtype", ["uint16", ">u2", "int32", "float64"])
def test_spectra_as_stored_give_what_floats_without_dark_give(remover: NetworkRemover, as_stored: np.ndarray, dtype: str, way: str) -> None:
    remover._in_flight = InFlight("cpu") if way == "in flight" else None
    if dtype == "float64":
        given = np.where(as_stored == 65535, np.inf, as_stored)
    elif dtype == "int32":
        given = np.where(as_stored == 65535, np.iinfo(dtype).max, as_stored.astype(dtype))
    else:
        given = as_stored.astype(dtype)
    before = given.copy()
    floats = as_stored.astype(np.float32) - DARK
    floats[11] = np.nan
    raman, sd = remover(given, AXIS, dark=DARK, uncertainty=True)
    expected, expected_sd = remover(floats, AXIS, uncertainty=True)
    np.testing.assert_array_equal(raman, expected)
    np.testing.assert_array_equal(sd, expected_sd)
    assert np.flatnonzero(np.isnan(raman).all(axis=1)).tolist() == [3, 8, 11]
    np.testing.assert_array_equal(given, before)


def test_the_device_finds_the_same_spectra_sound_as_the_host(remover: NetworkRemover) -> None:
    spectra = np.random.default_rng(4).uniform(1, 5, (12, 300)).astype(np.float32)
    spectra[1, 7], spectra[2, 0], spectra[3, -1] = np.nan, np.inf, -np.inf
    spectra[4], spectra[5], spectra[6] = -1.0, 0.0, 3e38  # the sum of the last is beyond float32
    spectra[6, 0], spectra[7, 3], spectra[8] = 1.0, -4.0, np.nan
    task = Task(wavenumber=AXIS, uncertainty=True)
    for here, there in zip(Remover._answer(remover, spectra, task), remover._answer(spectra, task), strict=True):
        np.testing.assert_array_equal(here, there)
        assert np.isfinite(there[[0, 7, 9, 10, 11]]).all()


def test_a_clipped_spectrum_is_found_beneath_a_dark_that_varies(remover: NetworkRemover) -> None:
    counts = COUNTS.copy()
    counts[5, 100:110] = 6000
    assert np.flatnonzero(np.isnan(remover(counts, AXIS, dark=DARK)).any(axis=1)).tolist() == [5]


@pytest.mark.parametrize("remover", ["cnn", "kk"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
def test_the_end_of_a_converter_of_fewer_bits_is_saturation(remover: str, dtype: str) -> None:
    counts = (COUNTS[:6] // 2).astype(dtype)
    counts[2, [40, 110, 180]] = 4095  # of 12 bits, with noise between
    counts[4, [60, 70]] = 4095  # may be chance
    counts[5, [40, 41, 42]] = 4000
    answer = load_remover(remover, device="cpu")(counts, np.linspace(600.0, 2400.0, 300))
    assert np.flatnonzero(np.isnan(answer).any(axis=1)).tolist() == [2]


def test_a_dark_that_is_no_dark_is_refused(remover: NetworkRemover) -> None:
    with pytest.raises(CrimsonError, match="a dark that is not finite at 1 of 300 points; measure it again"):
        remover(SPECTRA, AXIS, dark=np.where(np.arange(300) == 7, np.nan, 1.0))


@pytest.mark.parametrize("constant", [1e-37, 1e35])
def test_any_scale_of_the_reference_leaves_the_answer(constant: float) -> None:
    remover = load_remover("cnn", device="cpu", precision="float32")
    axis = np.linspace(600.0, 2400.0, 300)
    reference = (1 + 0.5 * np.sin(axis / 300)).astype(np.float32)
    answer = remover(SPECTRA, axis, reference)
    np.testing.assert_allclose(remover(SPECTRA, axis, reference * np.float32(constant)), answer, atol=1e-3 * abs(answer).max())


def test_no_spectra_give_no_answers(remover: NetworkRemover) -> None:
    mean, sd = remover(SPECTRA[:0], AXIS, uncertainty=True)
    assert mean.shape == sd.shape == (0, AXIS.size)


@pytest.mark.parametrize("name", ["cnn", "cnn-crimson"])
@pytest.mark.parametrize("constant", [1e-30, 3.7, 1e33])
def test_any_constant_leaves_the_answer(name: str, constant: float) -> None:
    corrected = load_remover(name, device="cpu", precision="float32")
    axis = np.linspace(0.1, 1998.1, 1000) + (250 if name == "cnn" else 0)
    spectra = np.random.default_rng(1).uniform(900, 1000, (2, 1000)).astype(np.float32)
    answer = corrected(spectra, axis)
    scaled = corrected(spectra * np.float32(constant), axis)
    np.testing.assert_allclose(scaled, answer, atol=2e-4 * abs(answer).max())


def test_a_reference_without_light_is_refused_and_a_clipped_one_told(remover: NetworkRemover) -> None:
    smooth = 1000 * np.exp(-0.5 * ((AXIS - 2000) / 800) ** 2)
    hole = np.where((AXIS > 1500) & (AXIS < 2000), 0.0, smooth)
    with pytest.raises(
        CrimsonError, match=r"zero or negative at 53 of 300 points, the first at 1\d+.* cm⁻¹; subtract its dark once, crop the axis"
    ):
        remover(SPECTRA, AXIS, hole)
    with pytest.warns(UserWarning, match="the reference has its maximum at 78 neighbouring bands: it is clipped"):
        remover(SPECTRA, AXIS, smooth.clip(max=900))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        remover(SPECTRA, AXIS, smooth.round())
        remover(SPECTRA, AXIS, np.ones(300))


def test_results_in_half_the_size_differ_by_their_digits_alone(remover: NetworkRemover, as_stored: np.ndarray) -> None:
    whole, sd = remover(as_stored, AXIS, uncertainty=True)
    half, half_sd = remover(as_stored, AXIS, uncertainty=True, dtype="float16")
    assert half.dtype == half_sd.dtype == np.float16
    np.testing.assert_array_equal(half, whole.astype(np.float16))
    np.testing.assert_array_equal(half_sd, sd.astype(np.float16))
    with pytest.raises(CrimsonError, match="no results in 'float64'; there are float32, float16"):
        remover(as_stored, AXIS, dtype="float64")


@pytest.mark.parametrize("size", [1, 7, 32, 128])
def test_passes_hold_each_spectrum_once_and_are_not_of_a_few(size: int) -> None:
    for count in [*range(1, 400), 1300, 5000]:
        cuts = Passes("none that was tried").cut(count, 128_000 // size)
        sizes = [cut.stop - cut.start for cut in cuts]
        assert [cut.start for cut in cuts] == np.cumsum([0, *sizes[:-1]]).tolist()
        assert sum(sizes) == count
        assert all(one == size or one >= 16 for one in sizes) or min(count, size) < 16


def test_the_length_of_a_pass_is_found_out_on_the_work_itself_and_kept(remover: NetworkRemover) -> None:
    many = np.random.default_rng(2).uniform(500, 5000, (16_000, 300)).astype(np.float32)
    few = many[:300]
    expected = remover(few, AXIS)
    network = Counting(remover.network)
    remover.network = network  # type: ignore[assignment]
    for start in range(0, 16_000, 4000):  # as a run does that can be stopped
        remover(many[start : start + 4000], AXIS)
    tried = set(network.sizes)
    assert max(tried) > 700 > 100 > min(tried)
    network.sizes.clear()
    np.testing.assert_array_equal(remover(many, AXIS)[:300], expected)
    measured = json.loads(Path(os.environ["CRIMSON_MEASURED"]).read_text())
    (known,) = (value for name, value in measured.items() if name.startswith("spectra times points of a pass; cnn {}, torch.float32"))
    length = known // remover._axis.grid.numel()  # type: ignore[union-attr]
    assert length in tried
    assert max(network.sizes) <= length
    kept = sum(size for size in network.sizes if size >= length - 1)  # passes of a few are of even sizes
    assert kept >= 16_000 - (length + 16) * CPU_CORES  # others are halved at the end, so that no core waits


class Counting(torch.nn.Module):
    """A network that notes how many spectra each pass has."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sizes: list[int] = []

    def forward(self, cars: torch.Tensor, *rest: torch.Tensor, **words: bool) -> object:
        self.sizes.append(len(cars))
        return self.network(cars, *rest, **words)


class Failing(torch.nn.Module):
    """A network that raises in a given call, or for more spectra than it has room for."""

    def __init__(self, network: torch.nn.Module, error: Exception, *, room: int | None = None, call: int | None = None) -> None:
        super().__init__()
        self.network, self.error, self.room, self.call = network, error, room, call
        self.sizes: list[int] = []

    def forward(self, cars: torch.Tensor, *rest: torch.Tensor, **words: bool) -> object:
        self.sizes.append(len(cars))
        if len(self.sizes) == self.call or (self.room is not None and len(cars) > self.room):
            raise self.error
        return self.network(cars, *rest, **words)


MANY = np.random.default_rng(1).uniform(500, 5000, (500, 300)).astype(np.float32)


def nothing_done(result: Path) -> bool:
    """Whether a result is marked as partial, without one finished block."""
    said = zarr.open_group(result, mode="r").attrs["crimson"]
    return said["status"] == "partial" and (result / "raman" / "blocks.txt").read_text() == f"{said['fingerprint']}\n"


FULL = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
]


@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_full_gpu_is_given_smaller_batches_and_the_answer_is_the_same(
    error: RuntimeError, remover: NetworkRemover, tmp_path: Path
) -> None:
    whole = remover(MANY, AXIS)
    remover._in_flight = InFlight("cpu")  # as on a GPU
    remover.network = Failing(remover.network, error, room=60)  # type: ignore[assignment]
    np.testing.assert_allclose(remover(MANY, AXIS), whole, rtol=1e-4, atol=1e-5)
    sizes = remover.network.sizes
    assert max(sizes) > 60
    assert sum(size for size in sizes if size <= 60) == 500
    sizes.clear()
    np.savez(tmp_path / "cell.npz", cars=MANY[None], wavenumber=AXIS)
    with unchanged(tmp_path):
        done = remove_background(open_stack(tmp_path / "cell.npz"), remover)
    np.testing.assert_allclose(done["raman"].values[0], whole, rtol=1e-4, atol=1e-5)
    assert max(sizes) <= 60  # what it has learnt it keeps


def test_a_gpu_without_room_for_one_spectrum_is_told(remover: NetworkRemover, tmp_path: Path) -> None:
    remover._in_flight = InFlight("cpu")  # as on a GPU
    remover.network = Failing(remover.network, torch.OutOfMemoryError("CUDA out of memory"), room=0)  # type: ignore[assignment]
    told = r"no memory left for a single spectrum; close other programs, or take device='cpu'"
    with pytest.raises(CrimsonError, match=told):
        remover(SPECTRA, AXIS)
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "cell.npz", cars=SPECTRA[None], wavenumber=AXIS)
    with refused(tmp_path / "in", told):
        remove_background(open_stack(tmp_path / "in" / "cell.npz"), remover, output=tmp_path / "out.zarr")
    assert nothing_done(tmp_path / "out.zarr")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: all devices are busy")])
@pytest.mark.parametrize("where", ["to", "__call__"])
def test_a_gpu_that_another_process_has_taken_is_told_on_loading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: RuntimeError, where: str
) -> None:
    class Taken:
        def to(self, *_: object) -> Taken:
            if where == "to":
                raise error
            return self

        def eval(self) -> Taken:
            return self

        def requires_grad_(self, _: bool) -> Taken:
            return self

        def __call__(self, *_: object) -> None:
            raise error

    monkeypatch.setattr(network, "resolve_device", lambda _: "meta")  # there, and no CPU
    monkeypatch.setattr(network, "build", lambda *_: SimpleNamespace(load_state_dict=lambda *_, **__: None, to=Taken().to))
    np.savez(tmp_path / "cell.npz", cars=SPECTRA[None], wavenumber=AXIS)
    with refused(tmp_path, r"meta cannot take the network: CUDA .*; close the programs that use it .*device='cpu'"):
        remove_background(open_stack(tmp_path / "cell.npz"), "cnn", output=tmp_path / "out.zarr")


FINE = np.linspace(600.0, 2400.0, 300)
LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported")


def test_a_lost_device_stops_the_work_and_says_how_it_goes_on(remover: NetworkRemover, tmp_path: Path) -> None:
    remover.network = Failing(remover.network, LOST, call=1)  # type: ignore[assignment]
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "cell.npz", cars=SPECTRA[None], wavenumber=AXIS)
    with refused(tmp_path / "in", r"cpu was lost at work \(CUDA error: unspecified launch failure.*'cpu\+cpu'"):
        remove_background(open_stack(tmp_path / "in" / "cell.npz"), remover, output=tmp_path / "out.zarr")
    assert nothing_done(tmp_path / "out.zarr")


def test_a_lost_device_gives_way_to_the_cpu_where_that_is_allowed(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    alone = load_remover("cnn", device="cpu", precision="float32")(MANY, FINE)
    remover = load_remover("cnn", device="auto+cpu", precision="float32")
    assert isinstance(remover, NetworkRemover)
    lost = Failing(remover.network, LOST, call=2)
    remover.network = lost  # type: ignore[assignment]
    np.savez(tmp_path / "cell.npz", cars=MANY[None], wavenumber=FINE)
    with unchanged(tmp_path):
        done = remove_background(open_stack(tmp_path / "cell.npz"), remover)
    np.testing.assert_allclose(done["raman"].values[0], alone, rtol=1e-4, atol=1e-5)
    assert remover.network is not lost
    assert "going on on the CPU" in caplog.text
    assert remover.provenance["device"].endswith("lost, then cpu")


def test_another_failure_of_the_network_is_a_bug_and_stays_one(remover: NetworkRemover) -> None:
    remover.network = Failing(remover.network, RuntimeError("shapes do not match"), call=1)  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="shapes do not match"):
        remover(SPECTRA, AXIS)


def test_a_pass_that_ends_after_another_axis_has_come_is_no_error() -> None:
    passes = Passes("none that was tried with two axes")
    cuts = passes.cut(5000, 1000)
    with passes.timed(cuts[0]):
        passes.cut(5000, 300)


@pytest.mark.parametrize(("used_ago_s", "most"), [(0.0, 1), (10.0, 3)])
def test_cores_are_left_to_a_window_in_use(used_ago_s: float, most: int, remover: NetworkRemover, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = AtOnce()

    def slow(_: Pass, spectra: torch.Tensor) -> list[torch.Tensor]:
        with at_once.work():
            return [spectra, spectra]

    monkeypatch.setattr(network, "CPU_CORES", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(priority, "_USED_S", 5.0)
    monkeypatch.setattr(Pass, "__call__", slow)
    monkeypatch.setattr(remover._passes, "cut", lambda *_: [slice(start, start + 1) for start in range(6)])
    monkeypatch.setattr(priority, "_used", time.perf_counter() - used_ago_s)
    spectra = 1 + np.random.default_rng(0).random((6, 200), dtype=np.float32)
    with ThreadPoolExecutor(1, initializer=priority.stand_back) as pool:
        pool.submit(remover.correct, spectra, np.linspace(800, 1800, 200), None).result()
    assert at_once.most == most


@pytest.mark.parametrize("cores", [1, 2, 6])
def test_no_core_waits_long_for_the_last_pass_of_a_block(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_crimson.remover.passes.CPU_CORES", cores)
    passes = Passes("one that was tried before")
    passes._points = 128_000
    for count in (200, 1152, 1300, 4096, 5000):
        busy_until = [0] * cores
        for cut in passes.cut(count, 1000):
            busy_until[busy_until.index(min(busy_until))] += cut.stop - cut.start
        assert max(busy_until) - min(busy_until) <= 64
