"""The axis as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.typed_axis import wavenumber_from_text


@pytest.mark.parametrize("text", ["2800, 3100.5", " 2800 3100.5", "2800;3100.5", "2800 to 3100.5", "2800 – 3100.5", "2800–3100.5"])
def test_first_and_last(text: str) -> None:
    assert wavenumber_from_text(text) == (2800.0, 3100.5)


def test_axis_may_fall_and_begin_below_zero() -> None:
    assert wavenumber_from_text("3100, -50") == (3100.0, -50.0)


def test_nothing() -> None:
    assert wavenumber_from_text("  ") is None


def test_file_with_a_blank_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my axis.csv"
    path.write_text("1\n2\n")
    assert wavenumber_from_text(f'"{path}"') == path


@pytest.mark.parametrize("text", ["2800", "2800, 2900, 3000", "CH region", "missing.csv", "nan to inf"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CrimsonError, match="2800, 3100"):
        wavenumber_from_text(text)
