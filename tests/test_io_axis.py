"""The spectral axis from outside a file: values, first and last, text, CSV, JSON, and neighbours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from napari_crimson import open_stack
from napari_crimson.io.axis import given_axis, read_axis
from refusing import refused


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A stack (3, 4, 5) that does not know its axis."""
    np.save(tmp_path / "plain.npy", np.arange(60, dtype="u2").reshape(3, 4, 5))
    return tmp_path / "plain.npy"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "# Raman shift\n800\n900.5\n1e3\n", [800, 900.5, 1000]),
        ("a.txt", "800 900 1000", [800, 900, 1000]),
        ("a.csv", "index,Raman,counts\n0,800,5\n1,900,6\n", [800, 900]),
        ("a.csv", '"Wavenumber (cm-1)";"counts"\n800,5;1\n900,5;2\n', [800.5, 900.5]),
        ("a.csv", "Wavelength,Raman\n650,800\n651,900\n", [800, 900]),
        ("a.csv", "Raman intensity;Raman\n5;800\n6;900\n", [800, 900]),
        ("a.csv", "x\n800\n900\n\n", [800, 900]),
        ("a.tsv", "800\t5\n900\t6\n", [800, 900]),
        ("a.json", "[800, 900]", [800, 900]),
        ("a.json", '{"spectral_unit": "cm-1", "custom_values": [800, 900]}', [800, 900]),
        ("a.json", '{"unit": "cm⁻¹", "custom_points": [800, 900]}', [800, 900]),
    ],
)
def test_a_file_of_values(tmp_path: Path, name: str, text: str, expected: list[float]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_axis(tmp_path / name, 3), expected)


@pytest.mark.parametrize("unit", ["nm", "nanometers", "Wavelength"])
@pytest.mark.parametrize("key", ["custom_values", "custom_points"])
def test_wavelengths_of_the_tuned_beam_become_a_shift(tmp_path: Path, unit: str, key: str) -> None:
    record = {"spectral_unit": unit, key: [830.0, 815.0, 800.0], "tuned_beam": "Pump", "fixed_beam_nm": 1064}
    (tmp_path / "wavelength.json").write_text(json.dumps(record))
    np.testing.assert_allclose(read_axis(tmp_path / "wavelength.json", 3), 1e7 / np.array([830.0, 815, 800]) - 1e7 / 1064)


def test_a_scan_downwards_in_even_steps(tmp_path: Path) -> None:
    record = {"tuned_beam": "stokes", "fixed_beam_nm": 800.0, "tuned_min_nm": 1040.0, "tuned_step_nm": -5.0}
    (tmp_path / "wavelength.json").write_text(json.dumps(record))
    axis = read_axis(tmp_path / "wavelength.json", 4)
    np.testing.assert_allclose(axis, 1e7 / 800 - 1e7 / np.array([1040.0, 1035, 1030, 1025]))
    assert (np.diff(axis) < 0).all()


@pytest.mark.parametrize("last", [{"tuned_max_nm": 831.2}, {"tuned_step_nm": 10.0}])
def test_pump_and_stokes_become_a_shift(tmp_path: Path, last: dict[str, float]) -> None:
    record = {"tuned_beam": "pump", "fixed_beam_nm": 1064.0, "tuned_min_nm": 801.2, **last}
    (tmp_path / "wavelength.json").write_text(json.dumps(record))
    axis = read_axis(tmp_path / "wavelength.json", 4)
    np.testing.assert_allclose(axis, 1e7 / np.array([801.2, 811.2, 821.2, 831.2]) - 1e7 / 1064)
    record |= {"tuned_beam": "stokes", "fixed_beam_nm": 800.0, "tuned_min_nm": 1000.0, "tuned_max_nm": 1030.0}
    (tmp_path / "wavelength.json").write_text(json.dumps(record))
    np.testing.assert_allclose(read_axis(tmp_path / "wavelength.json", 2), [2500, 1e7 / 800 - 1e7 / 1030])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "800\nninehundred\n1000", "value 2 is 'ninehundred'"),
        ("a.txt", "", "no line of numbers"),
        ("a.csv", "wavelength nm\n800\n900", "is a wavelength"),
        ("a.json", "{", "holds no spectral axis"),
        ("a.json", "{}", "neither custom_values nor tuned_min_nm"),
        ("a.json", '{"labels": ["DAPI", "GFP"]}', "neither custom_values nor tuned_min_nm among labels"),
        ("a.json", '{"unit": "index", "custom_values": [0, 1]}', "unit 'index'; expected cm-1 or nm"),
        ("a.json", "7", "holds no spectral axis"),
        ("a.json", '{"unit": "nm", "custom_values": [800, 900]}', "tuned_beam"),
        ("a.json", '{"unit": "furlong", "custom_values": [800, 900]}', "furlong"),
        ("a.json", '{"tuned_beam": "stokes", "fixed_beam_nm": 1064, "tuned_min_nm": 800, "tuned_max_nm": 830}', "negative"),
        ("a.json", '{"tuned_beam": "pump", "fixed_beam_nm": 0, "tuned_min_nm": 800, "tuned_max_nm": 830}', "beams of 0 and"),
        ("a.json", '{"tuned_beam": "pump", "fixed_beam_nm": 1064, "tuned_min_nm": 0, "tuned_max_nm": 830}', "wavelengths are above 0"),
        ("a.json", '{"tuned_beam": "pump", "fixed_beam_nm": 1064, "tuned_min_nm": 800, "tuned_max_nm": Infinity}', "goes from 800 to inf"),
    ],
)
def test_a_file_without_an_axis_says_what_is_wrong_and_how_to_give_it(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with refused(tmp_path, rf"{re.escape(str(tmp_path / name))}: .*{message}.*give wavenumber="):
        read_axis(tmp_path / name, 3)


def test_binary_and_missing_axis_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\x80")
    with refused(tmp_path, "no text"):
        read_axis(tmp_path / "a.txt", 3)
    with refused(tmp_path, r"gone\.txt.*cannot be read"):
        read_axis(tmp_path / "gone.txt", 3)


BEAMS = {"tuned_beam": "pump", "fixed_beam_nm": 1031.0, "tuned_min_nm": 780.0, "tuned_max_nm": 800.0, "unit": "nm"}


@pytest.mark.parametrize(
    "record",
    [
        BEAMS | {"fixed_beam_nm": 1e-320},
        BEAMS | {"tuned_min_nm": 1e-320, "tuned_max_nm": 2e-320},
        BEAMS | {"tuned_min_nm": -1.7e308, "tuned_max_nm": 1.7e308},
        BEAMS | {"tuned_max_nm": None, "tuned_step_nm": 1e308},
        BEAMS | {"tuned_min_nm": 10**400},
        BEAMS | {"custom_values": [1e-320, 2e-320, 3e-320]},
        BEAMS | {"custom_values": [1e308] * 3, "unit": "µm"},
        [10**400, 1, 2],
    ],
    ids=str,
)
def test_numbers_at_the_ends_of_what_there_is_do_not_warn(tmp_path: Path, record: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record))
    with refused(tmp_path, r"a\.json: holds no spectral axis \((beams of|the tuned beam|.*too large|.*nan)"):
        read_axis(tmp_path / "a.json", 3)


def test_values_or_first_and_last(plain: Path) -> None:
    np.testing.assert_allclose(open_stack(plain, wavenumber=(800, 1200))["wavenumber"], [800, 900, 1000, 1100, 1200])
    np.testing.assert_allclose(open_stack(plain, wavenumber=[1, 2, 4, 8, 16])["wavenumber"], [1, 2, 4, 8, 16])
    (plain.parent / "own.txt").write_text("1 2 4 8 16")
    np.testing.assert_allclose(open_stack(plain, wavenumber=plain.parent / "own.txt")["wavenumber"], [1, 2, 4, 8, 16])


def test_a_falling_axis_is_turned_with_the_data(plain: Path) -> None:
    falling = open_stack(plain, wavenumber=(1200, 800))
    np.testing.assert_allclose(falling["wavenumber"], [800, 900, 1000, 1100, 1200])
    np.testing.assert_array_equal(falling["cars"], np.load(plain)[..., ::-1])


@pytest.mark.parametrize("neighbour", ["plain.csv", "plain.txt", "plain_wavenumber.txt", "wavelength.json", "wavenumber.csv"])
def test_the_axis_may_lie_beside_the_stack(plain: Path, neighbour: str) -> None:
    text = "[1, 2, 4, 8, 16]" if neighbour.endswith("json") else "1\n2\n4\n8\n16\n"
    (plain.parent / neighbour).write_text(text)
    stack = open_stack(plain)
    np.testing.assert_array_equal(stack["wavenumber"], [1, 2, 4, 8, 16])
    assert f"axis from {neighbour}" in stack.attrs["history"]


def test_no_axis_says_how_to_give_one(plain: Path) -> None:
    with refused(plain.parent, r"no spectral axis for 5 bands.*give wavenumber= as \(first, last\)"):
        open_stack(plain)
    (plain.parent / "plain.csv").write_text("1\n2\n")
    with refused(plain.parent, r"plain\.csv has 2 values"):
        open_stack(plain)


def test_a_wrong_length_names_both(plain: Path) -> None:
    with refused(plain.parent, "axis of 7 values for spectra of 5 points .*; give wavenumber= with 5 values"):
        open_stack(plain, wavenumber=np.arange(7))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("words and more", r"words and more: the spectral axis cannot be read \(No such file.*\); give wavenumber= as"),
        ([[1, 2], [3, 4]], r"wavenumber= has shape \(2, 2\): give wavenumber= as"),
        (object(), "wavenumber=<object .*> is no axis: give wavenumber= as"),
        ([1, 2, np.nan, 4, 5], "holds 1 values that are not finite; mend it, or give another of 5 numbers in cm⁻¹"),
        ([1, 2, 2, 4, 5], r"turns at point 1 \(2, 2\); it must only rise or only fall: mend it, or give another"),
    ],
    ids=["words", "table", "object", "NaN", "twice"],
)
def test_what_is_given_as_an_axis_and_is_none(plain: Path, wrong: object, told: str) -> None:
    with refused(plain.parent, told):
        open_stack(plain, wavenumber=wrong)  # type: ignore[arg-type]


def test_bands_in_front_are_found_by_the_length_of_the_axis(tmp_path: Path) -> None:
    bands_first = np.arange(60).reshape(5, 3, 4)
    np.save(tmp_path / "front.npy", bands_first)
    stack = open_stack(tmp_path / "front.npy", wavenumber=[1, 2, 4, 8, 16])
    np.testing.assert_array_equal(stack["cars"], np.moveaxis(bands_first, 0, -1))
    assert any("dimension 0" in line for line in stack.attrs["history"])


def test_given_axis_leaves_the_order_alone() -> None:
    np.testing.assert_array_equal(given_axis((3000, 2800), 3), [3000, 2900, 2800])
