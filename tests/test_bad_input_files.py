"""Hostile and broken files: one `CrimsonError` of one line, nothing run, nothing read from outside, nothing changed on disk."""

from __future__ import annotations

import gc
import gzip
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numcodecs
import numpy as np
import psutil
import pytest
import tifffile
import zarr

from fuzzing.seeds import SEEDS
from napari_crimson import CrimsonError, open_stack
from napari_crimson.stack import make_stack
from refusing import refused, unchanged

STACK = np.random.default_rng(0).integers(0, 4000, (4, 5, 6)).astype("u2")
PAGES = np.moveaxis(STACK, -1, 0)
ESCAPES = "\x1b[31mred\x1b]0;title\x07\nsecond line\u202egnp"


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


OUTSIDE = {
    one.__name__.replace("_", " "): one
    for one in (
        link_zarr_chunk, link_zarr_array, link_tiff, link_envi_data, link_axis, ome_set_outside,
        hdf5_external_in_virtual, hdf5_link_in_virtual, hdf5_pattern_in_virtual, hdf5_axis_outside, hdf5_other_rank_in_virtual,
    )
}  # fmt: skip


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_way_leads_out_of_the_folder(inside: Path, way: str) -> None:
    path = OUTSIDE[way](inside)
    with refused(inside.parent, "secret|not there or a link|takes 120 values from .cube."):
        stack = open_stack(path, wavenumber=None if "axis" in way else (1000, 1500))
        stack.load()


def test_zip_members_with_a_path_are_read_where_they_are(inside: Path) -> None:
    with zipfile.ZipFile(inside / "a.npz", "w") as archive:
        for name in ("../../cars.npy", "/tmp/cars2.npy", "..\\cars3.npy"):
            buffer = io.BytesIO()
            np.save(buffer, STACK)
            archive.writestr(name, buffer.getvalue())
    with unchanged(inside.parent):
        assert open_stack(inside / "a.npz", wavenumber=(1, 2), name="../../cars")["cars"].shape == STACK.shape


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


# --- a little that becomes a lot, and headers that promise it


def npz_zeros(folder: Path) -> Path:
    """320 MiB of zeros in a member: the zip's own sizes are honest."""
    shape = (1024, 1024, 160)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<u2", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("cars.npy", "w") as file:
        file.write(header.getvalue())
        for _ in range(20):
            file.write(bytes(2**24))
    return folder / "a.npz"


def npz_header(folder: Path) -> Path:
    """A header that says to be 2 GiB long, and packed it is not even small."""
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("cars.npy", "w") as file:
        file.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31))
        for _ in range(34):
            file.write(bytes(2**24))
    return folder / "a.npz"


def tiff_strip(folder: Path) -> Path:
    """Pages of 4 × 5 pixels, each packed from over 1 GiB of zeros."""
    path = folder / "a.tif"
    tifffile.imwrite(path, PAGES, photometric="minisblack", compression="zlib", metadata=None)
    packer = zlib.compressobj(1)
    first, second = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))  # blocks of their own
    bomb = first + 79 * second
    with tifffile.TiffFile(path) as tif:
        places = [(page.tags["StripOffsets"].offset, page.tags["StripByteCounts"].offset) for page in tif.pages]
    raw = bytearray(path.read_bytes())
    for offset, count in places:
        struct.pack_into("<HII", raw, offset + 2, 4, 1, len(raw))
        struct.pack_into("<HII", raw, count + 2, 4, 1, len(bomb))
    path.write_bytes(bytes(raw) + bomb)
    return path


def tiff_pages_of_terabytes(folder: Path) -> Path:
    path = folder / "a.tif"
    tifffile.imwrite(path, PAGES, photometric="minisblack", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        places = [page.tags[name].offset for page in tif.pages for name in ("ImageWidth", "ImageLength", "RowsPerStrip")]
    raw = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<HII", raw, place + 2, 4, 1, 2**24)
    path.write_bytes(bytes(raw))
    return path


def hdf5_chunk(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", (1024, 1024, 400), "u2", chunks=(1024, 1024, 400), compression="gzip")
    return folder / "a.h5"


def hdf5_terabytes(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", (2**20, 2**20, 1600), "u2", chunks=(1, 64, 1600), compression="gzip")
    return folder / "a.h5"


def zarr_chunk(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", shape=(4, 5, 6), dtype="u2", chunks=(4096, 4096, 64), zarr_format=2)
    return folder / "a.zarr"


def matlab_terabytes(folder: Path) -> Path:
    import scipy.io

    scipy.io.savemat(folder / "a.mat", {"cube": STACK}, do_compression=True)
    raw = (folder / "a.mat").read_bytes()
    inside = bytearray(zlib.decompress(raw[136:]))
    struct.pack_into("<iii", inside, 32, 10_000, 10_000, 10_000)
    packed = zlib.compress(bytes(inside))
    (folder / "a.mat").write_bytes(raw[:128] + struct.pack("<II", 15, len(packed)) + packed)
    return folder / "a.mat"


def winspec_terabytes(folder: Path) -> Path:
    from test_io_winspec import write

    write(folder / "a.spe", at1446=("<i", 2**31 - 1), at656=("<H", 65535))
    return folder / "a.spe"


def envi_terabytes(folder: Path) -> Path:
    from test_io_envi import write

    write(folder / "a.hdr", folder / "a.img", samples=10**9, lines=10**9)
    return folder / "a.hdr"


def npy_terabytes(folder: Path) -> Path:
    """A header as numpy writes it, of two terabytes, and 240 bytes of values."""
    with (folder / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": (1_000_000, 1_000_000, 1000)})
        file.write(STACK.tobytes())
    return folder / "a.npy"


HUGE: dict[Callable[[Path], Path], str] = {
    npz_zeros: r"unpack from .* bytes to 0.312 GiB, which no measurement does",
    npz_header: "is no NumPy array that can be read",
    tiff_strip: "unpack to more than twice the 40 there should be",
    tiff_pages_of_terabytes: "promises an array|MiB each|ends at byte|TiB",
    hdf5_chunk: "take 800 MiB each; at most 256 are unpacked at once",
    hdf5_terabytes: r"promises an array of shape \(1048576, 1048576, 1600\), 3.2e\+03 TiB, but holds",
    zarr_chunk: "take 2,048 MiB each",
    matlab_terabytes: "unpack from .* bytes to .* GiB",
    winspec_terabytes: "end at byte .*, the file has",
    envi_terabytes: "need .* bytes, there are",
    npy_terabytes: r"shape \(1000000, 1000000, 1000\) of uint16 needs 2000000000000128 bytes, there are 368; it is truncated",
}


@pytest.mark.parametrize("make", HUGE, ids=lambda make: make.__name__)
def test_little_that_promises_or_becomes_a_lot_is_refused_without_the_memory(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with refused(tmp_path, HUGE[make]), memory_watched():
        open_stack(path, wavenumber=(1000, 1500))["cars"][0, 0].load()


@contextmanager
def memory_watched() -> Iterator[None]:
    """Let numpy and zlib take 512 MiB more than there is, where the system can be told so."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**29, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


# --- what libraries read for ever


def with_texts(path: Path, count: int = 1) -> None:
    with h5py.File(path, "w") as file:
        file["cube"], file["wavenumber"] = STACK, np.arange(6.0)
        for i in range(count):
            file["cube"].attrs[f"note {i}"] = "x" * (i % 70)
        for i in range(0, min(count, 40), 3):
            del file["cube"].attrs[f"note {i}"]


def test_a_heap_of_texts_that_a_broken_copy_left_half_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = STACK
        texts = file.create_dataset("notes", (4,), h5py.string_dtype())
        texts[:] = ["one", "two", "three", "four"]
    raw = bytearray(path.read_bytes())
    heap = raw.index(b"GCOL")
    raw[heap + 48 : heap + 4096] = bytes(4048)
    path.write_bytes(bytes(raw))
    with refused(tmp_path, f"the heap of texts at byte {heap} is damaged"):
        open_stack(path, wavenumber=(1, 2))


@pytest.mark.parametrize("count", [1, 40, 400])
def test_sound_heaps_are_not_taken_for_damaged_ones(tmp_path: Path, count: int) -> None:
    with_texts(tmp_path / "a.h5", count)
    assert open_stack(tmp_path / "a.h5")["cars"].shape == STACK.shape


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
@pytest.mark.parametrize("name", ["a.h5", "a.csv", "a.zarr/c/0/0/0", "scan/image_0.tif"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", STACK)
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(4, 5, 6))
    (tmp_path / "scan").mkdir()
    for i in range(2):
        tifffile.imwrite(tmp_path / "scan" / f"image_{i}.tif", PAGES[i], photometric="minisblack")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    opened = {"a.csv": "a.npy", "a.zarr/c/0/0/0": "a.zarr", "scan/image_0.tif": "scan"}.get(name, name)
    with refused(tmp_path, "no regular file|no spectral axis|no axis"):
        open_stack(tmp_path / opened, wavenumber=None if name == "a.csv" else (1, 2)).load()


# --- every format: cut, emptied, replaced, and records within records

STACKS = [name for name, seed in SEEDS.items() if seed.target == "stack"]
TEXTS = ("andor", "envi")  # half a text may be all that is needed, and nothing tells that it was longer


def made(name: str, folder: Path) -> tuple[Path, Path]:
    """A good stack as it is opened, and the file of it that says what it is."""
    opened = folder / SEEDS[name].name
    SEEDS[name].write(opened)
    inside = [opened] if opened.is_file() else sorted(opened.glob("*.json")) + sorted(opened.glob(".z*")) + sorted(opened.glob("*.tif"))
    return opened, next(file for file in inside if file.name != "wavelength.json")


def opened(path: Path) -> None:
    open_stack(path, wavenumber=(1000, 1500)).load()


ANEW = r"is it whole\? Copy or export it again"
NO_TIFFS = r"cannot be read as folder of numbered TIFFs \({}.*\); " + ANEW
NO_STORE = r"cannot be read as Zarr, OME-Zarr, xarray or HyperSpy store \({}.*line \d+ column \d+.*\); " + ANEW
STORES = (
    "hyperspy store", "ours", "ome-zarr 0.4", "ome-zarr 0.5", "xarray store", "zarr gzip", "zarr zstd", "zarr 2 zlib", "zarr shards"
)  # fmt: skip
HALF = {
    **dict.fromkeys(
        ("nist", "macro raster", "hdf5", "hdf5 virtual", "hyperspy", "scancars"),
        r"cannot be opened as HDF5 \(.*truncated file: .*\); it is truncated, or another program is writing it",
    ),
    **dict.fromkeys(("matlab v6", "matlab v7", "witec"), r"a variable ends at byte \d+, the file has \d+; it is truncated, copy it again"),
    **dict.fromkeys(("matlab v7.3", "matlab of ours"), r"cannot be read as MATLAB .*\(.*truncated file: .*\); " + ANEW),
    **dict.fromkeys(
        ("tiff", "tiff strips", "tiff tiles", "imagej", "ome-tiff", "ome-tiff set"),
        r"the list of pages breaks off after page \d; the file is truncated, copy it again",
    ),
    "tiff folder": NO_TIFFS.format("corrupted"),
    **dict.fromkeys(STORES, NO_STORE.format("(Unterminated|Expecting)")),
    "npy": r"shape \(4, 5, 6\) of uint16 needs 368 bytes, there are 184; it is truncated, copy it again",
    **dict.fromkeys(("npz", "npz packed"), r"cannot be read as NumPy archive .*\(File is not a zip file\); " + ANEW),
    "winspec": r"has \d+ bytes, a header of WinSpec 4100; it is truncated, copy it again",
    "renishaw": "lacks the blocks XLST, DATA of a Renishaw measurement; was it stopped before it began",
    "horiba": r"is no whole XML \(unclosed token: .*\); export it from LabSpec again",
    "trivista": r"is no whole XML \(unclosed token: .*\); export it from TriVista again",
    **dict.fromkeys(("mountains", "mountains packed"), r"has \d+ bytes, its header 512; it is truncated, copy it again"),
}
FOREIGN = {
    "tiff folder": NO_TIFFS.format("not a TIFF file"),
    **dict.fromkeys(STORES, NO_STORE.format("Expecting value")),
    "winspec": r"data type \d+, expected one of .*; is it WinSpec's",
    "andor": "holds no table of numbers with an axis and at least one spectrum; export it from Solis as ASCII again",
}  # any other is told from its first bytes
EMPTY = {"tiff folder": FOREIGN["tiff folder"], **dict.fromkeys(STORES, FOREIGN["ours"])}


@pytest.mark.parametrize("name", [name for name in STACKS if name not in TEXTS])
def test_half_a_file(name: str, tmp_path: Path) -> None:
    path, file = made(name, tmp_path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with refused(tmp_path, f"{re.escape(str(path))}: {HALF[name]}"):
        opened(path)


@pytest.mark.parametrize("name", STACKS)
def test_an_empty_file(name: str, tmp_path: Path) -> None:
    path, file = made(name, tmp_path)
    file.write_bytes(b"")
    with refused(tmp_path, f"{re.escape(str(path))}: {EMPTY.get(name, r'is empty .0 bytes.; copy or acquire it again')}"):
        opened(path)


@pytest.mark.parametrize("name", STACKS)
def test_a_foreign_file(name: str, tmp_path: Path) -> None:
    path, file = made(name, tmp_path)
    file.write_bytes(b"%PDF-1.7 a report, and no stack at all" * 200)
    told = rf"named \{path.suffix} but is no .*: begins with b'%PDF-1\.7'; is it whole"
    with refused(tmp_path, f"{re.escape(str(path))}: {FOREIGN.get(name, told)}"):
        opened(path)


def zarr_attributes(folder: Path) -> Path:
    zarr.create_group(folder / "a.zarr")
    (folder / "a.zarr" / "zarr.json").write_text(
        '{"zarr_format":3,"node_type":"group","attributes":{"a":' + "[" * 50_000 + "]" * 50_000 + "}}"
    )
    return folder / "a.zarr"


def axis_of_brackets(folder: Path) -> Path:
    np.save(folder / "a.npy", STACK)
    (folder / "a.json").write_text("[" * 50_000)
    return folder / "a.npy"


def ome_of_elements(folder: Path) -> Path:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">' + "<a>" * 30_000 + "</a>" * 30_000 + "</OME>"
    )
    tifffile.imwrite(folder / "a.ome.tif", PAGES, photometric="minisblack", description=xml, metadata=None)
    return folder / "a.ome.tif"


def ome_of_entities(folder: Path) -> Path:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    xml = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY l0 "ha">{laughs}]><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">&l11;</OME>'
    tifffile.imwrite(folder / "a.ome.tif", PAGES, photometric="minisblack", description=xml, metadata=None)
    return folder / "a.ome.tif"


DEEP = {
    zarr_attributes: r"a\.zarr: cannot be read as Zarr.*\(.*(recursion|overflow).*\); " + ANEW,
    axis_of_brackets: r"a\.npy: no spectral axis for 6 bands.*a\.json: holds no spectral axis \(.*\)\); give wavenumber=",
    ome_of_elements: r"a\.ome\.tif: cannot be read as TIFF.*\(.*recursion.*\); " + ANEW,
    ome_of_entities: r"a\.ome\.tif: its description declares a document type or entities, .*; save it again",
}


@pytest.mark.parametrize("make", DEEP, ids=lambda make: make.__name__)
def test_deeply_nested_records(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    with refused(tmp_path, DEEP[make]), memory_watched():
        open_stack(path)


# --- chunks whose own header, or stream, unpacks to far more than their place


def zarr_with_chunk(folder: Path, chunk: bytes, codec: Any) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(4, 5, 6), compressors=codec)
    (folder / "a.zarr" / "c" / "0" / "0" / "0").write_bytes(chunk)
    return folder / "a.zarr"


def zstd_frame(head: bytes) -> bytes:
    """1 GiB of zeros, in blocks that each repeat one byte 128 KiB times (RFC 8878)."""
    block = ((2**17 << 3) | 0b010).to_bytes(3, "little") + b"\0"
    last = ((2**17 << 3) | 0b011).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd" + head + block * (2**13 - 1) + last


ZEROS = zstd_frame(bytes([0b10_1_00000]) + struct.pack("<I", 2**30))


def zstd_of_zeros(folder: Path) -> Path:
    return zarr_with_chunk(folder, ZEROS, zarr.codecs.ZstdCodec())


def zstd_without_size(folder: Path) -> Path:
    return zarr_with_chunk(folder, zstd_frame(bytes([0, 0x38])), zarr.codecs.ZstdCodec())


def zstd_of_two_frames(folder: Path) -> Path:
    return zarr_with_chunk(folder, numcodecs.Zstd().encode(STACK.tobytes()) + ZEROS, zarr.codecs.ZstdCodec())


def zstd_behind_a_skipped_frame(folder: Path) -> Path:
    return zarr_with_chunk(folder, b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"note" + ZEROS, zarr.codecs.ZstdCodec())


def blosc_of_gigabytes(folder: Path) -> Path:
    return zarr_with_chunk(folder, struct.pack("<BBBBIII", 2, 1, 1, 2, 2**31 - 17, 2**20, 20) + bytes(4), zarr.codecs.BloscCodec())


def gzip_stream() -> bytes:
    """1 GiB of zeros."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    first, second = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + 63 * second


def gzip_of_zeros(folder: Path) -> Path:
    return zarr_with_chunk(folder, gzip_stream(), zarr.codecs.GzipCodec())


def gzip_behind_a_small_one(folder: Path) -> Path:
    return zarr_with_chunk(folder, gzip.compress(STACK.tobytes()) + bytes(9) + gzip_stream(), zarr.codecs.GzipCodec())


def gzip_in_gzip(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", data=STACK, zarr_format=2, filters=[numcodecs.GZip()], compressors=numcodecs.GZip())
    (folder / "a.zarr" / "0.0.0").write_bytes(gzip.compress(gzip_stream()))
    return folder / "a.zarr"


def gzip_in_zstd(folder: Path) -> Path:
    return zarr_with_chunk(folder, numcodecs.Zstd().encode(gzip_stream()), [zarr.codecs.GzipCodec(), zarr.codecs.ZstdCodec()])


def shard_of_zeros(folder: Path) -> Path:
    """A shard whose second chunk is the one that grows."""
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(2, 5, 6), shards=(4, 5, 6), compressors=zarr.codecs.GzipCodec())
    good, bad = gzip.compress(STACK[:2].tobytes()), gzip_stream()
    index = struct.pack("<4Q", 0, len(good), len(good), len(bad))
    (folder / "a.zarr" / "c" / "0" / "0" / "0").write_bytes(good + bad + bytes(numcodecs.CRC32C(location="end").encode(index)))
    return folder / "a.zarr"


def hdf5_stream(folder: Path) -> Path:
    """A chunk of 240 bytes, packed from 1 GiB."""
    packer = zlib.compressobj(1)
    first, second = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", STACK.shape, "u2", chunks=STACK.shape, compression="gzip").id.write_direct_chunk(
            (0, 0, 0), first + 63 * second
        )
    return folder / "a.h5"


def hdf5_twice(folder: Path) -> Path:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(STACK.shape)
    for _ in range(2):
        plist.set_deflate(9)
    with h5py.File(folder / "a.h5", "w") as file:
        h5py.h5d.create(file.id, b"cube", h5py.h5t.NATIVE_UINT16, h5py.h5s.create_simple(STACK.shape), plist)
    return folder / "a.h5"


STREAMS: dict[Callable[[Path], Path], str] = {
    zstd_of_zeros: "a chunk of .* bytes unpacks to 1,024 MiB or more",
    blosc_of_gigabytes: "a chunk of .* bytes unpacks to 2,048 MiB or more",
    zstd_without_size: "a chunk of .* bytes unpacks to 16 MiB or more",
    zstd_of_two_frames: "a chunk of .* bytes unpacks to 1,024 MiB or more",
    zstd_behind_a_skipped_frame: "a chunk of .* bytes unpacks to 1,024 MiB or more",
    gzip_of_zeros: "a chunk of .* bytes unpacks to 16 MiB or more",
    gzip_behind_a_small_one: "a chunk of .* bytes unpacks to 16 MiB or more",
    gzip_in_gzip: r"packed 2 times over \(gzip, gzip\)",
    gzip_in_zstd: r"packed 2 times over \(gzip, zstd\)",
    shard_of_zeros: "a chunk of .* bytes unpacks to 16 MiB or more",
    hdf5_stream: "a chunk packed into .* bytes that should unpack to 240",
    hdf5_twice: "packed 2 times over",
}


@pytest.mark.parametrize("make", STREAMS, ids=lambda make: make.__name__)
def test_chunks_that_would_fill_the_memory(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with refused(tmp_path, STREAMS[make]), memory_watched():
        open_stack(path, wavenumber=(1000, 1500))["cars"].load()


# --- small finds of the fuzzing


def brackets_in_a_header(folder: Path) -> Path:
    text = b"(" * 5000 + b"\n"
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    return folder / "a.npy"


def a_header_of_many_lines(folder: Path) -> Path:
    text = b" " * 20_000
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    return folder / "a.npy"


def a_wavelength_of_many_characters(folder: Path) -> Path:
    from test_io_envi import write

    write(folder / "a.hdr", folder / "a.img", wavelength="{" + "x" * 70_000 + "}")
    return folder / "a.hdr"


def two_damaged_members(folder: Path) -> Path:
    group = zarr.create_group(folder / "a.zarr", zarr_format=2)
    for name in ("cars", "wavenumber"):
        group.create_array(name, data=STACK)
        (folder / "a.zarr" / name / ".zarray").write_text("{")
    return folder / "a.zarr"


FINDS = (brackets_in_a_header, a_header_of_many_lines, a_wavelength_of_many_characters, two_damaged_members)


@pytest.mark.parametrize("make", FINDS, ids=lambda make: make.__name__)
def test_finds(make: Callable[[Path], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make(tmp_path)
    with refused(tmp_path, r"NumPy array|not all numbers|cannot be read as Zarr"):
        open_stack(path)
    gc.collect()
    assert not caplog.records  # of asyncio, of tasks that nobody waited for


def test_a_photograph_in_a_renishaw_map_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    pytest.importorskip("rsciio", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    pytest.importorskip("PIL", reason="without Pillow it is not unpacked")
    path = tmp_path / SEEDS["renishaw"].name
    SEEDS["renishaw"].write(path)
    header = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 4_000, 8, 2, 0, 0, 0)
    photograph = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\4IDAT" + bytes(8)
    path.write_bytes(path.read_bytes() + struct.pack("<4sIQ", b"WHTL", 0, len(photograph) + 16) + photograph)
    with refused(tmp_path, "decompression bomb"), memory_watched():
        open_stack(path)


@pytest.mark.parametrize("dtype", ["S3", "U2", "M8[s]", "m8[s]", "V4", [("a", "i4")]], ids=str)
def test_values_that_are_no_numbers(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), dtype))
    with refused(tmp_path, "values of type .*, expected integers or floats"):
        open_stack(tmp_path / "a.npy", wavenumber=(1, 2))


@pytest.mark.parametrize("shape", [(), (5,), (0, 3, 4), (3, 4, 0), (1,) * 6])
def test_shapes_that_are_no_stack(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with refused(tmp_path, r"shape \(.*give a stack of rank 3|shape \(.*none empty"):
        open_stack(tmp_path / "a.npy", wavenumber=(1, 2))


@pytest.mark.parametrize("axis", [[1, 1, 2, 3, 4, 5], [np.nan] * 6, [np.inf, 5, 4, 3, 2, 1], [1e308, -1e308, 3, 4, 5, 6]], ids=str)
def test_axes_that_are_none(tmp_path: Path, axis: list[float]) -> None:
    np.savez(tmp_path / "a.npz", cars=STACK, wavenumber=np.array(axis, dtype=float))
    with refused(tmp_path, "the spectral axis (turns at point|holds . values that are not finite)"):
        open_stack(tmp_path / "a.npz")


def test_an_image_longer_than_any_is_refused_without_the_memory() -> None:
    endless = da.zeros((1, 2**31, 6), dtype="u1", chunks=(1, 2**20, 6))
    with pytest.raises(CrimsonError, match="expected at most 134,217,728 pixels along an axis"):
        make_stack(endless, np.arange(6.0), step_um={"y": 1.0})
