"""No link, name or record of a file has anything read from outside the folder that the file came in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from hostile import PAGES, STACK
from napari_crimson import open_stack
from refusing import refused, unchanged


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder that a stack came in; what lies beside it is none of its business."""
    (tmp_path / "secret.raw").write_bytes(STACK.tobytes())
    np.save(tmp_path / "secret.npy", STACK)
    tifffile.imwrite(tmp_path / "secret.tif", PAGES[0], photometric="minisblack")
    (tmp_path / "secret.csv").write_text("\n".join(map(str, range(900, 906))))
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["cube"] = STACK
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def link_zarr_chunk(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(4, 5, 6), compressors=None)
    chunk = folder / "a.zarr" / "c" / "0" / "0" / "0"
    chunk.unlink()
    chunk.symlink_to(folder.parent / "secret.raw")
    return folder / "a.zarr"


def link_zarr_array(folder: Path) -> Path:
    zarr.create_group(folder / "a.zarr")
    zarr.create_array(folder.parent / "secret.zarr", data=STACK)
    (folder / "a.zarr" / "cars").symlink_to(folder.parent / "secret.zarr", target_is_directory=True)
    return folder / "a.zarr"


def link_tiff(folder: Path) -> Path:
    for i, page in enumerate(PAGES[1:], start=1):
        tifffile.imwrite(folder / f"image_{i}.tif", page, photometric="minisblack")
    (folder / "image_0.tif").symlink_to(folder.parent / "secret.tif")
    return folder


def link_envi_data(folder: Path) -> Path:
    header = {"samples": 5, "lines": 4, "bands": 6, "data type": 12, "interleave": "bip", "byte order": 0}
    (folder / "a.hdr").write_text("ENVI\n" + "".join(f"{key} = {value}\n" for key, value in header.items()))
    (folder / "a.raw").symlink_to(folder.parent / "secret.raw")
    return folder / "a.hdr"


def link_axis(folder: Path) -> Path:
    np.save(folder / "a.npy", STACK)
    (folder / "a.csv").symlink_to(folder.parent / "secret.csv")
    return folder / "a.npy"


def ome_set_outside(folder: Path) -> Path:
    return write_ome_set(folder, "../secret.tif")


def write_ome_set(folder: Path, other: str) -> Path:
    xml = f"""<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="5" SizeY="4" SizeC="2" SizeZ="1" SizeT="1">
<TiffData IFD="0" FirstC="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>
<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="{other}">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>"""
    tifffile.imwrite(folder / "a.ome.tif", PAGES[:1], photometric="minisblack", description=xml, metadata=None)
    return folder / "a.ome.tif"


def hdf5_external_in_virtual(folder: Path) -> Path:
    """A virtual dataset whose source, inside the folder, takes its values from outside."""
    with h5py.File(folder / "part.h5", "w") as file:
        file.create_dataset("cube", STACK.shape, "u2", external=[(str(folder.parent / "secret.raw"), 0, h5py.h5f.UNLIMITED)])
    return virtual(folder, "part.h5")


def hdf5_link_in_virtual(folder: Path) -> Path:
    """A virtual dataset whose source, inside the folder, is a link to outside."""
    with h5py.File(folder / "part.h5", "w") as file:
        file["cube"] = h5py.ExternalLink("../secret.h5", "/cube")
    return virtual(folder, "part.h5")


def hdf5_pattern_in_virtual(folder: Path) -> Path:
    (folder / "deep").mkdir()
    return virtual(folder, "deep/../../secret.h5")


def hdf5_other_rank_in_virtual(folder: Path) -> Path:
    """Not outside, but what HDF5 2.0 reads beyond its memory for."""
    with h5py.File(folder / "part.h5", "w") as file:
        file["cube"] = [5, 4, 3, 3, 2, 1]
    return virtual(folder, "part.h5")


def hdf5_axis_outside(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["cube"] = STACK
        file.create_dataset("wavenumber", (6,), "f8", external=[(str(folder.parent / "secret.raw"), 0, h5py.h5f.UNLIMITED)])
    return folder / "a.h5"


def virtual(folder: Path, source: str) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        layout = h5py.VirtualLayout(STACK.shape, "u2")
        layout[:] = h5py.VirtualSource(source, "cube", STACK.shape)
        file.create_virtual_dataset("cube", layout)
    return folder / "a.h5"


COPY = "outside the folder; copy the file into it"
REPACK = r"copy the values into one file \(h5repack\)"
OUTSIDE: dict[Callable[[Path], Path], str] = {
    link_zarr_chunk: r"a\.zarr: takes values from .*0, which leads to .*secret\.raw, " + COPY,
    link_zarr_array: r"a\.zarr: takes values from .*zarr\.json, which leads to .*secret\.zarr.zarr\.json, " + COPY,
    link_tiff: r"inside: takes values from .*image_0\.tif, which leads to .*secret\.tif, " + COPY,
    link_envi_data: r"a\.hdr: takes values from .*a\.raw, which leads to .*secret\.raw, " + COPY,
    link_axis: r"a\.npy: no spectral axis for 6 bands.*a\.csv leads to .*secret\.csv, outside the folder\); give wavenumber= as",
    ome_set_outside: r"a\.ome\.tif: takes values from .*, which leads to .*secret\.tif, " + COPY,
    hdf5_external_in_virtual: r"part\.h5: takes values from .*, which leads to .*secret\.raw, " + COPY,
    hdf5_link_in_virtual: r"a\.h5: '/cube' takes its values from 'cube' in .*part\.h5, which is not there or a link; " + REPACK,
    hdf5_pattern_in_virtual: r"a\.h5: takes values from .*, which leads to .*secret\.h5, " + COPY,
    hdf5_axis_outside: r"a\.h5: takes values from .*, which leads to .*secret\.raw, " + COPY,
    hdf5_other_rank_in_virtual: r"a\.h5: '/cube' takes 120 values from 'cube' in .*, which is int64 of shape \(6,\); " + REPACK,
}


@pytest.mark.parametrize("way", OUTSIDE, ids=lambda way: way.__name__)
def test_no_way_leads_out_of_the_folder(inside: Path, way: Callable[[Path], Path]) -> None:
    path = way(inside)
    with refused(inside.parent, OUTSIDE[way]):
        open_stack(path, wavenumber=None if way in (link_axis, hdf5_axis_outside) else (1000, 1500)).load()


def test_zip_members_with_a_path_are_read_where_they_are(inside: Path) -> None:
    with zipfile.ZipFile(inside / "a.npz", "w") as archive:
        for name in ("../../cars.npy", "/tmp/cars2.npy", "..\\cars3.npy"):
            buffer = io.BytesIO()
            np.save(buffer, STACK)
            archive.writestr(name, buffer.getvalue())
    with unchanged(inside.parent):
        assert open_stack(inside / "a.npz", wavenumber=(1, 2), name="../../cars")["cars"].shape == STACK.shape
