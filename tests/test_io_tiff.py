"""TIFF of every make: page orders, byte orders, compression, tiles, folders, and what a broken one says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile

from napari_crimson import CrimsonError, open_stack
from napari_crimson.io import tiff_pages
from refusing import refused

PAGES = np.random.default_rng(0).integers(0, 60000, (6, 50, 70)).astype("u2")
STACK = np.moveaxis(PAGES, 0, -1)

MAKES: dict[str, dict[str, Any]] = {
    "plain": {},
    "big endian": {"byteorder": ">"},
    "ImageJ C": {"imagej": True, "metadata": {"axes": "CYX"}},
    "ImageJ Z": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ T": {"imagej": True, "metadata": {"axes": "TYX"}},
    "OME": {"ome": True, "metadata": {"axes": "CYX"}},
    "strips": {"compression": "zlib", "rowsperstrip": 7},
    "one strip, predictor": {"compression": "zlib", "predictor": True},
    "tiles": {"compression": "zlib", "tile": (16, 32)},
    "tiles, not compressed": {"tile": (16, 32)},
    "BigTIFF": {"bigtiff": True},
    "no metadata": {"metadata": None},
}


@pytest.mark.parametrize("make", MAKES)
def test_a_page_for_each_wavenumber(tmp_path: Path, make: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PAGES, **MAKES[make])
    cars = open_stack(tmp_path / "a.tif", wavenumber=(1000, 1005))["cars"]
    assert cars.dims == ("y", "x", "wavenumber")
    assert cars.dtype == np.dtype("u2")
    np.testing.assert_array_equal(cars, STACK)
    np.testing.assert_array_equal(cars[13:37, 5:9, 2], STACK[13:37, 5:9, 2])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_written_one_by_one(tmp_path: Path, compression: str | None) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in PAGES:
            file.write(page, contiguous=False, compression=compression)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif", wavenumber=(1, 2))["cars"][20:30], STACK[20:30])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_folder_in_the_order_of_its_numbers(tmp_path: Path, compression: str | None) -> None:
    for number, page in zip((1, 2, 3, 9, 10, 11), PAGES, strict=True):
        tifffile.imwrite(tmp_path / f"image_{number}.tif", page, compression=compression)
    (tmp_path / "notes.txt").write_text("nothing to do with it")
    (tmp_path / "wavelength.json").write_text('{"unit": "cm-1", "custom_values": [1, 2, 3, 4, 5, 6]}')
    stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack["cars"], STACK)
    np.testing.assert_array_equal(stack["wavenumber"], [1, 2, 3, 4, 5, 6])


def test_folders_that_are_no_stack(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_1.tif", PAGES[0])
    tifffile.imwrite(tmp_path / "a_2.tif", PAGES[0, :40])
    with refused(tmp_path, r"a_2\.tif: \(40, 70\).*alike"):
        open_stack(tmp_path, wavenumber=(1, 2))
    tifffile.imwrite(tmp_path / "a_2.tif", PAGES[:2])
    with refused(tmp_path, "2 pages"):
        open_stack(tmp_path, wavenumber=(1, 2))
    tifffile.imwrite(tmp_path / "a_02.tif", PAGES[0])
    with refused(tmp_path, "same number"):
        open_stack(tmp_path, wavenumber=(1, 2))
    (tmp_path / "a_02.tif").unlink()
    tifffile.imwrite(tmp_path / "b_1.tif", PAGES[0])
    with refused(tmp_path, r"'a_' \(2\), 'b_' \(1\).*name="):
        open_stack(tmp_path, wavenumber=(1, 2))


@pytest.mark.parametrize("axes", ["TCYX", "ZCYX", "CZYX", "TCZYX"])
def test_further_dimensions_keep_their_meaning(tmp_path: Path, axes: str) -> None:
    sizes = {"T": 2, "Z": 3, "C": 5, "Y": 8, "X": 9}
    values = np.arange(np.prod([sizes[axis] for axis in axes])).reshape([sizes[axis] for axis in axes]).astype("u2")
    tifffile.imwrite(tmp_path / "a.ome.tif", values, metadata={"axes": axes})
    cars = open_stack(tmp_path / "a.ome.tif", wavenumber=(1, 2))["cars"]
    order = [axis for axis in "TZYXC" if axis in axes]
    expected = values.transpose([axes.index(axis) for axis in order])
    np.testing.assert_array_equal(cars.values.reshape(expected.shape), expected)
    for dim, axis in (("t", "T"), ("z", "Z")):
        assert cars.sizes.get(dim, 1) == (sizes[axis] if axis in axes else 1)


def test_steps_in_micrometres(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", PAGES, metadata={"axes": "CYX", **sizes})
    tifffile.imwrite(tmp_path / "b.tif", PAGES, imagej=True, resolution=(4, 2), metadata={"axes": "CYX", "unit": "um"})
    tifffile.imwrite(tmp_path / "c.tif", PAGES, resolution=(72, 72), resolutionunit="inch")
    for name in ("a.ome.tif", "b.tif"):
        stack = open_stack(tmp_path / name, wavenumber=(1, 2))
        assert (float(stack["x"][1]), float(stack["y"][1])) == (0.25, 0.5)
    assert "x" not in open_stack(tmp_path / "c.tif", wavenumber=(1, 2)).coords


def test_channels_named_by_their_shift_are_the_axis(tmp_path: Path) -> None:
    names = [f"{shift} cm-1" for shift in (2800, 2850.5, 2900, 2950, 3000, 3050)]
    tifffile.imwrite(tmp_path / "a.ome.tif", PAGES, metadata={"axes": "CYX", "Channel": {"Name": names}})
    np.testing.assert_array_equal(open_stack(tmp_path / "a.ome.tif")["wavenumber"], [2800, 2850.5, 2900, 2950, 3000, 3050])


def test_a_description_of_others_is_no_variable(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", PAGES, metadata={"axes": "CYX", "Description": "raman\nof my thesis"})
    stack = open_stack(tmp_path / "a.ome.tif", wavenumber=(1, 6))
    assert list(stack) == ["cars"]
    assert stack.attrs["history"] == ["axis given on opening"]


def test_the_series_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PAGES)
        file.write(PAGES[:, :20])
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif", wavenumber=(1, 2))["cars"], STACK)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif", wavenumber=(1, 2), name="1")["cars"], STACK[:20])


def test_images_without_spectra(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((40, 50, 3), "u1"), photometric="rgb")
    with refused(tmp_path, "colour image"):
        open_stack(tmp_path / "rgb.tif", wavenumber=(1, 2))
    tifffile.imwrite(tmp_path / "flat.tif", PAGES[0])
    with refused(tmp_path, r"image of shape \(50, 70\) has no spectra"):
        open_stack(tmp_path / "flat.tif", wavenumber=(1, 2))


@pytest.mark.parametrize("make", ["plain", "ImageJ C", "OME", "strips", "tiles", "no metadata"])
@pytest.mark.parametrize("keep", [0.05, 0.5, 0.97])
def test_a_truncated_file_is_never_a_shorter_stack(tmp_path: Path, make: str, keep: float) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", PAGES, **MAKES[make])
    raw = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(raw[: int(len(raw) * keep)])
    with refused(tmp_path, r"cut\.tif: (page 6 of 6 ends at byte|the list of pages breaks off after page \d; ).*truncated, copy it again"):
        open_stack(tmp_path / "cut.tif", wavenumber=(1, 2))


OME_SET = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0">
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="70" SizeY="50" SizeC="6" SizeZ="1" SizeT="1">
<TiffData IFD="0" FirstC="0" PlaneCount="3"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>
<TiffData IFD="0" FirstC="3" PlaneCount="3"><UUID FileName="{other}">urn:uuid:2</UUID></TiffData>
</Pixels></Image></OME>"""


@pytest.mark.parametrize("folder", ["inside", "."])
def test_an_ome_set_of_several_files_may_not_reach_out_of_its_folder(tmp_path: Path, folder: str) -> None:
    (tmp_path / "inside").mkdir()
    other = "b.ome.tif" if folder == "inside" else "../b.ome.tif"
    for path, pages in ((tmp_path / "inside" / "a.ome.tif", PAGES[:3]), (tmp_path / folder / "b.ome.tif", PAGES[3:])):
        tifffile.imwrite(path, pages, photometric="minisblack", description=OME_SET.format(other=other), metadata=None)
    if folder == "inside":
        np.testing.assert_array_equal(open_stack(tmp_path / "inside" / "a.ome.tif", wavenumber=(1, 2))["cars"], STACK)
    else:
        with refused(tmp_path, r"takes values from .*, which leads to .*b\.ome\.tif, outside the folder; copy the file into it"):
            open_stack(tmp_path / "inside" / "a.ome.tif", wavenumber=(1, 2))


def test_real_hyperstack_needs_its_axis_given(shared_data: Path) -> None:
    path = shared_data / "srs_celegans.tif"
    with pytest.raises(CrimsonError, match=r"no spectral axis for 100 bands"):
        open_stack(path)
    stack = open_stack(path, wavenumber=(2800, 3100))
    np.testing.assert_array_equal(stack["cars"], np.moveaxis(tifffile.imread(path), 0, -1))
    assert (float(stack["wavenumber"][0]), float(stack["wavenumber"][-1])) == (2800, 3100)


OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Description>{}</Description></Image></OME>'
DESCRIPTIONS = {
    "an entity": '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaa">]>' + OME.format("&a;" * 9),
    "a document type": '<!DOCTYPE OME SYSTEM "file:///etc/hostname">' + OME.format("x"),
    "an entity of Leica": '<!DOCTYPE scn [<!ENTITY a "aaaaaaaa">]><scn><collection>&a;</collection></scn>',
}


@pytest.mark.parametrize("text", DESCRIPTIONS.values(), ids=list(DESCRIPTIONS))
@pytest.mark.parametrize("defused", [True, False])
def test_a_description_with_entities_is_seen_by_no_parser(
    tmp_path: Path, text: str, *, defused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ones((6, 4, 5), "u2"), photometric="minisblack", description=text, metadata=None)
    if not defused:
        monkeypatch.setitem(sys.modules, "defusedxml", None)
    monkeypatch.setattr(ET, "fromstring", lambda *_: pytest.fail("parsed"))
    with refused(tmp_path, r"its description declares a document type or entities, .*; save it again with the program"):
        open_stack(tmp_path / "a.ome.tif", wavenumber=(1000, 1500))


def test_a_description_too_long_to_be_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ones((6, 4, 5), "u2"), photometric="minisblack", description=OME.format("x"), metadata=None)
    monkeypatch.setattr(tiff_pages, "_MOST_DESCRIPTION", 100)
    with refused(tmp_path, r"its description has \d+ characters, at most 100 are read"):
        open_stack(tmp_path / "a.ome.tif", wavenumber=(1000, 1500))
