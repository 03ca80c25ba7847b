from __future__ import annotations

import threading
import warnings

import dask.array as da
import numpy as np
import psutil
import pytest
import xarray as xr

from napari_crimson import CrimsonError, open_stack, remove_background, save_stack
from napari_crimson.errors import DamagedError
from napari_crimson.remove import plan_removal
from napari_crimson.remover import Remover
from napari_crimson.stack import make_stack
from refusing import refused, unchanged

AXIS = np.linspace(500, 3000, 40)
DARK = np.linspace(90, 110, 40)
COUNTS = np.random.default_rng(0).integers(200, 4000, (90, 70, 40)).astype("u2")
REFERENCE = np.linspace(1000, 2000, 40)


def ratio(spectra, wavenumber, reference):
    """A remover whose result tells all it was given."""
    return spectra * wavenumber / (1 if reference is None else reference)


class Sure(Remover):
    name = "sure"
    gives_uncertainty = True

    def correct(self, spectra, wavenumber, reference):
        return spectra, np.full_like(spectra, 0.5)


def stack(cars=COUNTS, **words):
    return make_stack(
        cars, AXIS, **({"dark": DARK, "reference": REFERENCE, "source": "tissue.h5", "step_um": {"y": 0.5, "x": 0.5}} | words)
    )


def expected(cars=COUNTS):
    return ((cars - DARK) * AXIS / (REFERENCE - DARK)).astype("f4")


def test_the_stack_comes_back_with_its_result_axis_and_history():
    ds = remove_background(stack(history=["opened"]), ratio)
    assert ds["raman"].dims == ds["cars"].dims == ("y", "x", "wavenumber")
    assert ds["raman"].dtype == np.float32
    np.testing.assert_allclose(ds["raman"].values, expected(), rtol=1e-5)
    np.testing.assert_array_equal(ds["cars"].values, COUNTS)
    np.testing.assert_array_equal(ds["x"].values, np.arange(70) * 0.5)
    assert ds.attrs["history"][0] == "opened"
    assert "background removed by ratio" in ds.attrs["history"][1]
    assert ds["raman"].attrs["remover"] == "ratio"
    assert (ds["raman"].attrs["dark"], ds["raman"].attrs["reference"]) == ("stack", "stack")


def test_the_stack_given_is_left_as_it_was():
    given = stack(history=["opened"])
    remove_background(given, ratio)
    assert given.attrs["history"] == ["opened"]
    assert "raman" not in given


@pytest.mark.parametrize("chunks", [(90, 70, -1), (1, 70, -1), (7, 11, -1), (64, 64, 13)])
def test_the_result_is_the_same_however_it_is_cut(chunks, tmp_path):
    whole = remove_background(stack(), ratio)["raman"].values
    cut = stack(da.from_array(COUNTS, chunks=chunks))
    np.testing.assert_array_equal(remove_background(cut, ratio)["raman"].values, whole)
    np.testing.assert_array_equal(remove_background(cut, ratio, lazy=True)["raman"].values, whole)
    np.testing.assert_array_equal(remove_background(cut, ratio, output=tmp_path / "out.zarr")["raman"].values, whole)


def test_five_dimensions_go_through(tmp_path):
    cars = COUNTS[:60, :20].reshape(2, 3, 10, 20, 40)
    ds = remove_background(stack(cars), ratio, output=tmp_path / "out.zarr")
    assert ds["raman"].dims == ("t", "z", "y", "x", "wavenumber")
    np.testing.assert_allclose(ds["raman"].values, expected(cars), rtol=1e-5)


def test_bad_pixels_are_empty_alone_and_counted(tmp_path):
    cars = COUNTS.copy()
    cars[3, 4, 5] = 65535  # saturated
    cars[6, 7] = 0  # below the dark
    save_stack(stack(cars), tmp_path / "tissue.h5")
    with unchanged(tmp_path):
        ds = remove_background(open_stack(tmp_path / "tissue.h5"), ratio)
    empty = np.isnan(ds["raman"].values)
    assert set(zip(*np.nonzero(empty.any(-1)), strict=True)) == {(3, 4), (6, 7)}
    assert empty.any(-1).sum() * 40 == empty.sum()
    assert "2 of 6300 pixels hold no spectrum" in ds.attrs["history"][-1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_floats_that_are_none_are_empty_alone_without_a_warning(bad):
    cars = COUNTS.astype("f8")
    cars[1, 2, 3:5] = bad, -bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = remove_background(stack(cars), ratio)
    assert list(zip(*np.nonzero(np.isnan(ds["raman"].values).any(-1)), strict=True)) == [(1, 2)]


def test_dark_and_reference_may_be_left_out_or_given():
    plain = remove_background(stack(), ratio, dark=None, reference=None)
    np.testing.assert_allclose(plain["raman"].values, COUNTS * AXIS, rtol=1e-5)
    assert plain["raman"].attrs["dark"] == "none"
    assert "none" in remove_background(stack(dark=None), ratio)["raman"].attrs["dark"]
    given = remove_background(stack(dark=None, reference=None), ratio, dark=DARK, reference=list(REFERENCE))
    np.testing.assert_allclose(given["raman"].values, expected(), rtol=1e-5)
    assert given["raman"].attrs["reference"] == "given"


def test_a_spectrum_on_another_axis_is_interpolated_if_it_covers_the_stack():
    wide = np.linspace(3200, 400, 300)
    line = xr.DataArray(np.interp(wide, AXIS, DARK), {"wavenumber": wide}, ["wavenumber"])
    ds = remove_background(stack(), ratio, dark=line)
    inside = slice(2, -2)  # the ends of the interpolated line are bent
    np.testing.assert_allclose(ds["raman"].values[..., inside], expected()[..., inside], rtol=1e-3)
    with pytest.raises(CrimsonError, match=r"covers 600–2000.*500–3000.*sel"):
        remove_background(
            stack(),
            ratio,
            dark=line.sortby("wavenumber")
            .sel(wavenumber=slice(595, 2000))
            .assign_coords(wavenumber=lambda a: np.linspace(600, 2000, a.sizes["wavenumber"])),
        )


def test_an_array_with_a_falling_axis_and_its_spectra_are_turned_together():
    turned = remove_background(COUNTS[..., ::-1], ratio, wavenumber=AXIS[::-1], dark=DARK[::-1], reference=REFERENCE[::-1])
    np.testing.assert_allclose(turned["raman"].values, expected(), rtol=1e-5)
    line = xr.DataArray(COUNTS[..., ::-1], {"wavenumber": AXIS[::-1]}, ["y", "x", "wavenumber"])
    np.testing.assert_allclose(remove_background(line, ratio, dark=DARK[::-1], reference=REFERENCE[::-1])["raman"], expected(), rtol=1e-5)


def test_uncertainty_comes_beside_the_result(tmp_path):
    for words in ({}, {"lazy": True}, {"output": tmp_path / "a.zarr"}):
        ds = remove_background(stack(), Sure(), uncertainty=True, **words)
        assert (ds["uncertainty"].values == 0.5).all()
        np.testing.assert_allclose(ds["raman"].values, COUNTS - DARK, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"remover": "cnnn"}, "no remover 'cnnn'; there are cnn"),
        ({"remover": "kk", "device": "cuda:99"}, "no device 'cuda:99' here; there is cpu.*a GPU needs its driver .*or say 'auto'"),
        ({"uncertainty": True}, "no uncertainty"),
        ({"dark": np.zeros(39)}, r"\(39,\).*40"),
        ({"dark": "yes"}, "dark='yes'"),
        ({"reference": np.full(40, np.nan)}, "40 values that are not finite"),
        ({"reference": DARK}, "nowhere positive"),
        ({"reference": xr.DataArray(np.ones((2, 40)), {"wavenumber": AXIS}, ["y", "wavenumber"])}, "average it"),
        ({"wavenumber": AXIS}, "has its own"),
        ({"lazy": True, "output": "a.zarr"}, "save_stack"),
        ({"data": COUNTS, "wavenumber": "500,3000"}, r"no row of numbers .*500,3000"),
        ({"data": "tissue.h5"}, r"open_stack\('tissue\.h5'\)"),
        ({"data": make_stack(COUNTS[..., :5], AXIS[:5]), "remover": "kk"}, "5 points.*at least 8"),
        ({"reference": xr.DataArray(np.ones(3), {"wavenumber": [400.0, 4000.0, np.nan]}, ["wavenumber"])}, "1 values that are not finite"),
    ],
)
def test_errors_come_before_any_work(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def never(spectra, wavenumber, reference):
        raise AssertionError("work began")

    with refused(tmp_path, message):
        remove_background(**({"data": stack(), "remover": never, "output": "a.zarr"} | words))


def test_a_function_of_another_shape_is_named():
    def cut(spectra, wavenumber, reference):
        return spectra[:, 1:]

    with pytest.raises(CrimsonError, match=r"'cut' gave shape \(\d+, 39\)"):
        remove_background(stack(), cut)


def test_an_array_without_axis_is_refused():
    with pytest.raises(CrimsonError, match="wavenumber="):
        remove_background(COUNTS, ratio)


def test_a_result_larger_than_memory_asks_for_an_output(monkeypatch, tmp_path):
    free = psutil.virtual_memory()._replace(available=1_300_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with refused(tmp_path, r"of memory.*output="):
        remove_background(stack(), ratio)


def test_progress_is_told_and_may_stop_the_work():
    cars = np.tile(COUNTS, (30, 1, 1))
    steps = []
    ds = remove_background(stack(cars), ratio, progress=steps.append)
    assert len(steps) == steps[-1].blocks > 1
    assert steps[-1].pixels_done == steps[-1].pixels == ds["raman"].sizes["y"] * 70

    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_background(stack(cars), ratio, progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crimson")]


def test_the_result_fills_in_while_the_job_runs():
    job = plan_removal(stack(np.tile(COUNTS, (30, 1, 1))), ratio)
    shown = job.sink.arrays["raman"]
    assert np.shares_memory(shown, job.dataset["raman"].values)
    steps = job.run()
    first = next(steps)
    assert np.isfinite(shown[first.region]).all()
    assert np.isnan(shown).any()
    assert sum(1 for _ in steps) == first.blocks - 1
    assert np.isfinite(shown).all()


def test_a_stopped_job_goes_on_in_the_next_call(tmp_path):
    out = tmp_path / "out.zarr"
    cars = da.from_array(np.tile(COUNTS, (12, 1, 1)), chunks=(90, 70, 40))
    calls = []

    def counted(spectra, wavenumber, reference):
        calls.append(len(spectra))
        return ratio(spectra, wavenumber, reference)

    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_background(stack(cars), counted, output=out, progress=stop)
    assert xr.open_zarr(out).attrs["crimson"]["status"] == "partial"
    done = sum(calls)
    assert 0 < done < 12 * 6300
    with pytest.raises(CrimsonError, match="resume=False"):
        remove_background(stack(cars), ratio, output=out)
    with pytest.raises(CrimsonError, match="resume=False"):
        remove_background(stack(cars + 1), counted, output=out)
    calls.clear()
    ds = remove_background(stack(cars), counted, output=out)
    assert done + sum(calls) == 12 * 6300
    np.testing.assert_allclose(ds["raman"].values, expected(np.asarray(cars)), rtol=1e-5)
    calls.clear()
    again = remove_background(stack(cars), counted, output=out)
    assert calls == []
    np.testing.assert_array_equal(again["raman"].values, ds["raman"].values)
    remove_background(stack(cars), ratio, output=out, resume=False)
    assert xr.open_zarr(out).attrs["crimson"]["remover"] == "ratio"


class Learning(Sure):
    """Knows only after work on which grid it worked."""

    grid: str | None = None

    @property
    def provenance(self):
        return super().provenance | ({} if self.grid is None else {"grid": self.grid})

    def correct(self, spectra, wavenumber, reference):
        self.grid = f"{wavenumber.size} points"
        return super().correct(spectra, wavenumber, reference)


def test_what_a_remover_learns_at_work_is_noted_and_makes_no_other_job(tmp_path):
    remover, out = Learning(), tmp_path / "out.zarr"
    ds = remove_background(stack(), remover, output=out)
    assert ds["raman"].attrs["grid"] == "40 points"
    assert xr.open_zarr(out).attrs["crimson"]["grid"] == "40 points"
    for same in (remover, Learning()):
        np.testing.assert_array_equal(remove_background(stack(), same, output=out)["raman"].values, ds["raman"].values)


def test_a_job_runs_once():
    job = plan_removal(stack(), ratio)
    list(job.run())
    with pytest.raises(CrimsonError, match="plan it again"):
        list(job.run())


def test_a_folder_takes_the_result_under_the_name_of_the_source(tmp_path):
    remove_background(stack(), ratio, output=tmp_path / "results")
    attrs = xr.open_zarr(tmp_path / "results" / "tissue.zarr").attrs["crimson"]
    assert attrs["status"] == "complete"
    assert attrs["source"] == "tissue.h5"
    assert (attrs["remover"], attrs["dark"]) == ("ratio", "stack")
    assert "background removed" in attrs["history"][-1]


def test_the_stack_itself_is_no_output(tmp_path):
    with pytest.raises(CrimsonError, match="the stack itself"):
        remove_background(stack(source=str(tmp_path / "a.zarr")), ratio, output=tmp_path / "a.zarr", resume=False)


def test_a_lazy_result_runs_in_another_process():
    ds = remove_background(stack(da.from_array(COUNTS[:8], chunks=(8, 70, 40))), "kk", lazy=True)
    here = remove_background(stack(COUNTS[:8]), "kk")
    there = ds["raman"].data.compute(scheduler="processes", num_workers=1)
    np.testing.assert_array_equal(there, here["raman"].values)


def test_bands_without_light_have_no_result_and_do_not_reach_the_remover():
    axis = np.linspace(-500, 4500, 200)
    light = np.where((axis > 500) & (axis < 4000), 1000.0, 0.0)
    stack = make_stack(np.tile(light + 100, (4, 5, 1)), axis, dark=np.full(200, 100.0))
    seen = []

    def remover(spectra, wavenumber, reference):
        seen.append(wavenumber)
        return spectra

    result = remove_background(stack, remover)
    lit = np.flatnonzero(light)
    np.testing.assert_array_equal(seen[-1], axis[lit])
    np.testing.assert_array_equal(np.isfinite(result["raman"].values), np.broadcast_to(light > 0, (4, 5, 200)))
    assert f"bands with light: {axis[lit[0]]:.0f} to {axis[lit[-1]]:.0f} cm⁻¹" in result.attrs["history"][-1]
    assert "pixels hold no spectrum" not in result.attrs["history"][-1]


def test_many_damaged_blocks_are_counted_and_the_first_are_named(caplog):
    def spoilt(chunk):
        raise DamagedError("no such bytes")

    cars = da.from_array(COUNTS, chunks=(10, 10, 40)).map_blocks(spoilt, dtype=COUNTS.dtype, meta=np.empty((0, 0, 0), COUNTS.dtype))
    ds = remove_background(stack(cars), ratio)
    assert np.isnan(ds["raman"].values).all()
    said = ds.attrs["history"][-1]
    blocks = len(plan_removal(stack(cars), ratio).regions)
    assert said.count("no such bytes") == 10
    assert said.endswith(f"; and {blocks - 10} more")
    assert f"{blocks} of {blocks} blocks could not be read" in caplog.text
