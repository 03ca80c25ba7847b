"""Renishaw, Horiba, TriVista and Mountains: real files, made ones, what is refused before rosettasciio sees it."""

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
from refusing import refused, unchanged

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
    with refused(tmp_path, r"750 to 780 nm.*wavenumber="):
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
    with refused(tmp_path, r"a\.xml: has a DOCTYPE or entities, which LabSpec never writes, and is refused; export it again"):
        open_stack(tmp_path / "a.xml")


@needs_rosettasciio
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (horiba()[:900], "no whole XML .*; export it from LabSpec again"),
        (horiba(rows=COUNTS.reshape(6, 4)[:4]), r"cannot reshape array of size 16.*; is it whole\? Copy or export it again"),
        (horiba().replace('Index="3" Size="4"', 'Index="3" Size="5"'), "spectrum 4 has Size '5', expected 4; export the map again"),
        (horiba().replace('Size="4"', 'Size="999999999"'), "GiB"),
        (horiba().replace('Size="4"', 'Size="99999999999"'), "spectrum 1 has Size '99999999999', expected a number; export the map again"),
        ("<LSX_Data>" + "<a>" * 100_000, "64 levels of XML, which no LabSpec map has; export it again"),
        ("<!-- <LSX_Data --><OME/>", "root <OME>, that of LabSpec is <LSX_Data>; export the map from LabSpec"),
    ],
    ids=["cut", "rows missing", "rows differ", "gigabytes", "more", "deep", "root"],
)
def test_damaged_and_hostile_xml(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.xml")


def test_any_other_xml_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><OME/>')
    assert not can_open(tmp_path / "a.xml")
    with refused(tmp_path, r"a\.xml: named \.xml but is no Horiba LabSpec XML: begins with b'<\?xml ve'; is it whole"):
        open_stack(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("name", "content", "missing"),
    [
        ("a.wdf", b"WDF1" + bytes(600), "rsciio"),
        ("a.xml", horiba().encode(), "rsciio"),
        ("a.xml", horiba().encode(), "defusedxml"),
        ("a.tvf", b"<XmlMain/>", "rsciio"),
        ("a.sur", b"DSCOMPRESSED" + bytes(600), "rsciio"),
    ],
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
    with refused(tmp_path, r'pip install "napari-crimson\[vendor\]"'):
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


def test_an_interrupted_map_opens_and_what_was_not_measured_is_nan(wdf: tuple[Path, bytearray, dict[bytes, int]]) -> None:
    path, raw, _ = wdf
    path.write_bytes(raw)
    with unchanged(path.parent):
        stack = open_stack(path).load()
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
        (72, "<Q", 10**7, "block DATA should hold 40400000000 bytes .*, it has 64640; copy or export it again"),
        (64, "<Q", 10**9, "1000000000 spectra of 1010 points takes .* GiB and must be read whole"),
        (60, "<I", 2**32 - 1, "block DATA should hold"),
        (72, "<Q", 17, "block DATA should hold 68680 bytes for 17 spectra of 1010 points, it has 64640"),
        (88, "<I", 2000, "block XLST should hold 8000 bytes .*, it has 4048"),
        (92, "<I", 2**31, "block ORGN should hold .*, it has 764"),
        (72, "<Q", 0, "nothing to open: measure it again"),
    ):
        changed = bytearray(raw)
        struct.pack_into(code, changed, at, value)
        path.write_bytes(changed)
        with refused(path.parent, rf"a\.wdf: .*{reason}"):
            open_stack(path)


def test_renishaw_blocks_that_do_not_follow_each_other(wdf: tuple[Path, bytearray, dict[bytes, int]]) -> None:
    path, raw, blocks = wdf
    for length in (0, 15):
        changed = bytearray(raw)
        struct.pack_into("<Q", changed, blocks[b"XLST"] + 8, length)
        path.write_bytes(changed)
        with refused(path.parent, rf"a\.wdf: .*is {length} bytes long"):
            open_stack(path)
    for keep, reason in ((10, "lacks the blocks"), (600, "lacks the blocks"), (blocks[b"DATA"] + 1000, "block DATA should hold|lacks the")):
        path.write_bytes(raw[:keep])
        with refused(path.parent, rf"a\.wdf: .*({reason})"):
            open_stack(path)


def test_a_vendor_file_larger_than_memory_is_not_read(
    wdf: tuple[Path, bytearray, dict[bytes, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, raw, _ = wdf
    path.write_bytes(raw)
    monkeypatch.setattr(lazy, "EAGER_BYTES", 1000)
    with pytest.raises(CrimsonError, match=r"the file takes .* must be read whole"):
        open_stack(path)


def trivista(unit: str = "Nanometer", axis: str = "650 660 670 680", laser: str = "532", note: str = "", frames: int = 6) -> str:
    """A TriVista map of 2 × 3 pixels with no more than is read of it."""

    def group(name: str, *within: str, **items: object) -> str:
        inside = "".join(f'<Item Name="{key}" Value="{value}"/>' for key, value in items.items())
        return f'<Group Name="{name}"><Groups>{"".join(within)}</Groups><Items>{inside}</Items></Group>'

    first = {"Serialnumber": 7, "Groove_Density": "600 g/mm"}
    info = (
        group("Detector", Name="CCD", No_of_Frames=6, No_of_Accumulations=1, Calc_Average=0, **{"Exposure_Time_(ms)": 100})
        + group("Calibration", Center_Wavelength=665, Laser_Wavelength=laser)
        + group("Spectrometers", group("Spectrometer", **first), group("Spectrometer", **first | {"Serialnumber": 8}))
        + group("X-Axis", From=0, Step=0.5, Points=3)
        + group("Y-Axis", From=0, Step=2, Points=2)
    )
    info = f"{note}<Info><Groups>{info}</Groups></Info>".replace("<", "&lt;").replace('"', "&quot;")
    lamps = "".join(f'<LightSource><Wavelengths Value_0="{nm}"/></LightSource>' for nm in (532, 633))
    microscopes = "".join(
        f"<Microscope><Objectives><Objective IsEnabled='{used}'/><Objective IsEnabled='False'/></Objectives></Microscope>"
        for used in (True, False)
    )
    gratings = "<Gratings><Grating GrooveDensity='600 g/mm'/><Grating GrooveDensity='900 g/mm'/></Gratings>"
    hardware = (
        f"<LightSources>{lamps}</LightSources><Detectors><Detector Name='CCD'/><Detector Name='PMT'/></Detectors>"
        f"<Microscopes>{microscopes}</Microscopes><Spectrometers>"
        + "".join(f"<Spectrometer Serialnumber='{number}'>{gratings}</Spectrometer>" for number in (7, 8))
        + "</Spectrometers>"
    )
    spectra = enumerate(COUNTS.reshape(6, 4)[:frames])
    data = "".join(f'<Frame TimeStamp="{10**7 * i}">{";".join(map(str, row))}</Frame>' for i, row in spectra)
    values = "|".join([str(len(axis.split())), *axis.split()])
    return (
        f'<?xml version="1.0"?><XmlMain Version="7"><Hardware>{hardware}</Hardware><Documents><Document '
        f'RecordTime="01/02/2021 10:11:12.0" Label="Counts" DataLabel="Counts" InfoSerialized="{info}"><Data>{data}</Data>'
        f'<xDim><Calibration Unit="{unit}" ValueArray="{values}"/></xDim><Childs Count="0"/></Document></Documents></XmlMain>'
    )


@needs_rosettasciio
def test_a_trivista_map(tmp_path: Path) -> None:
    (tmp_path / "a.tvf").write_text(trivista(), encoding="utf-8")
    stack = open_stack(tmp_path / "a.tvf")
    np.testing.assert_array_equal(stack["cars"], COUNTS)
    np.testing.assert_allclose(stack["wavenumber"], 1e7 / 532 - 1e7 / np.array([650.0, 660, 670, 680]))
    assert (float(stack["x"][1]), float(stack["y"][1])) == (0.5, 2)
    (tmp_path / "a.tvf").write_text(trivista(laser="0"), encoding="utf-8")
    with refused(tmp_path, r"650 to 680 nm.*wavenumber="):
        open_stack(tmp_path / "a.tvf")


@needs_rosettasciio
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (trivista()[:900], "no whole XML .*; export it from TriVista again"),
        (trivista(frames=4), r"cannot reshape array of size 16.*; is it whole\? Copy or export it again"),
        (
            trivista(note='<!DOCTYPE a [<!ENTITY b "ha">]>'),
            "DOCTYPE within <Document>, .*, and is refused; export it again",
        ),
        (trivista().replace("<XmlMain", "<!DOCTYPE XmlMain><XmlMain"), "has a DOCTYPE or entities, .*; export it again"),
        ("<!-- <XmlMain --><OME/>", "root <OME>, that of TriVista is <XmlMain>; export the map from TriVista"),
    ],
    ids=["cut", "frames missing", "inner doctype", "doctype", "root"],
)
def test_damaged_and_hostile_trivista_files(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.tvf").write_text(text, encoding="utf-8")
    with refused(tmp_path, rf"a\.tvf: .*{reason}"):
        open_stack(tmp_path / "a.tvf")


def write_surf(path: Path, *, compressed: bool, dtype: str = "i2", unit: str = "1/cm") -> bytearray:
    """A map as rosettasciio writes it; gives its bytes."""
    surf = pytest.importorskip("rsciio.digitalsurf", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    axes = [
        {"name": name, "size": size, "scale": scale, "offset": offset, "units": units, "navigate": index < 2, "index_in_array": index}
        for index, (name, size, scale, offset, units) in enumerate(
            [("Y", 2, 2.0, 0.0, "µm"), ("X", 3, 0.5, 0.0, "µm"), ("Spectrum", 4, -10.0, 2800.0, unit)]
        )
    ]
    signal = {"data": COUNTS.astype(dtype), "axes": axes, "metadata": {"General": {}, "Signal": {}}, "original_metadata": {}}
    surf.file_writer(str(path), signal, compressed=compressed, set_comments="off")
    return bytearray(path.read_bytes())


@needs_rosettasciio
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["i2", "f8"])
def test_a_mountains_map(tmp_path: Path, compressed: bool, dtype: str) -> None:
    write_surf(tmp_path / "a.sur", compressed=compressed, dtype=dtype)
    stack = open_stack(tmp_path / "a.sur")
    np.testing.assert_allclose(stack["cars"], COUNTS[..., ::-1], atol=1e-5)  # as fine as the 32 bits it is stored in
    np.testing.assert_allclose(stack["wavenumber"], [2770, 2780, 2790, 2800])
    assert (float(stack["x"][1]), float(stack["y"][1])) == (0.5, 2)
    write_surf(tmp_path / "b.sur", compressed=compressed, unit="nm")
    with refused(tmp_path, r"2800 to 2770 nm.*wavenumber="):
        open_stack(tmp_path / "b.sur")


@needs_rosettasciio
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mountains_header_that_promises_too_much(
    tmp_path: Path, compressed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import rsciio.digitalsurf

    raw = write_surf(tmp_path / "a.sur", compressed=compressed)
    monkeypatch.setattr(rsciio.digitalsurf, "file_reader", lambda *_: pytest.fail("was read"))
    for at, code, value, reason in (
        (18, "<h", 2, "Mountains file of type 2, expected 20"),
        (14, "<h", 900, "holds 900 measurements"),
        (94, "<I", 2**32 - 1, "needs .* bytes, there are"),
        (94, "<I", 5505028, "needs .* bytes, there are"),
        (94, "<I", 5, "needs 60 bytes, there are 48"),
        (98, "<h", 8, "make no map"),
        (108, "<i", -3, "make no map"),
        (116, "<i", 7, "make no map"),
        (334, "<h", -1, "make no map"),
        *(((512, "<I", 10**9, "streams are more"), (94, "<I", 3, "do not end after the 36 bytes")) if compressed else ()),
    ):
        changed = raw.copy()
        struct.pack_into(code, changed, at, value)
        (tmp_path / "a.sur").write_bytes(changed)
        with refused(tmp_path, reason):
            open_stack(tmp_path / "a.sur")
    for keep in (100, 515, len(raw) - 3):
        (tmp_path / "a.sur").write_bytes(raw[:keep])
        with refused(tmp_path, r"a\.sur"):
            open_stack(tmp_path / "a.sur")
    assert not caplog.messages, "what is refused is told of once"
