"""Hostile and broken files: one `CrimsonError` of one line, nothing run, nothing read from outside, nothing changed on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_crimson import CrimsonError, open_stack

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
PAGES = np.moveaxis(STACK, -1, 0)
ESCAPES = "\x1b[31mred\x1b]0;title\x07\nsecond line\u202egnp"


def contents(folder: Path) -> dict[str, Any]:
    """All there is in a folder, byte by byte."""
    return {str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")}


@contextmanager
def refused(folder: Path, match: str) -> Iterator[None]:
    """Expect one error of one line, no more than 1 GiB of memory, and a folder that is as it was."""
    before = contents(folder)
    with pytest.raises(CrimsonError, match=match) as caught:
        yield
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2500
    assert contents(folder) == before


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


# --- no way out of the folder


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


OUTSIDE = {
    one.__name__.replace("_", " "): one
    for one in (
        link_zarr_chunk, link_zarr_array, link_tiff, link_envi_data, link_axis, ome_set_outside,
        hdf5_external_in_virtual, hdf5_link_in_virtual, hdf5_pattern_in_virtual, hdf5_axis_outside,
    )
}  # fmt: skip


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_way_leads_out_of_the_folder(inside: Path, way: str) -> None:
    path = OUTSIDE[way](inside)
    with refused(inside.parent, "secret|not there or a link"):
        stack = open_stack(path, wavenumber=None if "axis" in way else (1000, 1500))
        stack.load()


def test_zip_members_with_a_path_are_read_where_they_are(inside: Path) -> None:
    with zipfile.ZipFile(inside / "a.npz", "w") as archive:
        for name in ("../../cars.npy", "/tmp/cars2.npy", "..\\cars3.npy"):
            buffer = io.BytesIO()
            np.save(buffer, STACK)
            archive.writestr(name, buffer.getvalue())
    before = contents(inside.parent)
    assert open_stack(inside / "a.npz", wavenumber=(1, 2), name="../../cars")["cars"].shape == STACK.shape
    assert contents(inside.parent) == before


# --- what is shown of a name


def names_in_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        image = file.create_dataset(f"BCARSImage/{ESCAPES}/{ESCAPES}", data=STACK)
        image.attrs["Spectrometer.calib.probe"] = 771.0
        file[f"BCARSImage/{ESCAPES}/Dark_{ESCAPES}"] = STACK


def names_in_zarr(path: Path) -> None:
    group = zarr.create_group(path, attributes={"crimson": {"history": [ESCAPES, 5], "source": ESCAPES, "status": ESCAPES, "self": 1}})
    group.create_array("raman", data=STACK, dimension_names=("y", "x", "wavenumber"))
    group.create_array("wavenumber", data=np.arange(6.0), dimension_names=("wavenumber",))


@pytest.mark.parametrize(("name", "write"), [("a.h5", names_in_hdf5), (f"{ESCAPES.replace('/', '')}.zarr", names_in_zarr)])
def test_names_from_a_file_are_shown_on_one_line_without_control_characters(
    tmp_path: Path, name: str, write: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_crimson.__main__ import main
    from napari_crimson.plugin.layers import layer_data_from_stack

    write(tmp_path / name)
    stack = open_stack(tmp_path / name)
    assert stack.attrs["history"]
    assert all(line.isprintable() for line in stack.attrs["history"])
    assert str(stack.attrs.get("status", "")).isprintable()
    assert all(attributes["name"].isprintable() for _, attributes, _ in layer_data_from_stack(stack))
    with pytest.raises(SystemExit):
        main(["info", str(tmp_path / name)])
    assert "\x1b" not in (told := capsys.readouterr().out)
    assert "\u202e" not in told
    with refused(tmp_path, "choose one with name=|no array is named|no image is named"):
        open_stack(tmp_path / name, name=ESCAPES + "2")
