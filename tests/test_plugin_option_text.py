"""Options of steps as they are typed and read."""

from __future__ import annotations

from typing import Any

import pytest

from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline import STEPS, Option
from napari_crimson.plugin.prepare.option_text import label_of, text_from_value, value_from_text


def option(step: str, name: str) -> Option:
    return next(option for option in STEPS[step].options if option.name == name)


@pytest.mark.parametrize(
    ("step", "name", "text", "value"),
    [
        ("remove_spikes", "threshold", " 7.5 ", 7.5),
        ("remove_spikes", "threshold", "", None),
        ("denoise_svd", "components", "auto", "auto"),
        ("denoise_svd", "components", "12", 12),
        ("subtract_offset", "region_cm1", "2000, 2300", (2000.0, 2300.0)),
        ("subtract_offset", "region_cm1", "2000–2300", (2000.0, 2300.0)),
        ("calibrate_axis", "lines_cm1", "998 = 1001; 2846 = 2850.5", ((998.0, 1001.0), (2846.0, 2850.5))),
        ("calibrate_axis", "lines_cm1", "998 → 1001", ((998.0, 1001.0),)),
        ("resample", "wavenumber", "600 602\t604", (600.0, 602.0, 604.0)),
        ("subtract_dark", "dark", "400", 400.0),
        ("subtract_dark", "dark", "dark frames.h5", "dark frames.h5"),
    ],
)
def test_typed_text_is_a_value_and_is_written_so(step: str, name: str, text: str, value: Any) -> None:
    asked = option(step, name)
    found = value_from_text(asked, text)
    assert found == value
    assert type(found) is type(value)
    assert value_from_text(asked, text_from_value(found)) == value


@pytest.mark.parametrize(
    ("step", "name", "text"),
    [
        ("remove_spikes", "threshold", "high"),
        ("remove_spikes", "threshold", "-1"),
        ("remove_spikes", "threshold", "nan"),
        ("denoise_svd", "components", "2.5"),
        ("denoise_svd", "components", "some"),
        ("subtract_offset", "region_cm1", "2000"),
        ("calibrate_axis", "lines_cm1", "998; 2846"),
        ("resample", "wavenumber", "600, six"),
    ],
)
def test_anything_else_is_refused_with_its_name(step: str, name: str, text: str) -> None:
    with pytest.raises(CrimsonError, match=name):
        value_from_text(option(step, name), text)


def test_label_has_words_and_the_unit() -> None:
    assert label_of(option("crop", "first_cm1")) == "From (cm⁻¹)"
    assert label_of(option("denoise_svd", "read_noise")) == "Read noise (counts)"
    assert label_of(option("subtract_offset", "counts")) == "Counts"
