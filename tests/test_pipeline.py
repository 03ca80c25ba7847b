"""The pipeline as its user meets it: what runs, what a result carries, what is refused and in which words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from napari_crimson import open_stack, prepare, remove_background, save_stack, simulate_stack
from napari_crimson.errors import CrimsonError
from napari_crimson.excitation import ExcitationSettings, estimate_reference
from napari_crimson.pipeline import STEPS, Pipeline, Step, parse_pipeline, read_pipeline, remover_options
from napari_crimson.remover.kramers_kronig import KKSettings, KramersKronig
from refusing import refused

AXIS = np.linspace(2700, 3100, 90)
Prepare = Callable[[xr.Dataset], xr.Dataset]

SAMPLES: dict[str, tuple[dict[str, Any], Prepare]] = {  # options in a recipe, and the same as a call
    "remove_spikes": ({"threshold": 7}, lambda ds: prepare.remove_spikes(ds, prepare.SpikeSettings(threshold=7))),
    "subtract_dark": ({"dark": 300.0}, lambda ds: prepare.subtract_dark(ds, 300.0)),
    "subtract_offset": ({"region_cm1": [2700, 2740]}, lambda ds: prepare.subtract_offset(ds, region_cm1=(2700, 2740))),
    "smooth_reference": ({"order": 3}, lambda ds: prepare.smooth_reference(ds, order=3)),
    "crop": ({"first_cm1": 2750, "last_cm1": 3050.5}, lambda ds: prepare.crop(ds, 2750, 3050.5)),
    "calibrate_axis": ({"lines_cm1": [[2850, 2852], [2930, 2931]]}, lambda ds: prepare.calibrate_axis(ds, {2850: 2852, 2930: 2931})),
    "replace_axis": ({"first_cm1": 2705, "last_cm1": 3105}, lambda ds: prepare.replace_axis(ds, np.linspace(2705, 3105, 90))),
    "resample": (
        {"first_cm1": 2750, "last_cm1": 3050, "points": 40},
        lambda ds: prepare.resample(ds, np.linspace(2750, 3050, 40)),
    ),
    "stabilise_variance": ({"gain": 2.0}, lambda ds: prepare.stabilise_variance(ds, prepare.NoiseModel(gain=2.0))),
    "restore_counts": ({}, prepare.restore_counts),
    "estimate_reference": (
        {"pixels": 40, "remover": "cnn"},
        lambda ds: estimate_reference(ds, ExcitationSettings(pixels=40, remover="cnn")),
    ),
    "denoise_svd": (
        {"scaling": "anscombe", "components": 3, "read_noise": 5.0},
        lambda ds: prepare.denoise_svd(
            ds, prepare.SVDSettings(scaling="anscombe", components=3, noise_model=prepare.NoiseModel(read_noise=5.0))
        ),
    ),
}
WHOLE = Pipeline(
    steps=(
        Step("remove_spikes"),
        Step("subtract_dark"),
        Step("denoise_svd", {"components": "auto"}),
        Step("crop", {"first_cm1": 2750, "last_cm1": 3050}),
    ),
    remover="kk",
    settings={"padding": 2, "scale_correction": False},
)


@pytest.fixture(scope="module")
def tissue() -> xr.Dataset:
    return simulate_stack((11, 14), wavenumber=AXIS, seed=3)


def result(pipeline: Pipeline, ds: xr.Dataset, **options: Any) -> np.ndarray:
    values: np.ndarray = pipeline.run(ds, **options)["raman"].values
    return values


# --- steps


def test_every_step_has_a_sample_here() -> None:
    assert SAMPLES.keys() == STEPS.keys()


@pytest.mark.filterwarnings("ignore:.*was trained on 128 points")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_step_of_a_recipe_is_the_call_of_a_script(name: str, tissue: xr.Dataset) -> None:
    options, call = SAMPLES[name]
    stack = prepare.stabilise_variance(tissue) if name == "restore_counts" else tissue
    recipe = Pipeline(steps=(Step(name, options),))
    done, expected = recipe.prepare(stack), call(stack)
    assert isinstance(done["cars"].data, da.Array)
    np.testing.assert_array_equal(done["cars"].values, expected["cars"].values)
    np.testing.assert_array_equal(done["wavenumber"].values, expected["wavenumber"].values)
    np.testing.assert_array_equal(done["reference"].values, expected["reference"].values)
    assert done.attrs["history"] == expected.attrs["history"]
    assert not np.array_equal(done["cars"].values, stack["cars"].values) or name in (
        "smooth_reference",
        "calibrate_axis",
        "replace_axis",
        "estimate_reference",
    )


@pytest.mark.parametrize("kind", STEPS.values(), ids=STEPS)
def test_every_option_tells_what_a_form_needs(kind: Any) -> None:
    assert kind.title
    assert kind.help.endswith(".")
    for option in kind.options:
        assert len(option.help) > 5
        assert option.wanted
        assert option.default is None or option.check(option.default) == option.default


def test_options_of_removers() -> None:
    options = {option.name: option for option in remover_options("kk")}
    assert options["padding"].default == KKSettings().padding
    assert options["phase_correction"].kind == "switch"
    assert options["trend_cm1"].unit == "cm⁻¹"
    assert "mem" not in options
    assert "poles_per_point" in {option.name for option in remover_options("mem")}
    assert remover_options("cnn") == ()


# --- text


def test_text_and_pipeline_are_one(tmp_path: Path) -> None:
    full = Pipeline(
        steps=tuple(Step(name, options) for name, (options, _) in SAMPLES.items()),
        remover="mem",
        reference="/data/glass µ.csv",
        dark="none",
        precision="float32",
        settings={"trend_order": 3},
    )
    for pipeline in (full, WHOLE, Pipeline(uncertainty=True)):
        text = pipeline.to_toml()
        assert parse_pipeline(text) == pipeline
        assert parse_pipeline(text).to_toml() == text
        assert read_pipeline(pipeline.write(tmp_path / "r.toml")) == pipeline


def test_what_was_written_by_hand_stays_as_sparse_as_it_was() -> None:
    text = 'remover = "kk"\n[[step]]\nname = "denoise_svd"\ncomponents = 5\n[[step]]\nname = "restore_counts"\n'
    again = tomllib.loads(parse_pipeline(text).to_toml())
    assert again["step"] == tomllib.loads(text)["step"]
    assert "settings" not in again


def test_an_example_runs(tissue: xr.Dataset) -> None:
    example = read_pipeline(Path(__file__).parents[1] / "recipes" / "pipelines" / "tissue.toml")
    ds = simulate_stack((8, 9), wavenumber=np.linspace(450, 3800, 300))
    out = example.run(ds)
    assert 600 <= out["wavenumber"].values[0] < 615
    assert np.isfinite(out["raman"].values).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('remover = "magic"', "r.toml: no remover 'magic'; there are cnn"),
        ("colour = 3", "r.toml: unknown 'colour'; a pipeline recipe has remover, reference"),
        ("remover = 3", "r.toml: remover = 3"),
        ("uncertainty = 1", "r.toml: uncertainty = 1: give true or false"),
        ('precision = "half"', "r.toml: precision = 'half': give one of auto, float32"),
        ('remover = "kk"\n[settings]\ndepth = 3', "r.toml: no setting 'depth' of kk; there are padding"),
        ('remover = "kk"\n[settings]\npadding = "x"', "r.toml: padding = 'x': give a whole number"),
        ('remover = "kk"\n[settings]\npadding = -1', "r.toml: padding -1: give 0"),
        ("[settings]\npadding = 1", "r.toml: no setting 'padding' of cnn; there are none"),
        ("settings = 1", "r.toml: settings = 1: give a table"),
        ("step = 3", "r.toml: steps are tables"),
        ("[[step]]\nfirst_cm1 = 3", "r.toml, step 1: say which"),
        (
            '[[step]]\nname = "restore_counts"\n[[step]]\nname = "polish"',
            "r.toml, step 2 (polish): no step 'polish'; there are remove_spikes",
        ),
        ('[[step]]\nname = "crop"\nfirst = 3', "r.toml, step 1 (crop): no option 'first'; there are first_cm1, last_cm1"),
        ('[[step]]\nname = "crop"\nfirst_cm1 = 3', "r.toml, step 1 (crop): 'last_cm1' is missing: give a number, in cm⁻¹"),
        ('[[step]]\nname = "crop"\nfirst_cm1 = nan\nlast_cm1 = 3', "first_cm1 = nan: give a number"),
        ('[[step]]\nname = "crop"\nfirst_cm1 = true\nlast_cm1 = 3', "first_cm1 = True: give a number"),
        ('[[step]]\nname = "denoise_svd"\ncomponents = "all"', "components = 'all': give 'auto' or a whole number from 1"),
        ('[[step]]\nname = "denoise_svd"\ncomponents = 2.5', "components = 2.5: give"),
        ('[[step]]\nname = "denoise_svd"\nscaling = "pca"', "scaling = 'pca': give one of noise, anscombe, none"),
        ('[[step]]\nname = "remove_spikes"\nthreshold = -1', "threshold = -1: give a number from 0 up"),
        ('[[step]]\nname = "remove_spikes"\nthreshold = 1.0', "step 1 (remove_spikes): threshold 1.0, edge 3.0"),
        ('[[step]]\nname = "calibrate_axis"\nlines_cm1 = [[1, 2, 3]]', "lines_cm1 = ((1, 2, 3),): give pairs"),
        ('[[step]]\nname = "restore_counts"\nof = "x"', "there is none for it"),
        ("[[[", "r.toml: no readable TOML"),
        ("x = " + "[" * 20_000, "r.toml: no readable TOML"),
        ("#" * 5_000_000, "more than 4,194,304"),
        ('[[step]]\nname = "restore_counts"\n' * 101, "101 steps: a pipeline has at most 100"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with refused(tmp_path, re.escape(said)) as error:
        read_pipeline(tmp_path / "r.toml")
    assert len(str(error.value)) < 500


def test_what_is_no_recipe_is_said(tmp_path: Path, tissue: xr.Dataset) -> None:
    with pytest.raises(CrimsonError, match=r"gone\.toml: no readable recipe"):
        read_pipeline(tmp_path / "gone.toml")
    save_stack(tissue, tmp_path / "a.zarr")
    for nothing in (tmp_path / "a.zarr", tmp_path):
        with pytest.raises(CrimsonError, match="carries no recipe"):
            read_pipeline(nothing)
    with pytest.raises(CrimsonError, match="carries no recipe"):
        read_pipeline(tissue)


# --- runs


def test_a_result_carries_its_recipe_and_repeats_it(tissue: xr.Dataset, tmp_path: Path) -> None:
    out = WHOLE.run(tissue, output=tmp_path / "out.zarr")
    memory = WHOLE.run(tissue)
    save_stack(memory, tmp_path / "saved.zarr")
    carriers = (out, memory, tmp_path / "out.zarr", tmp_path / "saved.zarr", open_stack(tmp_path / "out.zarr"))
    for carrier in carriers:
        repeated = read_pipeline(carrier)
        assert repeated == WHOLE
    np.testing.assert_array_equal(result(repeated, tissue), out["raman"].values)
    np.testing.assert_array_equal(memory["raman"].values, out["raman"].values)


def test_a_pipeline_is_the_script_written_out(tissue: xr.Dataset) -> None:
    ds = prepare.crop(prepare.denoise_svd(prepare.subtract_dark(prepare.remove_spikes(tissue))), 2750, 3050)
    expected = remove_background(ds, KramersKronig(KKSettings(padding=2, scale_correction=False)))
    np.testing.assert_array_equal(result(WHOLE, tissue), expected["raman"].values)
    plain = remove_background(ds, "kk")["raman"].values
    assert not np.allclose(plain, expected["raman"].values), "the settings must matter"


def test_the_number_of_components_is_asked_in_the_recipe_and_told_in_the_record(tissue: xr.Dataset, tmp_path: Path) -> None:
    found = prepare.decompose(prepare.subtract_dark(prepare.remove_spikes(tissue))).components
    out = WHOLE.run(tissue, output=tmp_path / "out.zarr")
    assert 'components = "auto"' in out.attrs["recipe"]
    assert out["raman"].attrs["svd_components"] == found
    stored = open_stack(tmp_path / "out.zarr")
    assert stored.attrs["svd_components"] == found
    assert any(f"{found} components, chosen automatically" in line for line in stored.attrs["history"])


def test_a_plain_removal_carries_its_recipe(tissue: xr.Dataset) -> None:
    for lazy in (False, True):
        out = remove_background(tissue, KramersKronig(KKSettings(padding=3)), dark=None, lazy=lazy)
        assert read_pipeline(out) == Pipeline(remover="kk", dark="none", settings={"padding": 3})
        np.testing.assert_array_equal(result(read_pipeline(out), tissue), out["raman"].values)


def test_what_a_script_gave_is_not_repeated_in_silence(tissue: xr.Dataset) -> None:
    out = remove_background(tissue, lambda spectra, wavenumber, reference: spectra, reference=tissue["reference"].values + 1)
    recipe = read_pipeline(out)
    with pytest.raises(CrimsonError, match="reference of this recipe was an array given by a script"):
        recipe.run(tissue)
    with pytest.raises(CrimsonError, match="remover of this recipe was a function given by a script"):
        recipe.with_changes(reference="auto").run(tissue)
    changed = recipe.with_changes(reference="auto", remover="kk")
    np.testing.assert_array_equal(result(changed, tissue), remove_background(tissue, "kk")["raman"].values)


def test_an_error_names_the_step(tissue: xr.Dataset) -> None:
    recipe = Pipeline(steps=(Step("subtract_dark"), Step("crop", {"first_cm1": 1, "last_cm1": 2})), remover="kk")
    with pytest.raises(CrimsonError, match=r"step 2 \(crop\): no band lies from 1 to 2"):
        recipe.run(tissue)


def test_another_remover_starts_from_its_own_settings() -> None:
    assert WHOLE.with_changes(remover="mem").settings == {}
    assert WHOLE.with_changes(remover="kk", dark=None) == WHOLE
    assert WHOLE.with_changes(uncertainty=True).settings == WHOLE.settings


# --- spectra from files


def write_spectrum(path: Path, values: np.ndarray) -> Path:
    np.savetxt(path, np.c_[AXIS[::-1], values[::-1]], delimiter=",")
    return path


def test_a_reference_beside_the_recipe(tissue: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = tissue["reference"].values * np.linspace(1.0, 1.5, AXIS.size)
    write_spectrum(tmp_path / "glass.csv", counts)
    (tmp_path / "r.toml").write_text('remover = "kk"\nreference = "glass.csv"\n')
    recipe = read_pipeline(tmp_path / "r.toml")
    expected = remove_background(tissue, "kk", reference=counts)["raman"].values
    out = recipe.run(tissue, output=tmp_path / "out.zarr")
    np.testing.assert_allclose(out["raman"].values, expected, rtol=1e-5, atol=1e-6)
    assert out["raman"].attrs["reference"] == "given"
    monkeypatch.chdir(tmp_path.parent)
    np.testing.assert_array_equal(result(read_pipeline(tmp_path / "out.zarr"), tissue), out["raman"].values)
    (tmp_path / "glass.csv").unlink()
    with pytest.raises(CrimsonError, match=r"glass\.csv: cannot be read"):
        recipe.run(tissue)


def test_a_spectrum_from_a_file_goes_through_the_steps(tissue: xr.Dataset, tmp_path: Path) -> None:
    glass = write_spectrum(tmp_path / "glass.csv", tissue["reference"].values + 10)
    dark = write_spectrum(tmp_path / "dark.csv", tissue["dark"].values + 5)
    steps = (Step("subtract_dark"), Step("smooth_reference"), Step("calibrate_axis", {"lines_cm1": [[2750, 2751], [2900, 2904]]}))
    done = Pipeline(steps=steps, reference=str(glass), dark=str(dark)).prepare(tissue)
    own = tissue.assign(reference=tissue["reference"] + 10, dark=tissue["dark"] + 5)
    expected = prepare.calibrate_axis(prepare.smooth_reference(prepare.subtract_dark(own)), {2750: 2751, 2900: 2904})
    np.testing.assert_allclose(done["reference"].values, expected["reference"].values)
    np.testing.assert_allclose(done["cars"].values, expected["cars"].values)
    by_step = Pipeline(steps=(Step("subtract_dark", {"dark": str(dark)}),)).prepare(tissue)
    np.testing.assert_allclose(by_step["cars"].values, expected["cars"].values)


def test_spectra_in_hand_serve_a_recipe_that_says_given(tissue: xr.Dataset) -> None:
    glass = tissue["reference"] * np.linspace(1, 2, AXIS.size)
    recipe = Pipeline(remover="kk", reference="given")
    done = recipe.plan(tissue, spectra={"reference": glass})
    assert read_pipeline(done.dataset) == recipe
    list(done.run())
    expected = remove_background(tissue, "kk", reference=glass)["raman"].values
    np.testing.assert_array_equal(done.dataset["raman"].values, expected)
    with pytest.raises(CrimsonError, match="not among the spectra given"):
        recipe.plan(tissue, spectra={})


def test_none_leaves_the_stack_s_own_out(tissue: xr.Dataset) -> None:
    out = result(Pipeline(remover="kk", reference="none", dark="none"), tissue)
    np.testing.assert_array_equal(out, remove_background(tissue, "kk", reference=None, dark=None)["raman"].values)


# --- stop and go


def test_a_stopped_run_goes_on_and_another_recipe_is_refused(tmp_path: Path) -> None:
    ds = simulate_stack((64, 40), wavenumber=AXIS, seed=5).chunk(y=8)
    whole = result(WHOLE, ds)
    job = WHOLE.plan(ds, output=tmp_path / "out.zarr")
    with closing(job.run()) as blocks:
        next(blocks)
    assert not np.isfinite(open_stack(tmp_path / "out.zarr")["raman"].values).all()
    fewer = WHOLE.with_changes(steps=WHOLE.steps[1:])
    for other in (fewer, WHOLE.with_changes(settings={})):
        with pytest.raises(CrimsonError, match="other settings"):
            other.run(ds, output=tmp_path / "out.zarr")
    done: list[int] = []
    out = WHOLE.run(ds, output=tmp_path / "out.zarr", progress=lambda block: done.append(block.blocks_done))
    np.testing.assert_array_equal(out["raman"].values, whole)
    assert len(done) == len(job.regions) - len(job.sink.finished()) < len(job.regions)


def test_another_rounding_of_a_prepared_stack_is_still_the_same_job(tmp_path: Path) -> None:
    ds = WHOLE.prepare(simulate_stack((8, 9), wavenumber=AXIS, seed=5))
    for change, taken_up in ((1 + 1e-7, True), (1.01, False)):
        rounded = ds.assign(cars=(ds["cars"].dims, ds["cars"].data * np.float32(change), ds["cars"].attrs))
        path = tmp_path / f"{taken_up}.zarr"
        remove_background(ds, "kk", output=path)
        if taken_up:
            remove_background(rounded, "kk", output=path)
        else:
            with pytest.raises(CrimsonError, match=r"have changed .*its pixels differ"):
                remove_background(rounded, "kk", output=path)


def test_the_preparation_tells_how_far_it_is_and_can_be_stopped() -> None:
    ds = simulate_stack((32, 10), wavenumber=AXIS).chunk(y=2)
    told: list[tuple[str, float]] = []
    Pipeline(steps=(Step("remove_spikes"), Step("denoise_svd"))).prepare(ds, progress=lambda *how: told.append(how))
    assert told[:2] == [("remove_spikes", 0.0), ("denoise_svd", 0.0)]
    assert {name for name, _ in told[1:]} == {"denoise_svd"}
    parts = [part for _, part in told]
    assert len(parts) >= 5
    assert parts == sorted(parts)
    assert parts[-1] == 1.0

    class Stop(Exception):
        pass

    seen: list[float] = []

    def stop(part: float) -> None:
        seen.append(part)
        raise Stop

    with pytest.raises(Stop):
        prepare.decompose(ds, progress=stop)
    assert len(seen) == 1
    assert seen[0] < 1
