"""What a file says of itself: names, headers and records that are hostile, damaged or deep."""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from hostile import ANEW, PAGES, STACK, memory_watched
from napari_crimson import open_stack
from refusing import refused, unchanged

ESCAPES = "\x1b[31mred\x1b]0;title\x07\nsecond line\u202egnp"

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
    with unchanged(tmp_path):
        stack = open_stack(tmp_path / name)
    assert stack.attrs["history"]
    assert all(line.isprintable() for line in stack.attrs["history"])
    assert str(stack.attrs.get("status", "")).isprintable()
    assert all(attributes["name"].isprintable() for _, attributes, _ in layer_data_from_stack(stack))
    with unchanged(tmp_path), pytest.raises(SystemExit):
        main(["info", str(tmp_path / name)])
    assert "\x1b" not in (told := capsys.readouterr().out)
    assert "\u202e" not in told
    with refused(tmp_path, r"no (image|array) is named '\\x1b\[31mred.*gnp2'; it holds '"):
        open_stack(tmp_path / name, name=ESCAPES + "2")


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
    with refused(tmp_path, f"the heap of texts at byte {heap} is damaged; copy or export the file again"):
        open_stack(path, wavenumber=(1, 2))


@pytest.mark.parametrize("count", [1, 40, 400])
def test_sound_heaps_are_not_taken_for_damaged_ones(tmp_path: Path, count: int) -> None:
    with_texts(tmp_path / "a.h5", count)
    assert open_stack(tmp_path / "a.h5")["cars"].shape == STACK.shape


# --- records within records


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


FINDS = {
    brackets_in_a_header: r"a\.npy: cannot be read as NumPy array \(.*EOF.*\); " + ANEW,
    a_header_of_many_lines: r"a\.npy: is no NumPy array that can be read \(.*length \(20000\).*\); save it again with numpy\.save",
    a_wavelength_of_many_characters: r"a\.hdr: the wavelengths are not all numbers \(could not .*'x{9,99}\); mend them, or remove them",
    two_damaged_members: r"a\.zarr: cannot be read as Zarr.*\(.*line 1 column 2 .*\); " + ANEW,
}


@pytest.mark.parametrize("make", FINDS, ids=lambda make: make.__name__)
def test_finds(make: Callable[[Path], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make(tmp_path)
    with refused(tmp_path, FINDS[make]):
        open_stack(path)
    gc.collect()
    assert not caplog.records  # of asyncio, of tasks that nobody waited for
