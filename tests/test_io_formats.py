"""What is said of the formats agrees everywhere, and every added one is robust in the same ways."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import scipy.io

from napari_crimson import open_stack
from napari_crimson.io import formats
from refusing import opened_or_refused

ROOT = Path(__file__).parents[1]
STACK = np.random.default_rng(0).integers(0, 4000, (1, 5, 6)).astype("u2")


def test_the_table_of_formats_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    table = text.partition("|---|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    known = [
        [
            form.title,
            " ".join(form.suffixes) or "a folder",
            "on demand" if form.lazy else "whole",
            f"`[{form.extra}]`" if form.extra else "",
        ]
        for form in formats()
    ]
    assert rows == known


def test_extras_named_for_a_format_are_declared() -> None:
    declared = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {form.extra for form in formats() if form.extra} <= set(declared)


def write_envi(path: Path) -> None:
    path.with_suffix(".img").write_bytes(STACK.tobytes())
    path.write_text("ENVI\nsamples = 5\nlines = 1\nbands = 6\ndata type = 12\ninterleave = bip\nbyte order = 0\n")


def write_spe(path: Path) -> None:
    header = np.zeros(4100, "u1")
    header[[42, 656, 1446, 108]] = 6, 1, 5, 3
    path.write_bytes(header.tobytes() + STACK.tobytes())


def write_asc(path: Path) -> None:
    np.savetxt(path, np.vstack([np.arange(600, 606), STACK[0]]).T, delimiter="\t")


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.hdr": write_envi,
    "a.spe": write_spe,
    "a.asc": write_asc,
    "a.mat": lambda path: scipy.io.savemat(path, {"cube": STACK}),
    "b.mat": lambda path: scipy.io.savemat(path, {"cube": STACK}, do_compression=True),
}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / str(request.param)
    WRITERS[made.name](made)
    return made


def test_nothing_stays_open_and_the_stack_can_be_sent_away(path: Path) -> None:
    stack = pickle.loads(pickle.dumps(open_stack(path, wavenumber=(1, 2))))
    np.testing.assert_array_equal(stack["cars"], STACK)
    assert not [file.path for file in psutil.Process().open_files() if str(path.parent) in file.path]


def damaged(raw: bytes, times: int, within: int) -> list[bytes]:
    rng, found = np.random.default_rng(1), []
    for _ in range(times):
        values = np.frombuffer(raw, "u1").copy()
        values[rng.integers(0, min(values.size, within), 6)] = rng.integers(0, 256, 6)
        found.append(values.tobytes())
    return found


def test_damaged_bytes_are_a_result_or_one_error(path: Path) -> None:
    for content in damaged(path.read_bytes(), 40, 2000 if path.suffix == ".spe" else 400):
        path.write_bytes(content)
        with opened_or_refused(path.parent):
            open_stack(path, wavenumber=(1, 2)).load()


@pytest.mark.parametrize("name", ["interrupted_map.wdf", "horiba_map.xml"])
def test_damaged_vendor_files_are_a_result_or_one_error(shared_data: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("rsciio", reason='no rosettasciio: pip install "napari-crimson[vendor]"')
    for content in damaged((shared_data / name).read_bytes(), 15, 10**9):
        (tmp_path / name).write_bytes(content)
        with opened_or_refused(tmp_path):
            open_stack(tmp_path / name, wavenumber=(1, 2)).load()
