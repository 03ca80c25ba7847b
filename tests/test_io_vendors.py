"""Renishaw and Horiba: real files, made ones, what is refused before rosettasciio sees it."""

from __future__ import annotations

import builtins
import importlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_crimson import CrimsonError, open_stack
from napari_crimson.io import can_open, lazy

needs_rosettasciio = pytest.mark.usefixtures("rosettasciio")
COUNTS = np.random.default_rng(0).integers(0, 4000, (2, 3, 4)).astype("f4")


@pytest.fixture
def rosettasciio() -> None:
    pytest.importorskip("rsciio", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    pytest.importorskip("defusedxml", reason='no defusedxml: pip install "napari-crimson[vendor]"')


def horiba(unit: str = "1/cm", axis: str = "2900 2800 2700 2600", laser: str = "632.8", rows: Any = None) -> str:
    """A LabSpec map of 2 × 3 pixels with no more than is read of it."""
    spectra = COUNTS.reshape(6, 4) if rows is None else rows
    lines = "".join(f'<LSX_Row Format="6" Index="{i}" Size="4">{" ".join(map(str, row))}</LSX_Row>' for i, row in enumerate(spectra))

    def scale(number: int, name: str, unit: str, values: str) -> str:
        return (
            f'<LSX ID="0x{number}"><LSX ID="0x7D6CD4DB">{values}</LSX><LSX ID="0x6D707974">{name}</LSX>'
            f'<LSX ID="0x7C696E75">{unit}</LSX></LSX>'
        )

    axes = (
        '<LSX ID="0x0"><LSX ID="0x6D707974">Intens</LSX><LSX ID="0x7C696E75">Cnt</LSX></LSX>'
        + scale(1, "Spectr", unit, axis)
        + scale(2, "X", "µm", "0 0.5 1")
        + scale(3, "Y", "µm", "0 2")
    )
    note = '<LSX ID="{}"><LSX ID="0x0"><LSX ID="0x6D6D616E">{}</LSX><LSX ID="0x7D6C61DB">{}</LSX><LSX ID="0x8736F70">{}</LSX></LSX></LSX>'
    notes = (
        note.format("0x7CECDBD7", "Acquired", "01.02.2021 10:11:12", "")
        + '<LSX ID="0x8716361">'
        + "".join(
            f'<LSX ID="0x0"><LSX ID="0x6D6D616E">{key}</LSX><LSX ID="0x7D6C61DB">{value}</LSX><LSX ID="0x8736F70">{value}</LSX></LSX>'
            for key, value in (("Laser (nm)", laser), ("Grating", "600"), ("ND Filter", "100"), ("Hole", "100"))
        )
        + "</LSX>"
        + note.format("0x7C73E2D2", "Sample", "bead", "")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<LSX_Data><LSX_Tree><LSX ID="0x6D707974">SpIm</LSX><LSX ID="0x6C7469D9">a map</LSX>'
        f'<LSX ID="0x7A74D9D6"><LSX ID="0x7B697861">{axes}</LSX></LSX><LSX ID="0x6C62D4D9">{notes}</LSX></LSX_Tree>'
        f"<LSX_Matrix>{lines}</LSX_Matrix></LSX_Data>"
    )


@needs_rosettasciio
def test_a_horiba_map(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(horiba(), encoding="utf-8")
    stack = open_stack(tmp_path / "a.xml")
    np.testing.assert_array_equal(stack["cars"], COUNTS[..., ::-1])
    assert list(stack["wavenumber"]) == [2600, 2700, 2800, 2900]
    assert (float(stack["x"][1]), float(stack["y"][1])) == (0.5, 2)


@needs_rosettasciio
@pytest.mark.parametrize(
    ("unit", "axis", "side"),
    [("nm", "780 770 760 750", "Stokes"), ("nm", "540 550 560 570", "anti-Stokes"), ("1/cm abs", "12500 12600 12700 12800", "Stokes")],
)
def test_wavelengths_and_absolute_wavenumbers_against_the_laser(tmp_path: Path, unit: str, axis: str, side: str) -> None:
    (tmp_path / "a.xml").write_text(horiba(unit, axis), encoding="utf-8")
    stack = open_stack(tmp_path / "a.xml")
    values = np.array(axis.split(), float)
    photon = 1e7 / values if unit == "nm" else values
    np.testing.assert_allclose(stack["wavenumber"], np.sort(abs(1e7 / 632.8 - photon)))
    assert any(f"({side})" in line and "632.800 nm" in line for line in stack.attrs["history"])


@needs_rosettasciio
def test_wavelengths_without_a_laser_need_one(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(horiba("nm", "750 760 770 780", laser="0"), encoding="utf-8")
    with pytest.raises(CrimsonError, match=r"750 to 780 nm.*wavenumber="):
        open_stack(tmp_path / "a.xml")


@needs_rosettasciio
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE LSX_Data [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE LSX_Data SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE LSX_Data [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_a_doctype_is_refused_before_it_is_parsed(tmp_path: Path, doctype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import rsciio.jobinyvon

    monkeypatch.setattr(rsciio.jobinyvon, "file_reader", lambda *_: pytest.fail("was parsed"))
    (tmp_path / "a.xml").write_text(horiba().replace("<LSX_Data>", doctype + "<LSX_Data>"), encoding="utf-8")
    with pytest.raises(CrimsonError, match="DOCTYPE"):
        open_stack(tmp_path / "a.xml")


@needs_rosettasciio
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (horiba()[:900], "no whole XML"),
        (horiba(rows=COUNTS.reshape(6, 4)[:4]), r"a\.xml"),
        (horiba().replace('Index="3" Size="4"', 'Index="3" Size="5"'), "spectrum 4 has Size '5', expected 4"),
        (horiba().replace('Size="4"', 'Size="999999999"'), "GiB"),
        (horiba().replace('Size="4"', 'Size="99999999999"'), "Size '99999999999'"),
        ("<LSX_Data>" + "<a>" * 100_000, "levels of XML"),
        ("<!-- <LSX_Data --><OME/>", "root <OME>"),
    ],
    ids=["cut", "rows missing", "rows differ", "gigabytes", "more", "deep", "root"],
)
def test_damaged_and_hostile_xml(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    with pytest.raises(CrimsonError, match=reason):
        open_stack(tmp_path / "a.xml")


def test_any_other_xml_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><OME/>')
    assert not can_open(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("name", "content", "missing"),
    [("a.wdf", b"WDF1" + bytes(600), "rsciio"), ("a.xml", horiba().encode(), "rsciio"), ("a.xml", horiba().encode(), "defusedxml")],
)
def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, missing: str) -> None:
    real_import, real_module = builtins.__import__, importlib.import_module

    def blocked(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)
        return real_import(module, *args, **kwargs)

    def blocked_module(module: str, package: str | None = None) -> Any:
        return blocked(module) if module.startswith("rsciio") and missing == "rsciio" else real_module(module, package)

    monkeypatch.setattr(builtins, "__import__", blocked)
    monkeypatch.setattr("napari_crimson.io.vendors.import_module", blocked_module)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CrimsonError, match=r'pip install "napari-crimson\[vendor\]"'):
        open_stack(tmp_path / name)


@pytest.fixture
def wdf(shared_data: Path, tmp_path: Path, rosettasciio: None) -> tuple[Path, bytearray, dict[bytes, int]]:
    """A copy of an interrupted map, its bytes, and where its blocks begin."""
    raw = bytearray((shared_data / "interrupted_map.wdf").read_bytes())
    blocks, at = {}, 0
    while at < len(raw):
        blocks.setdefault(bytes(raw[at : at + 4]), at)
        at += struct.unpack_from("<Q", raw, at + 8)[0]
    return tmp_path / "a.wdf", raw, blocks


def test_an_interrupted_map_opens_and_what_was_not_measured_is_nan(shared_data: Path, rosettasciio: None) -> None:
    stack = open_stack(shared_data / "interrupted_map.wdf")
    assert dict(stack["cars"].sizes) == {"y": 4, "x": 4, "wavenumber": 1010}
    cars = stack["cars"].values
    assert np.isfinite(cars[:3]).all()
    assert np.isnan(cars[3]).all()
    assert any("3 of 4 rows" in line for line in stack.attrs["history"])
    assert (float(stack["x"][1]), float(stack["wavenumber"][0])) == (10, pytest.approx(-163.693, abs=1e-3))


@pytest.mark.parametrize(
    ("name", "sizes", "first"),
    [
        ("map.wdf", {"y": 20, "x": 20, "wavenumber": 1015}, 1e7 / 325.000325 - 1e7 / 326.17166),
        ("linescan.wdf", {"y": 1, "x": 5, "wavenumber": 40}, 1e7 / 325.000325 - 1e7 / 361.3132),
        ("horiba_map.xml", {"y": 2, "x": 3, "wavenumber": 34}, 1e7 / 632.817 - 1e7 / 720.924),
    ],
)
def test_real_files(shared_data: Path, rosettasciio: None, name: str, sizes: dict[str, int], first: float) -> None:
    stack = open_stack(shared_data / name)
    assert dict(stack["cars"].sizes) == sizes
    assert float(stack["wavenumber"][0]) == pytest.approx(first, abs=0.2)
    assert np.isfinite(stack["cars"].values).all()


def test_a_renishaw_header_that_promises_too_much(wdf: tuple[Path, bytearray, dict[bytes, int]]) -> None:
    path, raw, _ = wdf
    for at, code, value, reason in (
        (72, "<Q", 10**7, "GiB"),
        (64, "<Q", 10**9, "GiB"),
        (60, "<I", 2**32 - 1, "GiB"),
        (72, "<Q", 17, "block DATA should hold 68680 bytes for 17 spectra of 1010 points, it has 64640"),
        (88, "<I", 2000, "block XLST"),
        (92, "<I", 2**31, "block ORGN"),
        (72, "<Q", 0, "nothing to open"),
    ):
        changed = bytearray(raw)
        struct.pack_into(code, changed, at, value)
        path.write_bytes(changed)
        with pytest.raises(CrimsonError, match=reason):
            open_stack(path)


def test_renishaw_blocks_that_do_not_follow_each_other(wdf: tuple[Path, bytearray, dict[bytes, int]]) -> None:
    path, raw, blocks = wdf
    for length in (0, 15):
        changed = bytearray(raw)
        struct.pack_into("<Q", changed, blocks[b"XLST"] + 8, length)
        path.write_bytes(changed)
        with pytest.raises(CrimsonError, match=f"is {length} bytes long"):
            open_stack(path)
    for keep, reason in ((10, "lacks the blocks"), (600, "lacks the blocks"), (blocks[b"DATA"] + 1000, "block DATA should hold|lacks the")):
        path.write_bytes(raw[:keep])
        with pytest.raises(CrimsonError, match=reason):
            open_stack(path)


def test_a_vendor_file_larger_than_memory_is_not_read(
    wdf: tuple[Path, bytearray, dict[bytes, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, raw, _ = wdf
    path.write_bytes(raw)
    monkeypatch.setattr(lazy, "EAGER_BYTES", 1000)
    with pytest.raises(CrimsonError, match=r"the file takes .* must be read whole"):
        open_stack(path)
