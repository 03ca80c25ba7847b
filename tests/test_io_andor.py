"""Andor Solis text: separators, settings around the table, damaged tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_crimson import open_stack
from napari_crimson.io import lazy
from refusing import refused

SPECTRA = np.random.default_rng(0).integers(0, 4000, (3, 6))
NM = np.linspace(600, 602.5, 6)


def table(mark: str = "\t", decimal: str = ".", end: str = "\n") -> str:
    rows = [[f"{nm:.3f}", *(f"{value}.5" for value in SPECTRA[:, i])] for i, nm in enumerate(NM)]
    return end.join(mark.join(row).replace(".", decimal) for row in rows) + end


@pytest.mark.parametrize(
    "text",
    [
        table(),
        table(","),
        table(" "),
        table(";", ","),
        table("\t", ",", "\r\n"),
        "Date and Time:\tMon Jun 21 2021\nTemperature (C):\t-70\n\n" + table(),
        table() + "\n\nExposure Time (secs):\t0.1\n1\t2\t3\n",
        "\n".join(line + "\t" for line in table().splitlines()),
    ],
    ids=["tabs", "commas", "blanks", "decimal commas", "decimal commas, tabs", "settings above", "settings below", "tabs at the end"],
)
def test_a_table_of_spectra(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.asc").write_bytes(text.encode("latin-1"))
    stack = open_stack(tmp_path / "a.asc", wavenumber=(500, 1000))
    assert dict(stack["cars"].sizes) == {"y": 1, "x": 3, "wavenumber": 6}
    np.testing.assert_array_equal(stack["cars"][0], SPECTRA + 0.5)


def test_column_0_is_taken_for_wavelength_and_can_be_given_as_shift(tmp_path: Path) -> None:
    (tmp_path / "a.asc").write_text(table())
    with refused(tmp_path, r"600 to 602\.5 nm.*wavenumber= with the 6 values"):
        open_stack(tmp_path / "a.asc")
    np.testing.assert_allclose(open_stack(tmp_path / "a.asc", wavenumber=tmp_path / "a.asc")["wavenumber"], NM)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("a letter\nto a friend\n", "no table"),
        ("600\n601\n602\n", "no table"),
        (table()[:-3] + "\n601\t5\n", "truncated"),
        (table() + "603\t1\n", "lines of 2 and of 4"),
        ("\0\1\2" * 999, "no table"),
    ],
)
def test_no_table(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.asc").write_text(text)
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.asc", wavenumber=(1, 2))


@pytest.mark.parametrize("cut", [1, 3, len(table().splitlines()[-1]) + 2])
def test_a_table_that_may_be_cut_short_says_so(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.asc").write_text(table())
    whole = open_stack(tmp_path / "a.asc", wavenumber=(1, 2))
    assert "cut short" not in " ".join(whole.attrs["history"])
    (tmp_path / "a.asc").write_text(table()[:-cut])
    stack = open_stack(tmp_path / "a.asc", wavenumber=(1, 2))
    assert "the file ends without a line break: it may be cut short" in stack.attrs["history"]


def test_a_table_larger_than_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.asc").write_text(table())
    monkeypatch.setattr(lazy, "EAGER_BYTES", 4 * len(table()) - 1)
    with refused(tmp_path, "its table takes"):
        open_stack(tmp_path / "a.asc", wavenumber=(1, 2))
