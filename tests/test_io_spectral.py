"""Which array of a file is its spectral axis, in every format that holds several arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr

from napari_crimson import open_stack
from napari_crimson.io.spectral import choose_axis, is_spectral
from refusing import refused
from test_io_matlab import save_v73

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
SHIFT, NM = np.linspace(900.0, 1400.0, 6), np.linspace(600.0, 650.0, 6)


def write_hdf5(path: Path, arrays: Mapping[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values


def write_xarray(path: Path, arrays: Mapping[str, Any]) -> None:
    dims = {name: ("y", "x", "band") if np.ndim(values) == 3 else ("band",) for name, values in arrays.items()}
    xr.Dataset({name: (dims[name], values) for name, values in arrays.items()}).to_zarr(path, mode="w", consolidated=False)


WRITERS: dict[str, Callable[[Path, Mapping[str, Any]], Any]] = {
    "a.h5": write_hdf5,
    "a.npz": lambda path, arrays: np.savez(path, **arrays),
    "a.mat": lambda path, arrays: scipy.io.savemat(path, dict(arrays)),
    "b.mat": lambda path, arrays: save_v73(path, dict(arrays)),
    "a.zarr": write_xarray,
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    def written(**arrays: Any) -> Path:
        path = tmp_path / str(request.param)
        WRITERS[path.name](path, {"cube": STACK, **arrays})
        return path

    return written


@pytest.mark.parametrize("name", ["wavenumber", "Raman_shift", "x_shift", "wn", "frequency", "axis_wn", "my_wavenumbers"])
def test_an_axis_by_its_name(write: Callable[..., Path], name: str) -> None:
    np.testing.assert_array_equal(open_stack(write(**{name: SHIFT}))["wavenumber"], SHIFT)


def test_wavelengths_are_no_shift_and_dark_stays_when_the_axis_is_given(write: Callable[..., Path]) -> None:
    path = write(wavelength=NM, dark=np.arange(6.0))
    with refused(path.parent, r"600 to 650 nm.*wavenumber= with the 6 values"):
        open_stack(path)
    stack = open_stack(path, wavenumber=SHIFT[::-1])
    np.testing.assert_array_equal(stack["wavenumber"], SHIFT)
    np.testing.assert_array_equal(stack["dark"], np.arange(6.0)[::-1])
    np.testing.assert_array_equal(stack["cars"], STACK[..., ::-1])


def test_a_shift_goes_before_wavelengths_and_an_axis_before_a_spectrum(write: Callable[..., Path]) -> None:
    path = write(wavelength=NM, raman_shift=SHIFT, mean_raman=np.array([3.0, 1, 4, 1, 5, 9]))
    np.testing.assert_array_equal(open_stack(path)["wavenumber"], SHIFT)


def test_several_that_fit_are_named(write: Callable[..., Path]) -> None:
    path = write(wavenumber=SHIFT, wavenumber_old=SHIFT + 7)
    with refused(path.parent, r"'wavenumber' \(900 to 1400\), 'wavenumber_old' \(907 to 1407\); give .* wavenumber="):
        open_stack(path)
    np.testing.assert_array_equal(open_stack(path, wavenumber=(1, 6))["wavenumber"], [1, 2, 3, 4, 5, 6])
    path = write(wavenumber=SHIFT, wavenumber_copy=SHIFT)
    np.testing.assert_array_equal(open_stack(path)["wavenumber"], SHIFT)


def test_units_say_more_than_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"], file["shift"], file["wavelength"] = STACK, NM / 1000, SHIFT
        file["shift"].attrs["units"], file["wavelength"].attrs["units"] = "µm", np.bytes_("cm-1")
    np.testing.assert_array_equal(open_stack(tmp_path / "a.h5")["wavenumber"], SHIFT)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["wavelength"]
    with refused(tmp_path, "600 to 650 nm"):
        open_stack(tmp_path / "a.h5")
    xr.Dataset({"cube": (("y", "x", "wavelength"), STACK)}, {"wavelength": ("wavelength", NM, {"units": "nm"})}).to_zarr(
        tmp_path / "a.zarr", consolidated=False
    )
    with refused(tmp_path, "600 to 650 nm"):
        open_stack(tmp_path / "a.zarr")


def test_the_axis_beside_the_stack_goes_before_those_elsewhere(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "a.h5", {"scan/cube": STACK, "scan/wavelength": NM, "other/wavenumber": SHIFT, "scan/wn": SHIFT + 1})
    np.testing.assert_array_equal(open_stack(tmp_path / "a.h5")["wavenumber"], SHIFT + 1)


def test_first_and_last_are_of_the_dimension_that_the_file_names(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "a.h5", {"cube": np.moveaxis(STACK, -1, 0), "wavelength": NM})
    stack = open_stack(tmp_path / "a.h5", wavenumber=(900, 1400))
    np.testing.assert_array_equal(stack["cars"], STACK)
    np.testing.assert_array_equal(stack["wavenumber"], SHIFT)


def test_names_that_are_of_no_axis() -> None:
    assert not any(map(is_spectral, ("time", "raw", "own", "menu", "down", "number", "raman/time")))
    assert choose_axis({}) == {}
