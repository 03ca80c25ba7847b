"""HyperSpy's files: written by rosettasciio, as .zspy by the definition, and read without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_crimson import CrimsonError, open_stack

STACK = np.random.default_rng(0).integers(0, 4000, (2, 3, 4)).astype("u2")
SHIFT = np.array([900.0, 910, 930, 960])


def axis(index: int, name: str, unit: str, scale: float = 1.0, offset: float = 0.0, values: Any = None) -> dict[str, Any]:
    """An axis as HyperSpy describes it: even, or by its values."""
    kind = {"scale": scale, "offset": offset, "size": STACK.shape[index]} if values is None else {"axis": values}
    word = "UniformDataAxis" if values is None else "DataAxis"
    return {"_type": word, "name": name, "units": unit, "navigate": index < 2, "index_in_array": index, "is_binned": False, **kind}


def axes(*spectral: Any, y_unit: str = "µm", **options: Any) -> list[dict[str, Any]]:
    return [axis(0, "y", y_unit, 2.0), axis(1, "x", "nm", 500.0), axis(2, *spectral, **options)]


def write_hspy(path: Path, notes: list[dict[str, Any]]) -> None:
    hspy = pytest.importorskip("rsciio.hspy", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    signal = {"data": STACK, "axes": notes, "metadata": {"General": {"title": "map"}, "Signal": {}}, "original_metadata": {}}
    rest = {"package_info": {}, "learning_results": {}, "models": {}, "attributes": {"_lazy": False, "ragged": False}, "tmp_parameters": {}}
    hspy.file_writer(str(path), signal | rest)


def write_zspy(path: Path, notes: list[dict[str, Any]]) -> None:
    """By the definition: rosettasciio writes it with zarr 2 only."""
    root = zarr.create_group(path, zarr_format=2, attributes={"file_format": "ZSpy"})
    group = root.create_group("Experiments/map")
    group.create_array("data", data=STACK)
    for one in notes:
        values = one.pop("axis", None)
        made = group.create_group(f"axis-{one['index_in_array']}", attributes=one)
        if values is not None:
            made.create_array("axis", data=values)


@pytest.fixture(params=[("a.hspy", write_hspy), ("a.zspy", write_zspy)], ids=["hspy", "zspy"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    name, write = request.param

    def written(*spectral: Any, **options: Any) -> Any:
        write(tmp_path / name, axes(*spectral, **options))
        return tmp_path / name

    return written


def test_an_uneven_axis_and_steps(opened: Callable[..., Any]) -> None:
    stack = open_stack(opened("Raman shift", "1/cm", values=SHIFT))
    np.testing.assert_array_equal(stack["cars"], STACK)
    np.testing.assert_array_equal(stack["wavenumber"], SHIFT)
    assert (float(stack["x"][1]), float(stack["y"][1])) == (0.5, 2)
    assert isinstance(stack["cars"].data, da.Array)


def test_an_even_axis_that_falls(opened: Callable[..., Any]) -> None:
    stack = open_stack(opened("shift", "", scale=-5.0, offset=1000.0, y_unit="mA"))
    np.testing.assert_array_equal(stack["wavenumber"], [985, 990, 995, 1000])
    np.testing.assert_array_equal(stack["cars"], STACK[..., ::-1])
    assert "y" not in stack.coords


@pytest.mark.parametrize(("unit", "said"), [("nm", "600 to 630 nm"), ("µm", "600000 to 630000 nm"), ("eV", "no spectral axis for 4 bands")])
def test_axes_that_are_no_shift(opened: Callable[..., Any], unit: str, said: str) -> None:
    path = opened("Energy", unit, scale=10.0, offset=600.0)
    with pytest.raises(CrimsonError, match=said):
        open_stack(path)
    np.testing.assert_array_equal(open_stack(path, wavenumber=(1, 4))["cars"], STACK)
