"""Zarr: our own groups, OME-Zarr 0.4 and 0.5, xarray stores, bare arrays; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr

from napari_crimson import open_stack
from napari_crimson.io.ome_zarr import bands_first, create_group
from refusing import refused

DIMS = ("z", "y", "x", "wavenumber")
STACK = np.random.default_rng(0).random((2, 5, 6, 7), dtype="f4")
AXIS = np.array([900, 910, 930, 935, 980, 1000, 1100.0])


def ours(path: Path, names: tuple[str, ...] = ("raman",), **attrs: Any) -> Path:
    group = create_group(path, DIMS, STACK.shape, AXIS, dict.fromkeys(names, "f4"), steps={"x": 0.5, "y": 0.25, "z": 2}, attrs=attrs)
    for i, name in enumerate(names):
        group[name][:] = bands_first(STACK + i, DIMS)  # type: ignore[index]
    return path


def test_a_result_without_cars(tmp_path: Path) -> None:
    stack = open_stack(
        ours(tmp_path / "r.zarr", source="tissue.h5", history=["removed"], status="complete", remover="cnn", fingerprint="1")
    )
    assert list(stack) == ["raman"]
    assert stack["raman"].dims == DIMS
    assert stack["raman"].chunks is not None
    np.testing.assert_array_equal(stack["raman"], STACK)
    np.testing.assert_array_equal(stack["wavenumber"], AXIS)
    assert [float(stack[dim][1]) for dim in "zyx"] == [2, 0.25, 0.5]
    assert stack.attrs["source"] == str(tmp_path / "r.zarr")
    assert stack.attrs["history"] == ["from tissue.h5", "removed"]
    assert "fingerprint" not in stack.attrs  # a copy must not be taken for the run's own output
    assert (stack.attrs["status"], stack.attrs["remover"]) == ("complete", "cnn")


def test_all_images_of_a_result(tmp_path: Path) -> None:
    stack = open_stack(ours(tmp_path / "r.zarr", ("raman", "uncertainty", "cars")))
    assert set(stack) == {"cars", "raman", "uncertainty"}
    np.testing.assert_array_equal(stack["uncertainty"], STACK + 1)
    assert list(open_stack(tmp_path / "r.zarr", name="uncertainty")) == ["uncertainty"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["tczyx", "czyx", "zyx"])
def test_ome_zarr_of_other_programs(tmp_path: Path, version: str, axes: str) -> None:
    sizes = dict(zip("tczyx", (1, 7, 2, 5, 6), strict=True)) if "c" in axes else {"z": 7, "y": 5, "x": 6}
    shape = tuple(sizes[axis] for axis in axes)
    values = np.arange(np.prod(shape)).reshape(shape).astype("u2")
    scale = [0.5 if axis in "yx" else 1.0 for axis in axes]
    record = [
        {
            "axes": [{"name": axis, "type": {"c": "channel", "t": "time"}.get(axis, "space"), "unit": "micrometer"} for axis in axes],
            "datasets": [{"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": scale}]} for i in range(2)],
        }
    ]
    attrs: dict[str, Any] = {"multiscales": record} if version == "0.4" else {"ome": {"version": version, "multiscales": record}}
    group = zarr.create_group(tmp_path / "o.zarr", zarr_format=2 if version == "0.4" else 3, attributes=attrs)
    group.create_array("0", data=values)
    group.create_array("1", data=values[..., ::2, ::2])
    stack = open_stack(tmp_path / "o.zarr", wavenumber=AXIS)
    band = axes.index("c" if "c" in axes else "z")
    np.testing.assert_array_equal(stack["cars"].values.squeeze(), np.moveaxis(values, band, -1).squeeze())
    assert stack["cars"].sizes["wavenumber"] == 7
    assert float(stack["x"][1]) == 0.5


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_written_by_xarray(tmp_path: Path, zarr_format: int) -> None:
    written = xr.Dataset(
        {"cube": (("wavenumber", "y", "x"), np.moveaxis(STACK[0], -1, 0)), "other": ("y", np.zeros(5))},
        {"wavenumber": AXIS, "x": ("x", np.arange(6) * 0.5, {"units": "um"})},
    )
    written.to_zarr(tmp_path / "x.zarr", zarr_format=zarr_format, consolidated=False)
    stack = open_stack(tmp_path / "x.zarr")
    np.testing.assert_array_equal(stack["cars"], STACK[0])
    np.testing.assert_array_equal(stack["wavenumber"], AXIS)
    assert float(stack["x"][1]) == 0.5


def test_packed_values_of_xarray_are_unpacked(tmp_path: Path) -> None:
    encoding = {"cars": {"dtype": "i2", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -1}}
    xr.Dataset({"cars": (("y", "x", "wavenumber"), np.full((2, 3, 7), 12.5))}, {"wavenumber": AXIS}).to_zarr(
        tmp_path / "x.zarr", encoding=encoding, consolidated=False
    )
    np.testing.assert_array_equal(open_stack(tmp_path / "x.zarr")["cars"], 12.5)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_bare_array_has_spectra_last(tmp_path: Path, zarr_format: int) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, zarr_format=zarr_format)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.zarr", wavenumber=AXIS)["cars"], STACK)
    with refused(tmp_path, r"no spectral axis for 7 bands.*; give wavenumber= as \(first, last\)"):
        open_stack(tmp_path / "a.zarr")


def test_chunks_of_the_stack_fit_the_store(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(7, 500, 500), chunks=(3, 64, 100), dtype="f4", dimension_names=("c", "y", "x"))
    y, x, points = open_stack(tmp_path / "a.zarr", wavenumber=AXIS)["cars"].data.chunks
    assert points == (7,)
    assert all(size % 64 == 0 for size in y[:-1])
    assert all(size % 100 == 0 for size in x[:-1])


def test_a_missing_chunk_reads_as_the_fill_value(tmp_path: Path) -> None:
    path = ours(tmp_path / "r.zarr")
    chunk = next(file for file in (path / "raman" / "c").rglob("*") if file.is_file())
    chunk.unlink()
    assert np.isnan(open_stack(path)["raman"]).any()


def test_a_damaged_chunk_is_one_error(tmp_path: Path) -> None:
    path = ours(tmp_path / "r.zarr")
    chunk = next(file for file in (path / "raman" / "c").rglob("*") if file.is_file())
    chunk.write_bytes(b"not what was written")
    with refused(tmp_path, r"r\.zarr.*a chunk of 20 bytes unpacks to .* MiB or more, .*; is it whole\? Copy it again"):
        open_stack(path)["raman"].load()


@pytest.mark.parametrize("where", ["filters", "compressor"])
def test_pickles_are_refused_before_they_run(tmp_path: Path, where: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, zarr_format=2)
    record = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    codec = numcodecs.Pickle().get_config()
    record[where] = [codec] if where == "filters" else codec
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(record))
    with refused(tmp_path, r"a\.zarr: .*\(.*'(object_codec_id': ')?pickle'.*\); is it whole\? Copy or export it again"):
        open_stack(tmp_path / "a.zarr", wavenumber=AXIS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"shape": [10**6, 10**6, 10**3]},
            r"\(1000000, 1000000, 1000\), 3.64e\+03 TiB, but holds \d+ bytes; .*: acquire or export it",
        ),
        (
            {"shape": [10**5, 10**5, 10**3], "chunks": [10**5, 10**5, 10**3]},
            "take 38,146,973 MiB each; at most 256 are unpacked at once: rechunk it",
        ),
    ],
    ids=["shape", "chunks"],
)
def test_a_header_that_promises_terabytes(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK[0], zarr_format=2)
    record = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(record | change))
    with refused(tmp_path, rf"a\.zarr: .*{told}"):
        open_stack(tmp_path / "a.zarr", wavenumber=(1, 2))


def test_spectra_in_more_pieces_than_can_be_read_are_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(4, 5, 10_001), chunks=(4, 5, 2), dtype="u2")
    with refused(tmp_path, r"a\.zarr: each spectrum of 10001 points lies in 5001 chunks.*rechunk it"):
        open_stack(tmp_path / "a.zarr", wavenumber=(500, 3500))


def test_what_a_store_is_warned_of_is_not_repeated_with_each_read(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(1, 5, 6, 7), zarr_format=2)
    note = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps(note | {"filters": []}))
    np.testing.assert_array_equal(open_stack(tmp_path / "a.zarr", wavenumber=(1, 2))["cars"], STACK)  # warnings are errors here


def test_shapes_that_no_stack_has_are_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "long.zarr", shape=(4, 5, 2**31), chunks=(4, 5, 2**20), dtype="u1")
    with refused(tmp_path, r"spectra of 2147483648 points .*at most 1048576 are read; are they spectra"):
        open_stack(tmp_path / "long.zarr", wavenumber=(500, 3500))
    zarr.create_array(tmp_path / "empty.zarr", shape=(6, 0, 4, 5), chunks=(6, 1, 4, 5), dtype="u2", dimension_names=("c", "z", "y", "x"))
    with refused(tmp_path, r"empty\.zarr: has shape \(6, 0, 4, 5\), expected none of its axes empty; acquire or export it again"):
        open_stack(tmp_path / "empty.zarr", wavenumber=(500, 3500))


def test_groups_without_a_stack(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "g.zarr")
    with refused(tmp_path, "no array of rank 3"):
        open_stack(tmp_path / "g.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with refused(tmp_path, "no Zarr group"):
        open_stack(tmp_path / "empty.zarr")
    (tmp_path / "g.zarr" / "zarr.json").write_text("{")
    with refused(tmp_path, r"g\.zarr: cannot be read"):
        open_stack(tmp_path / "g.zarr")
