"""NumPy files: in place, in any order, without pickles and bombs."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_crimson import open_stack
from refusing import refused

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
AXIS = np.linspace(3000, 2500, 6)
RAN: list[str] = []


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return RAN.append, ("run",)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u2", ">u2", "f8", "i4", "?"])
def test_npy_in_any_order_and_type(tmp_path: Path, order: str, dtype: str) -> None:
    values = np.asarray(STACK, dtype=dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", values)
    cars = open_stack(tmp_path / "a.npy", wavenumber=(1, 2))["cars"]
    assert cars.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(cars, values)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_with_axis_dark_and_reference(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "a.npz", cars=STACK, wavenumber=AXIS, dark=np.arange(6), reference=np.ones(6), larger=np.zeros((9, 9, 9)))
    stack = open_stack(tmp_path / "a.npz")
    np.testing.assert_array_equal(stack["cars"], STACK[..., ::-1])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS[::-1])
    np.testing.assert_array_equal(stack["dark"], [5, 4, 3, 2, 1, 0])
    assert stack["larger" if "larger" in stack else "cars"].shape == (4, 5, 6)


def test_npz_by_name_and_by_size(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", cube=STACK, wn=AXIS, mask=np.zeros((2, 2, 2)))
    np.testing.assert_array_equal(open_stack(tmp_path / "a.npz")["cars"], STACK[..., ::-1])
    assert open_stack(tmp_path / "a.npz", name="mask", wavenumber=(1, 2))["cars"].shape == (2, 2, 2)
    with refused(tmp_path, r"no array is named 'nothing'; it holds 'cube' \(4, 5, 6\)"):
        open_stack(tmp_path / "a.npz", name="nothing")
    np.savez(tmp_path / "b.npz", one=STACK, two=STACK)
    with refused(tmp_path, r"'one'.*'two'.*name="):
        open_stack(tmp_path / "b.npz")


def test_spectra_of_points_with_their_axis_are_a_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", cars=STACK[0], wavenumber=AXIS)
    assert dict(open_stack(tmp_path / "a.npz")["cars"].sizes) == {"y": 1, "x": 5, "wavenumber": 6}


def test_an_image_is_no_stack(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK[0])
    for wavenumber in (None, (1, 2)):
        with refused(tmp_path, r"image of shape \(5, 6\) has no spectra; give a stack of rank 3 or more"):
            open_stack(tmp_path / "a.npy", wavenumber=wavenumber)


def test_complex_objects_and_records(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", STACK.astype("c8"))
    with refused(tmp_path, r"c\.npy: complex values .*are the result of a phase retrieval.*; give the measured intensities"):
        open_stack(tmp_path / "c.npy")
    np.save(tmp_path / "o.npy", np.array([Malicious()] * 3, dtype=object), allow_pickle=True)
    np.savez(tmp_path / "o.npz", cars=np.array([[[Malicious()]]], dtype=object))
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Malicious()))
    np.save(tmp_path / "r.npy", np.zeros((2, 3, 4), dtype=[("a", "f4")]))
    objects = "holds Python objects, which run code when loaded, and is refused; save plain numbers with numpy.save"
    no_array, record = "is no NumPy array: begins with .*; is it whole", "values of type .*, expected integers or floats"
    for name, told in {"o.npy": objects, "o.npz": objects, "p.npy": no_array, "r.npy": record}.items():
        with refused(tmp_path, f"{name}: .*{told}"):
            open_stack(tmp_path / name, wavenumber=(1, 2)).load()
    assert not RAN


def header(shape: str) -> bytes:
    text = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("shape", ["(1000000, 1000000, 1000)", "(4, 5, 7)", "(-4, 5, -6)", "(4, 5", "(4, 'x', 5)"])
def test_a_header_that_does_not_fit_the_file(tmp_path: Path, shape: str) -> None:
    (tmp_path / "a.npy").write_bytes(header(shape) + STACK.tobytes())
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.npy", "cars.npy")
    for name in ("a.npy", "a.npz"):
        with refused(tmp_path, name):
            open_stack(tmp_path / name, wavenumber=(1, 2))


def test_a_refused_header_is_not_warned_of_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(header(r"'\s'") + STACK.tobytes())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with refused(tmp_path, r"a\.npy"):
            open_stack(tmp_path / "a.npy", wavenumber=(1, 2))
    assert not warned


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("cars.npy", "w", force_zip64=True) as file:
        file.write(header("(100000, 100000, 1000)"))
        file.write(bytes(2**20))
    with refused(tmp_path, r"a\.npz: 'cars\.npy' of shape .* is said to unpack from .* to 1.86e\+04 GiB.*; if it is one, save it"):
        open_stack(tmp_path / "a.npz", wavenumber=(1, 2))


@pytest.mark.parametrize("keep", [4, 20, 200])
def test_truncated(tmp_path: Path, keep: int) -> None:
    np.save(tmp_path / "whole.npy", STACK)
    np.savez(tmp_path / "whole.npz", cars=STACK, wavenumber=AXIS)
    for name in ("npy", "npz"):
        (tmp_path / f"cut.{name}").write_bytes((tmp_path / f"whole.{name}").read_bytes()[:keep])
        with refused(tmp_path, f"cut.{name}"):
            open_stack(tmp_path / f"cut.{name}", wavenumber=(1, 2))


def test_an_axis_of_another_length_is_told_with_both_lengths(tmp_path):
    np.savez(tmp_path / "a.npz", cars=np.ones((3, 4, 11)), wavenumber=np.arange(9.0))
    with refused(tmp_path, r"an axis of 9 values for spectra of 11 points .*; give wavenumber= with 11 values"):
        open_stack(tmp_path / "a.npz")
