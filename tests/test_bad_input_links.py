"""Links and names that lead out of where they stand, within HDF5 and Zarr: harmless, or refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype

from napari_crimson import open_stack
from napari_crimson.io.inside_store import InsideStore
from refusing import refused, unchanged

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")


# --- HDF5: soft links are not followed


def write_linked(path: Path, target: str, *, with_stack: bool) -> None:
    with h5py.File(path, "w") as file:
        file["link"] = h5py.SoftLink(target)
        file["deep/down/link"] = h5py.SoftLink(target)
        file["elsewhere/notes"] = np.arange(3.0)
        if with_stack:
            file["elsewhere/cube"] = STACK


TARGETS = ["/", "/elsewhere/cube", "/elsewhere", "/nowhere", "link", "."]


@pytest.mark.parametrize("target", TARGETS)
def test_a_soft_link_beside_a_stack_is_harmless(tmp_path: Path, target: str) -> None:
    write_linked(tmp_path / "a.h5", target, with_stack=True)
    with unchanged(tmp_path):
        stack = open_stack(tmp_path / "a.h5", wavenumber=(1000, 1500))
        np.testing.assert_array_equal(stack["cars"], STACK)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["link", "link/elsewhere/cube", "deep/down/link"])
def test_a_soft_link_is_no_stack(tmp_path: Path, target: str, name: str) -> None:
    write_linked(tmp_path / "a.h5", target, with_stack=True)
    with refused(tmp_path, rf"a\.h5: no array is named '{name}'"):
        open_stack(tmp_path / "a.h5", wavenumber=(1000, 1500), name=name)


def test_a_file_of_nothing_but_links_says_where_they_lead(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["root"], file["cube"] = h5py.SoftLink("/"), h5py.SoftLink("/elsewhere/cube")
    with refused(tmp_path, r"only links, which are not followed \('cube' leads to /elsewhere/cube; 'root' leads to /\)"):
        open_stack(tmp_path / "a.h5", wavenumber=(1000, 1500))


# --- Zarr: no key leads out of the folder


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder for a store; the array beside it is none of its business."""
    zarr.create_array(tmp_path / "secret.zarr", data=STACK)
    (tmp_path / "x").write_text("secret")
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "../secret.zarr/zarr.json", "/etc/hostname"])
def test_a_key_that_leads_out_is_not_got(inside: Path, key: str) -> None:
    zarr.create_group(inside)
    store = InsideStore(inside, read_only=True)
    with refused(inside.parent, "takes values from .*, which leads to .*, outside the folder"):
        asyncio.run(store.get(key, default_buffer_prototype()))
    with refused(inside.parent, "takes values from .*, which leads to .*, outside the folder"):
        asyncio.run(store.get_partial_values(default_buffer_prototype(), [(key, None)]))


def ome_path(folder: Path) -> None:
    image = {"axes": [{"name": axis} for axis in "cyx"], "datasets": [{"path": "../secret.zarr"}]}
    zarr.create_group(folder / "a.zarr", attributes={"ome": {"version": "0.5", "multiscales": [image]}})


def separator_of_version_2(folder: Path) -> None:
    change(zarr_of(folder, 2) / ".zarray", dimension_separator="/../")


def separator_of_version_3(folder: Path) -> None:
    change(zarr_of(folder, 3) / "zarr.json", chunk_key_encoding={"name": "default", "configuration": {"separator": "/../"}})


def zarr_of(folder: Path, version: int) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, zarr_format=version)
    return folder / "a.zarr"


def change(record: Path, **fields: object) -> None:
    record.write_text(json.dumps(json.loads(record.read_text()) | fields))


WAYS: dict[Callable[[Path], None], str] = {
    ome_path: r"a\.zarr: holds no array of rank 3 or more",
    separator_of_version_2: r"a\.zarr: cannot be read as Zarr.*separator",
    separator_of_version_3: r"a\.zarr: cannot be read as Zarr.*separator",
}


@pytest.mark.parametrize("make", WAYS, ids=lambda make: make.__name__)
def test_records_whose_names_lead_out(inside: Path, make: Callable[[Path], None]) -> None:
    make(inside)
    with refused(inside.parent, WAYS[make]):
        open_stack(inside / "a.zarr", wavenumber=(1000, 1500)).load()


def test_an_ome_record_that_leads_out_leaves_the_arrays_inside(inside: Path) -> None:
    ome_path(inside)
    zarr.open_group(inside / "a.zarr").create_array("cube", data=STACK + 1)
    with unchanged(inside.parent):
        np.testing.assert_array_equal(open_stack(inside / "a.zarr", wavenumber=(1000, 1500))["cars"], STACK + 1)


def test_a_name_that_leads_out(inside: Path) -> None:
    zarr.create_group(inside / "a.zarr").create_array("cube", data=STACK)
    with refused(inside.parent, r"a\.zarr: no array is named '\.\./\.\./secret\.zarr'; it holds 'cube' \(4, 5, 6\)"):
        open_stack(inside / "a.zarr", wavenumber=(1000, 1500), name="../../secret.zarr")
