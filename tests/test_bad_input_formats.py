"""Every format that can be opened: half a file, an empty one, a foreign one; and what is no stack whatever the format."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from fuzzing.seeds import SEEDS
from hostile import ANEW, PAGES, STACK
from napari_crimson import open_stack
from refusing import refused

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
    told = rf"named \{path.suffix} but is no .*: begins with b'%PDF-1\.7'; {ANEW}"
    with refused(tmp_path, f"{re.escape(str(path))}: {FOREIGN.get(name, told)}"):
        opened(path)


PIPES = {
    "a.h5": r"a\.h5: is a device or a pipe, no regular file; copy what it gives into a file",
    "a.csv": r"a\.npy: no spectral axis for 6 bands, neither in it nor beside it.*; give wavenumber= as",
    "a.zarr/c/0/0/0": r"a\.zarr: takes values from .*0, which is no regular file; take it away",
    "scan/image_0.tif": r"scan: takes values from .*image_0\.tif, which is no regular file; take it away",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "a.npy", STACK)
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(4, 5, 6))
    (tmp_path / "scan").mkdir()
    for i in range(2):
        tifffile.imwrite(tmp_path / "scan" / f"image_{i}.tif", PAGES[i], photometric="minisblack")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    opened = {"a.csv": "a.npy", "a.zarr/c/0/0/0": "a.zarr", "scan/image_0.tif": "scan"}.get(name, name)
    with refused(tmp_path, PIPES[name]):
        open_stack(tmp_path / opened, wavenumber=None if name == "a.csv" else (1, 2)).load()


@pytest.mark.parametrize("dtype", ["S3", "U2", "M8[s]", "m8[s]", "V4", [("a", "i4")]], ids=str)
def test_values_that_are_no_numbers(tmp_path: Path, dtype: Any) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), dtype))
    with refused(tmp_path, r"a\.npy: values of type .*, expected integers or floats; save them as such"):
        open_stack(tmp_path / "a.npy", wavenumber=(1, 2))


IMAGE = "has no spectra; give a stack of rank 3 or more, one image for each wavenumber"
EXPECTED = r"expected \(\[t,\] \[z,\] y, x, wavenumber\), none empty"


@pytest.mark.parametrize(
    ("shape", "told"), [((), IMAGE), ((5,), IMAGE), ((0, 3, 4), EXPECTED), ((3, 4, 0), EXPECTED), ((1,) * 6, EXPECTED)], ids=str
)
def test_shapes_that_are_no_stack(tmp_path: Path, shape: tuple[int, ...], told: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with refused(tmp_path, rf"a\.npy: .*shape {re.escape(str(shape))},? {told}"):
        open_stack(tmp_path / "a.npy", wavenumber=(1, 2))


TURNS = r"turns at point \d \({}\); it must only rise or only fall: mend it, or give another"
FINITE = "holds {} values that are not finite; mend it, or give another of 6 numbers in cm⁻¹"


@pytest.mark.parametrize(
    ("axis", "told"),
    [
        ([1, 1, 2, 3, 4, 5], TURNS.format("1, 2")),
        ([np.nan] * 6, FINITE.format(6)),
        ([np.inf, 5, 4, 3, 2, 1], FINITE.format(1)),
        ([1e308, -1e308, 3, 4, 5, 6], TURNS.format(r".*1e\+308.*")),
    ],
    ids=str,
)
def test_axes_that_are_none(tmp_path: Path, axis: list[float], told: str) -> None:
    np.savez(tmp_path / "a.npz", cars=STACK, wavenumber=np.array(axis, dtype=float))
    with refused(tmp_path, rf"a\.npz: the spectral axis {told}"):
        open_stack(tmp_path / "a.npz")
