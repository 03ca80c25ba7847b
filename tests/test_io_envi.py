"""ENVI: every interleave, byte order and type, axis by its unit, headers that do not fit their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_crimson import open_stack
from napari_crimson.io import can_open
from refusing import refused

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
AXIS = np.linspace(3000, 2500, 6)
STORED = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}  # y, x, W in the order of the file
CODES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "c8": 6, "u2": 12, "u4": 13, "i8": 14, "u8": 15}


def write(
    header: Path, data: Path, values: Any = STACK, *, interleave: str | None = "bsq", order: str = "<", offset: int = 0, **more: Any
) -> None:
    dtype = values.dtype.str[1:]
    data.write_bytes(bytes(offset) + values.transpose(STORED.get(interleave or "", STORED["bsq"])).astype(order + dtype).tobytes())
    fields = {
        "description": "{\n  a stack = of mine}",
        "samples": values.shape[1],
        "lines": values.shape[0],
        "bands": values.shape[2],
        "header offset": offset,
        "data type": CODES[dtype],
        "interleave": interleave,
        "byte order": int(order == ">"),
        "wavelength": "{" + ",\n ".join(map(str, AXIS)) + "}",
        "wavelength units": "Wavenumber",
    }
    fields |= {key.replace("_", " "): value for key, value in more.items()}
    header.write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None), encoding="utf-8")


@pytest.mark.parametrize("interleave", STORED)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [code for code in CODES if code != "c8"])
def test_every_layout(tmp_path: Path, interleave: str, order: str, dtype: str) -> None:
    values = STACK.astype(dtype)
    write(tmp_path / "a.hdr", tmp_path / "a.img", values, interleave=interleave, order=order, offset=13)
    stack = open_stack(tmp_path / "a.hdr")
    assert stack["cars"].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stack["cars"], values[..., ::-1])
    np.testing.assert_array_equal(stack["cars"][1:3, 2], values[1:3, 2, ::-1])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS[::-1])


@pytest.mark.parametrize("interleave", STORED)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_files_of_spectral_python(tmp_path: Path, interleave: str, order: int, dtype: str) -> None:
    from spectral.io import envi

    notes = {"wavelength": list(map(str, AXIS)), "wavelength units": "Wavenumber"}
    envi.save_image(str(tmp_path / "a.hdr"), STACK.astype(dtype), dtype=dtype, interleave=interleave, byteorder=order, metadata=notes)
    stack = open_stack(tmp_path / "a.hdr")
    assert stack["cars"].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stack["cars"], STACK.astype(dtype)[..., ::-1])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS[::-1])


@pytest.mark.parametrize(
    ("header", "data"),
    [("a.hdr", "a"), ("a.hdr", "a.DAT"), ("a.hdr", "a.bil"), ("a.dat.hdr", "a.dat"), ("a.HDR", "a.raw"), ("a.hdr", "a.raw")],
)
def test_where_the_data_lie(tmp_path: Path, header: str, data: str) -> None:
    write(tmp_path / header, tmp_path / data)
    np.testing.assert_array_equal(open_stack(tmp_path / header)["cars"], STACK[..., ::-1])


@pytest.mark.parametrize("interleave", STORED)
@pytest.mark.parametrize("header", ["a.hdr", "a.{}.hdr"])
def test_the_data_file_finds_its_header(tmp_path: Path, interleave: str, header: str) -> None:
    data = tmp_path / f"a.{interleave}"
    data.write_bytes(b"1")
    with refused(tmp_path, "no header"):
        open_stack(data)
    write(tmp_path / header.format(interleave), data, interleave=interleave)
    np.testing.assert_array_equal(open_stack(data)["cars"], STACK[..., ::-1])


@pytest.mark.parametrize(("unit", "factor"), [("Nanometers", 1), ("nm", 1), ("Micrometers", 1e-3)])
def test_wavelengths_need_the_probe(tmp_path: Path, unit: str, factor: float) -> None:
    axis = ", ".join(str(factor * nm) for nm in np.linspace(600, 650, 6))
    write(tmp_path / "a.hdr", tmp_path / "a.img", wavelength=f"{{{axis}}}", wavelength_units=unit)
    with refused(tmp_path, r"600 to 650 nm.*wavenumber= with the 6 values 1e7 / wavelength − 1e7 / probe"):
        open_stack(tmp_path / "a.hdr")
    assert float(open_stack(tmp_path / "a.hdr", wavenumber=(500, 3000))["wavenumber"][-1]) == 3000
    (tmp_path / "a.csv").write_text("\n".join(map(str, range(1, 7))))
    assert list(open_stack(tmp_path / "a.hdr")["wavenumber"]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("more", [{"wavelength": None}, {"wavelength_units": "Index"}, {"wavelength_units": None}])
def test_without_a_unit_there_is_no_axis(tmp_path: Path, more: dict[str, Any]) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img", **more)
    with refused(tmp_path, "no spectral axis for 6 bands"):
        open_stack(tmp_path / "a.hdr")


def test_pixel_steps(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img", pixel_size="{0.5, 0.25, units=Micrometers}")
    stack = open_stack(tmp_path / "a.hdr")
    assert (float(stack["x"][1]), float(stack["y"][1])) == (0.5, 0.25)
    write(tmp_path / "b.hdr", tmp_path / "b.img", pixel_size="{30, 30}")
    assert "x" not in open_stack(tmp_path / "b.hdr").coords


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"bands": 10**9, "lines": 10**9}, "is truncated"),
        ({"bands": 7}, "is truncated"),
        ({"lines": -1}, "lines is '-1'"),
        ({"samples": None}, "samples is None"),
        ({"header_offset": 10**12}, "is truncated"),
        ({"data_type": 7}, "data type 7"),
        ({"interleave": "spiral"}, "interleave 'spiral'"),
        ({"interleave": None}, "has no 'interleave', which is bsq or bil or bip; add the line"),
        ({"byte_order": None}, r"has no 'byte order', which is 0 \(little-endian\) or 1 \(big-endian\); add the line"),
        ({"byte_order": ""}, "has no 'byte order'"),
        ({"byte_order": 2}, r"byte order is '2', expected 0 \(little-endian\) or 1"),
        ({"file_compression": 1}, "compressed"),
        ({"wavelength": "{1, 2, 3}"}, "3 wavelengths for 6 bands"),
        ({"wavelength": "{1, 2, 3, x, 5, 6}"}, "not all numbers"),
        ({"wavelength": "{1, 2, 2, 3, 4, 5}"}, "turns at point"),
    ],
)
def test_a_header_that_does_not_fit(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img", **more)
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.hdr")


def test_single_bytes_have_no_order(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img", STACK.astype("u1"), byte_order=None)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.hdr")["cars"], STACK.astype("u1")[..., ::-1])


def test_complex_data(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img", STACK.astype("c8"))
    with refused(tmp_path, r"a\.hdr: complex values \(complex64\) are the result of a phase retrieval.*; give the measured"):
        open_stack(tmp_path / "a.hdr")


def test_alone_and_foreign(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", tmp_path / "a.img")
    (tmp_path / "a.img").unlink()
    with refused(tmp_path, r"data are not beside it.*\.img"):
        open_stack(tmp_path / "a.hdr")
    (tmp_path / "light.hdr").write_bytes(b"#?RADIANCE\n")
    assert not can_open(tmp_path / "light.hdr")
    (tmp_path / "b.bip").write_bytes(b"12345678")
    (tmp_path / "b.hdr").write_text("nothing of the kind")
    with refused(tmp_path, "begins with 'nothing "):
        open_stack(tmp_path / "b.bip")
