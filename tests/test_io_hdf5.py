"""HDF5: the NIST layout with all its ages, CRIkit2's results, ScanCARS, and any other file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_crimson import open_stack
from napari_crimson.io.nist import CALIBRATION, wavenumber_from_pixels
from refusing import refused, unchanged

W = 16
IMAGE = np.random.default_rng(0).integers(0, 4000, (3, 4, W)).astype("u2")
MODERN = {
    "Spectrometer.calib.a_vec": [0.165, 569.1],
    "Spectrometer.calib.ctr_wl": 700.0,
    "Spectrometer.calib.ctr_wl0": 699.0,
    "Spectrometer.calib.probe": 771.0,
}
MODERN_AXIS = 1e7 / (0.165 * np.arange(W) + 569.1 + 1) - 1e7 / 771  # falls, from some 4600 cm⁻¹


def write_nist(path: Path, images: dict[str, Any], attrs: dict[str, Any] | None = None, **others: Any) -> Path:
    with h5py.File(path, "w") as file:
        for key, values in images.items():
            file.create_dataset(f"BCARSImage/run_0/{key}", data=values).attrs.update(MODERN if attrs is None else attrs)
        for key, values in others.items():
            file[key.replace("__", "/")] = values
    return path


def test_image_dark_reference_axis_and_steps(tmp_path: Path) -> None:
    dark, nrb = np.full((2, 5, W), 7.0), np.arange(W) + np.zeros((2, 5, 1))
    path = write_nist(
        tmp_path / "a.h5",
        {"run_0": IMAGE},
        {
            **MODERN,
            "Raster.Fast.StepSize": 0.25,
            "Raster.Fast.Units": "nm",
            "Raster.Slow.Start": 0.0,
            "Raster.Slow.Stop": 1.0,
            "Raster.Slow.Steps": 3,
        },
        BCARSImage__run_0__Dark_Pre=dark,
        BCARSImage__run_0__Dark_Post=dark + 2,
        BCARSImage__run_0__NRB_Pre=nrb,
        BCARSImage__run_0__NRB_Early_Pre=nrb + 100,
    )
    stack = open_stack(path)
    assert stack["cars"].dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(stack["cars"], IMAGE[..., ::-1])
    np.testing.assert_allclose(stack["wavenumber"], MODERN_AXIS[::-1])
    np.testing.assert_allclose(stack["dark"], 8)
    np.testing.assert_allclose(stack["reference"], np.arange(W)[::-1])
    np.testing.assert_allclose(stack["x"], [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(stack["y"], [0, 0.5, 1])
    assert any("NRB_Pre" in line and "Early" not in line for line in stack.attrs["history"])


@pytest.mark.parametrize("prefix", ["Raster.{}.", "Macro.Raster.{}.", "RasterScanParams.{}Axis"])
def test_every_name_of_a_scan_gives_the_steps(tmp_path: Path, prefix: str) -> None:
    fast, slow = prefix.format("Fast"), prefix.format("Slow")
    scan = {f"{fast}Start": 2.0, f"{fast}Stop": 0.5, f"{fast}Steps": 4, f"{slow}StepSize": 0.25, f"{slow}Units": "nm"}
    stack = open_stack(write_nist(tmp_path / "a.h5", {"run_0": IMAGE}, {**MODERN, **scan}))
    np.testing.assert_allclose(stack["x"], [0, 0.5, 1, 1.5])  # where it went backwards, the image does not
    np.testing.assert_allclose(stack["y"], [0, 0.25, 0.5])


@pytest.mark.parametrize("quantity", CALIBRATION)
def test_every_name_of_a_calibration_value_is_known_and_the_first_wins(tmp_path: Path, quantity: str) -> None:
    keys, fallback = CALIBRATION[quantity]
    values = {"centre": 701.0, "reference centre": 698.0, "polynomial": [0.2, 600.0], "probe": 770.0}
    others = {CALIBRATION[other][0][0]: values[other] for other in CALIBRATION if other != quantity}

    def axis_of(**attrs: Any) -> np.ndarray[Any, Any]:
        axis: np.ndarray[Any, Any] = open_stack(write_nist(tmp_path / "a.h5", {"run_0": IMAGE}, {**others, **attrs}))["wavenumber"].values
        return axis

    def expected(value: Any) -> np.ndarray[Any, Any]:
        v = values | {quantity: value}
        return np.sort(wavenumber_from_pixels(W, v["polynomial"], v["centre"], v["reference centre"], v["probe"]))

    for i, key in enumerate(keys):
        later = dict.fromkeys(keys[i + 1 :], [0.3, 610.0] if quantity == "polynomial" else 650.0)
        np.testing.assert_allclose(axis_of(**{key: values[quantity]}, **later), expected(values[quantity]))
    np.testing.assert_allclose(axis_of(), expected(fallback))
    assert any(f"{quantity} {fallback}" in line for line in open_stack(tmp_path / "a.h5").attrs["history"])


def test_text_and_bytes_as_numbers_and_shape_over_attributes(tmp_path: Path) -> None:
    attrs = {
        **MODERN,
        "Spectrometer.calib.probe": np.bytes_("771.0"),
        "Spectrometer.calib.ctr_wl": "700.0",
        "Spectrometer.calib.n_pix": 1600,
    }
    path = write_nist(tmp_path / "a.h5", {"run_0": IMAGE}, attrs)
    with unchanged(tmp_path):
        stack = open_stack(path).load()
    np.testing.assert_array_equal(stack["cars"], IMAGE[..., ::-1])
    np.testing.assert_allclose(stack["wavenumber"], MODERN_AXIS[::-1])


@pytest.mark.parametrize(
    "broken", [{"Spectrometer.calib.probe": "laser 2"}, {"Spectrometer.calib.a_vec": [0.0, -900.0]}, {"Spectrometer.calib.a_vec": "x"}]
)
def test_a_calibration_that_makes_no_sense(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = write_nist(tmp_path / "a.h5", {"run_0": IMAGE}, {**MODERN, **broken})
    with refused(tmp_path, r"a\.h5.*give the axis with wavenumber="):
        open_stack(path)
    assert float(open_stack(path, wavenumber=(3000, 500))["wavenumber"][0]) == 500  # the cure works


def test_planes_make_a_z_stack_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for z in (0, 1, 10, 2):
            plane = file.create_dataset(f"BCARSImage/run/run_z{z}", data=IMAGE + z)
            plane.attrs.update({**MODERN, "Raster.Fixed.Position": 2.0 * z})
    stack = open_stack(tmp_path / "a.h5")
    assert stack["cars"].dims == ("z", "y", "x", "wavenumber")
    np.testing.assert_array_equal(
        stack["cars"].values[:, ..., ::-1], IMAGE[None] + np.array([0, 1, 2, 10], dtype="u2")[:, None, None, None]
    )
    np.testing.assert_allclose(stack["z"], [0, 2, 4, 6])


def test_several_images_are_listed_and_chosen_by_name(tmp_path: Path) -> None:
    path = write_nist(tmp_path / "a.h5", {"first": IMAGE, "second": IMAGE + 1})
    with refused(tmp_path, r"BCARSImage/run_0/first.*BCARSImage/run_0/second.*name="):
        open_stack(path)
    np.testing.assert_array_equal(open_stack(path, name="second")["cars"], IMAGE[..., ::-1] + 1)
    np.testing.assert_array_equal(open_stack(path, name="/BCARSImage/run_0/first")["cars"], IMAGE[..., ::-1])
    with refused(tmp_path, "no image is named 'third'; it holds 'BCARSImage/run_0/first'"):
        open_stack(path, name="third")


def test_older_files_keep_dark_and_reference_elsewhere(tmp_path: Path) -> None:
    path = write_nist(tmp_path / "a.h5", {"run_0": IMAGE}, Spectra__Dark_3_5ms_2=np.full((9, W), 5.0), Spectra__NRB_a=np.ones((9, W)))
    np.testing.assert_allclose(open_stack(path)["dark"], 5)
    path = write_nist(tmp_path / "b.h5", {"run_0": IMAGE}, Spectra__Dark_a=np.ones((9, W)), Spectra__Dark_b=np.ones((9, W)))
    stack = open_stack(path)
    assert "dark" not in stack
    assert any("several fit" in line for line in stack.attrs["history"])
    darks = {f"Spectra__Dark_{exposure}ms_2": np.full((9, W), value) for exposure, value in (("3_5", 5.0), ("13_5", 6.0), ("30", 7.0))}
    path = write_nist(tmp_path / "c.h5", {"mP2_3_5ms_Pos_2_0": IMAGE}, **darks)
    np.testing.assert_allclose(open_stack(path)["dark"], 5)


def test_a_result_of_crikit2_is_the_imaginary_part_and_hides_no_image(tmp_path: Path) -> None:
    result = (IMAGE - 1j * IMAGE[::-1]).astype("c8")
    path = write_nist(tmp_path / "a.h5", {"kk": result}, {**MODERN, "Processing.Steps": np.array([b"SubDark", b"KK"])})
    stack = open_stack(path)
    assert list(stack) == ["raman"]
    assert stack["raman"].dtype == np.dtype("f4")
    np.testing.assert_array_equal(stack["raman"], -IMAGE[::-1, :, ::-1].astype("f4"))
    assert "processing steps: SubDark; KK" in stack.attrs["history"]
    path = write_nist(tmp_path / "b.h5", {"kk": result, "raw": IMAGE})
    np.testing.assert_array_equal(open_stack(path)["cars"], IMAGE[..., ::-1])
    assert list(open_stack(path, name="kk")) == ["raman"]


def test_complex_values_of_other_programs_get_a_clear_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"] = IMAGE.astype("c8")
    with refused(tmp_path, r"a\.h5: complex values \(complex64\) .*give the measured intensities, or take the imaginary part"):
        open_stack(tmp_path / "a.h5")


GRID_X, GRID_Y = np.linspace(10, 40, 7), np.linspace(0, 4, 3)


def write_macro(path: Path, rows: tuple[int, ...] = (0, 1, 2), **changes: Any) -> np.ndarray[Any, Any]:
    """A stage that speeds up along each line, seen at four moments; gives what was measured as a function of x and y."""
    counts, at = np.array([0, 5, 9, 12]), np.array([9.0, 14.0, 26.0, 41.0])
    x = np.interp(np.arange(13), counts, at)
    spectra = x[:, None] + np.arange(W) * 100.0
    with h5py.File(path, "w") as file:
        for number, row in enumerate(rows):
            line = file.create_dataset(f"BCARSImage/big/big_slow_{number}", data=spectra + 1000 * row)
            line.attrs.update(MODERN)
            for scan, grid in (("Fast", GRID_X), ("Slow", GRID_Y)):
                for word, value in (("Start", grid[0]), ("Stop", grid[-1]), ("Steps", grid.size)):
                    line.attrs[f"Macro.Raster.{scan}.{word}"] = value
            line.attrs["MicroStage.raster.fast.pos_sample_vec"] = at
            line.attrs["MicroStage.raster.fast.n_images_at_pos_samples"] = counts
            line.attrs["MicroStage.raster.slow.pos"] = GRID_Y[row] + 0.1
            for key, value in changes.items():
                line.attrs[key.replace("__", ".")] = value
        file["BCARSImage/big/Dark_Pre"] = np.full((2, 5, W), 7.0)
    return np.asarray(GRID_X[None, :, None] + 1000.0 * np.arange(3)[:, None, None] + np.arange(W) * 100.0)


def test_a_macro_raster_is_brought_to_its_columns(tmp_path: Path) -> None:
    expected = write_macro(tmp_path / "a.h5", rows=(2, 0, 1))
    stack = open_stack(tmp_path / "a.h5")
    assert stack["cars"].dims == ("y", "x", "wavenumber")
    np.testing.assert_allclose(stack["cars"], expected[..., ::-1], rtol=1e-6)
    np.testing.assert_allclose(stack["cars"][1:, 2:4, 3:5], expected[1:, 2:4, ::-1][..., 3:5], rtol=1e-6)
    np.testing.assert_allclose(stack["wavenumber"], MODERN_AXIS[::-1])
    np.testing.assert_allclose(stack["dark"], 7)
    assert (float(stack["x"][1]), float(stack["y"][1])) == (5, 2)


def test_an_interrupted_macro_raster_and_columns_that_were_never_measured(tmp_path: Path) -> None:
    expected = write_macro(tmp_path / "a.h5", rows=(0, 1), Macro__Raster__Fast__Stop=70.0)
    with unchanged(tmp_path):
        stack = open_stack(tmp_path / "a.h5").load()
    cars = stack["cars"].values
    assert np.isnan(cars[2]).all()
    assert np.isnan(cars[:2]).all(axis=(0, 2)).tolist() == [False] * 5 + [True] * 2
    np.testing.assert_allclose(cars[:2, 0], expected[:2, 0, ::-1], rtol=1e-6)
    assert any("2 of 3 lines" in line for line in stack.attrs["history"])


def test_a_macro_raster_without_positions_is_taken_as_even(tmp_path: Path) -> None:
    path = write_nist(tmp_path / "a.h5", {f"macro_slow_{i}": IMAGE[i % 3] for i in (0, 2, 10, 1)}, MODERN)
    np.testing.assert_allclose(open_stack(path)["cars"], IMAGE[[0, 1, 2, 1], :, ::-1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Macro__Raster__Fast__Steps": 10**12}, r"Fast\.Steps is 1e\+12, expected 1 to 1000000; .*export it again"),
        ({"MicroStage__raster__fast__pos_sample_vec": [1.0, 2.0]}, "2 positions for 4 counts of images; export it again"),
    ],
)
def test_a_macro_raster_that_makes_no_sense(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    write_macro(tmp_path / "a.h5", **changes)
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.h5")


def test_scancars_has_no_axis(tmp_path: Path) -> None:
    tracks = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        group = file.create_group("sipcars")
        group["track1"], group["track2"] = tracks, tracks + 1
        group.attrs.update({"XY Step Size": 0.5, "Z Step Size": 2.0})
    with refused(tmp_path, r"track1.*track2.*name="):
        open_stack(tmp_path / "s.h5")
    with refused(tmp_path, r"no spectral axis for 5 bands.*; give wavenumber= as \(first, last\)"):
        open_stack(tmp_path / "s.h5", name="track2")
    stack = open_stack(tmp_path / "s.h5", name="track2", wavenumber=(1000, 1400))
    np.testing.assert_array_equal(stack["cars"], tracks + 1)
    assert [float(stack[dim][1]) for dim in ("z", "y", "x")] == [2.0, 0.5, 0.5]


@pytest.mark.parametrize(("sizes", "order"), [((2, 3, 4), (2, 1, 0, 3)), ((4, 3, 2), (0, 1, 2, 3)), ((9, 9, 9), (0, 1, 2, 3))])
def test_scancars_stores_x_first_and_says_how_many(tmp_path: Path, sizes: tuple[int, int, int], order: tuple[int, ...]) -> None:
    tracks = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["sipcars/track1"] = tracks
        file["sipcars"].attrs.update({f"{dim} Pixels": size for dim, size in zip("XYZ", sizes, strict=True)})
    cars = open_stack(tmp_path / "s.h5", wavenumber=(1000, 1400))["cars"]
    assert cars.dims == ("z", "y", "x", "wavenumber")
    np.testing.assert_array_equal(cars, tracks.transpose(order))


@pytest.mark.parametrize("bands_first", [False, True])
def test_any_other_file_by_its_largest_array_and_the_axis_that_fits(tmp_path: Path, bands_first: bool) -> None:
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["data/cube"] = np.moveaxis(IMAGE, -1, 0) if bands_first else IMAGE
        file["data/small"] = np.zeros((2, 2, 2))
        file["data/Raman shift"] = np.arange(W) + 900.0
        file["data/time"] = np.arange(W)
        file["dark"] = np.arange(W)
    stack = open_stack(tmp_path / "g.h5")
    np.testing.assert_array_equal(stack["cars"], IMAGE)
    assert float(stack["wavenumber"][0]) == 900
    np.testing.assert_array_equal(stack["dark"], np.arange(W))
    np.testing.assert_array_equal(open_stack(tmp_path / "g.h5", name="data/small", wavenumber=(1, 2))["cars"], 0)


def test_equally_large_arrays_are_listed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["one"], file["two"] = IMAGE, IMAGE
    with refused(tmp_path, r"'one' \(3, 4, 16\); 'two' \(3, 4, 16\); choose one with name="):
        open_stack(tmp_path / "g.h5")


def test_big_endian_values_arrive_native(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["cube"] = IMAGE.astype(">u2")
    cars = open_stack(tmp_path / "g.h5", wavenumber=(1, 2))["cars"]
    assert cars.dtype == cars.values.dtype == np.dtype("u2")
    np.testing.assert_array_equal(cars, IMAGE)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["cube"] = IMAGE
    with h5py.File(tmp_path / "inside" / "link.h5", "w") as file:
        file["cube"] = h5py.ExternalLink("../secret.h5", "/cube")
    with refused(tmp_path, r"only links, .* not followed \('cube' leads to \.\./secret\.h5\); give a file that holds the stack itself"):
        open_stack(tmp_path / "inside" / "link.h5", wavenumber=(1, 2))


@pytest.mark.parametrize("how", ["external", "virtual"])
def test_values_from_outside_the_folder_are_refused(tmp_path: Path, how: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.bin").write_bytes(IMAGE.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["cube"] = IMAGE
    with h5py.File(tmp_path / "inside" / "a.h5", "w") as file:
        if how == "external":
            file.create_dataset("cube", IMAGE.shape, "u2", external=[(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(IMAGE.shape, "u2")
            layout[:] = h5py.VirtualSource("../secret.h5", "cube", IMAGE.shape)
            file.create_virtual_dataset("cube", layout)
    with refused(tmp_path, r"secret.*outside the folder; copy the file into it"):
        open_stack(tmp_path / "inside" / "a.h5", wavenumber=(1, 2))


def test_real_tissue_stack_agrees_with_its_truth(shared_data: Path) -> None:
    stack = open_stack(shared_data / "bcars_tissue.h5")
    truth = np.load(shared_data / "bcars_tissue_truth.npz")
    np.testing.assert_allclose(stack["wavenumber"], truth["wavenumber"][::-1], atol=1e-3)
    assert stack["cars"].shape == truth["raman"].shape
    assert {"dark", "reference", "y", "x"} <= set(stack.variables)
    # a line in CARS is higher below its wavenumber than above it: this contrast follows the truth, unless axis or image are mirrored
    ratio = (stack["cars"] - stack["dark"]) / (stack["reference"] - stack["dark"])
    below, above = (ratio.sel(wavenumber=slice(start, start + 30)).mean("wavenumber").values for start in (2840, 2950))
    band = int(np.argmin(np.abs(stack["wavenumber"].values - 2935)))
    image = truth["raman"][..., ::-1][..., band].astype("f8")
    assert np.corrcoef((below - above).ravel(), image.ravel())[0, 1] > 0.9
    assert abs(np.corrcoef((below - above).ravel(), image.T.ravel())[0, 1]) < 0.5


def test_a_virtual_stack_of_parts_in_the_same_folder(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["cube"], file["row"] = IMAGE, IMAGE[0]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 4, W), "u2")
        layout[:3] = h5py.VirtualSource("part.h5", "cube", IMAGE.shape)[::1]
        layout[3] = h5py.VirtualSource("part.h5", "row", IMAGE.shape[1:])
        file.create_virtual_dataset("cube", layout)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.h5", wavenumber=(1, 2))["cars"], [*IMAGE, IMAGE[0]])


@pytest.mark.parametrize("at", [0, 9, 40, 50, -1])
def test_a_list_of_parts_that_is_damaged_is_refused_before_the_library_sees_it(tmp_path: Path, at: int) -> None:
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["cube"] = IMAGE
    with h5py.File(tmp_path / "a.h5", "w") as file:
        layout = h5py.VirtualLayout(IMAGE.shape, "u2")
        layout[:2] = h5py.VirtualSource("part.h5", "cube", IMAGE.shape)[:2]
        file.create_virtual_dataset("cube", layout)
    raw = bytearray((tmp_path / "a.h5").read_bytes())
    name = raw.index(b"part.h5\0")
    size = int.from_bytes(raw[name - 17 : name - 9], "little")
    place = name + at if at >= 0 else name - 9 + size - 1  # of a name, of the part's shape, of the checksum
    raw[place] ^= 1 if at == 0 else 0xFF
    (tmp_path / "a.h5").write_bytes(bytes(raw))
    with refused(tmp_path, r"a\.h5: the heap of texts at byte \d+ is damaged; copy or export the file again"):
        open_stack(tmp_path / "a.h5", wavenumber=(1, 2))


def test_names_that_are_no_utf8_keep_nothing_from_being_read(tmp_path: Path) -> None:
    path = tmp_path / "latin1.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("gr\xf6\xdfe".encode("latin-1"), data=np.arange(24.0).reshape(2, 3, 4))
    np.testing.assert_array_equal(open_stack(path, wavenumber=(500, 3000))["cars"], np.arange(24.0).reshape(2, 3, 4))
