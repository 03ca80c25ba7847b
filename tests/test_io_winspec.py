"""WinSpec: frames in place, axis by what WinSpec calls it, headers that do not fit."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_crimson import CrimsonError, open_stack
from refusing import refused

FRAMES = np.random.default_rng(0).integers(0, 4000, (7, 1, 6))
TYPES = {"<f4": 0, "<i4": 1, "<i2": 2, "<u2": 3}


def write(path: Path, values: Any = FRAMES, dtype: str = "<u2", *, label: str = "", coefficients: Any = (), **changes: Any) -> None:
    header = bytearray(4100)
    frames, height, width = values.shape
    fields = {42: ("<H", width), 108: ("<h", TYPES[dtype]), 656: ("<H", height), 1446: ("<i", frames), 1992: ("<f", 2.5)}
    if coefficients:
        fields |= {3098: ("B", 1), 3101: ("B", len(coefficients) - 1)}
        fields |= {3263 + 8 * i: ("<d", value) for i, value in enumerate(coefficients)}
    fields |= {int(at.removeprefix("at")): change for at, change in changes.items()}
    for at, (code, value) in fields.items():
        struct.pack_into(code, header, at, value)
    header[3018 : 3018 + len(label)] = label.encode()
    path.write_bytes(bytes(header) + values.astype(dtype).tobytes())


@pytest.mark.parametrize("dtype", TYPES)
def test_frames_of_spectra_are_a_line_of_points(tmp_path: Path, dtype: str) -> None:
    write(tmp_path / "a.spe", dtype=dtype, label="Raman shift [rel. cm-1]", coefficients=(500.0, 2.0))
    stack = open_stack(tmp_path / "a.spe")
    assert dict(stack["cars"].sizes) == {"y": 1, "x": 7, "wavenumber": 6}
    assert stack["cars"].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stack["cars"][0], FRAMES[:, 0])
    assert list(stack["wavenumber"]) == [502, 504, 506, 508, 510, 512]


def test_frames_of_images_keep_their_rows(tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 6).reshape(2, 3, 6)
    write(tmp_path / "a.spe", values)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.spe", wavenumber=(1, 2))["cars"], values)


def test_wavelengths_need_the_probe(tmp_path: Path) -> None:
    write(tmp_path / "a.spe", label="Wavelength [nm]", coefficients=(600.0, 0.5))
    with refused(tmp_path, r"600\.5 to 603 nm.*wavenumber="):
        open_stack(tmp_path / "a.spe")


@pytest.mark.parametrize("changes", [{"coefficients": ()}, {"at3098": ("B", 0)}, {"label": "Pixels"}])
def test_without_a_valid_calibration_there_is_no_axis(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path / "a.spe", **{"label": "Wavelength [nm]", "coefficients": (600.0, 0.5), **changes})
    with refused(tmp_path, "no spectral axis for 6 bands"):
        open_stack(tmp_path / "a.spe")


def test_lightfield_of_one_region_and_of_several(tmp_path: Path) -> None:
    write(tmp_path / "a.spe", at1992=("<f", 3.0), at678=("<Q", 4100 + FRAMES.size * 2))
    np.testing.assert_array_equal(open_stack(tmp_path / "a.spe", wavenumber=(1, 2))["cars"][0], FRAMES[:, 0])
    write(tmp_path / "a.spe", at1992=("<f", 3.0), at678=("<Q", 4100 + FRAMES.size * 4))
    with refused(tmp_path, "several regions"):
        open_stack(tmp_path / "a.spe", wavenumber=(1, 2))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at1446": ("<i", 2**31 - 1), "at656": ("<H", 65535)}, "the file has 4184"),
        ({"at1446": ("<i", 8)}, "end at byte 4196, the file has 4184"),
        ({"at1446": ("<i", -1)}, "frames, height and width"),
        ({"at42": ("<H", 0)}, "frames, height and width"),
        ({"at108": ("<h", 9)}, "data type 9"),
    ],
)
def test_a_header_that_does_not_fit(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    write(tmp_path / "a.spe", **changes)
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.spe", wavenumber=(1, 2))


def test_truncated(tmp_path: Path) -> None:
    write(tmp_path / "a.spe")
    raw = (tmp_path / "a.spe").read_bytes()
    for keep, reason in ((0, "empty"), (50, "truncated"), (4100, "copy it again"), (len(raw) - 1, "copy it again")):
        (tmp_path / "a.spe").write_bytes(raw[:keep])
        with refused(tmp_path, reason):
            open_stack(tmp_path / "a.spe", wavenumber=(1, 2))


def test_a_measured_file(shared_data: Path) -> None:
    with pytest.raises(CrimsonError, match=r"490\.622 to 500\.741 nm.*1340 values"):
        open_stack(shared_data / "gas_cars.spe")
    stack = open_stack(shared_data / "gas_cars.spe", wavenumber=(2000, 2400))
    assert dict(stack["cars"].sizes) == {"y": 1, "x": 802, "wavenumber": 1340}
    shots = stack["cars"][0].values.astype(float).max(axis=-1)
    assert shots[::2].mean() > 2 * shots[1::2].mean() or shots[1::2].mean() > 2 * shots[::2].mean()  # every other frame is dark
