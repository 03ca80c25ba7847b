"""False colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_crimson import CrimsonError
from napari_crimson.analysis import blend, composite
from napari_crimson.stack import make_stack

AXIS = np.linspace(2700.0, 3100.0, 201)


def test_each_image_lends_its_colour() -> None:
    ramp = np.linspace(0, 1, 256).reshape(1, -1)
    rgb = blend([ramp, 1 - ramp], ["#ff8000", "blue"], [(0, 1), (0, 1)])
    assert rgb.dtype == np.uint8
    assert_array_equal(rgb[0, :, 0], np.arange(256))
    assert_allclose(rgb[0, :, 1], np.arange(256) * 128 / 255, atol=0.51)
    assert_array_equal(rgb[0, :, 2], np.arange(256)[::-1])


def test_colours_add_up_and_no_more_than_white_and_nan_is_black() -> None:
    image = np.array([[1.0, np.nan, 9.0, -3.0]])
    rgb = blend([image, image], ["red", "#ff0000"], [(0, 2), (0, 2)], as_float=True)
    assert rgb.dtype == np.float32
    assert_allclose(rgb[0, :, 0], [1, 0, 1, 0])
    assert_array_equal(rgb[..., 1:], 0)


def test_a_picture_of_bands_shows_where_each_is() -> None:
    spectra = np.zeros((6, 8, 201), dtype=np.float32)
    spectra[:, :4] += np.exp(-(((AXIS - 2850) / 8) ** 2)).astype(np.float32)
    spectra[:3] += np.exp(-(((AXIS - 2935) / 8) ** 2)).astype(np.float32)
    picture = composite(make_stack(spectra, AXIS).rename(cars="raman"), ["CH2", "CH3"], colours=["red", "green"])
    assert picture.dims == ("y", "x", "rgb")
    assert_array_equal(picture[0, 0], [255, 255, 0])
    assert_array_equal(picture[5, 0], [255, 0, 0])
    assert_array_equal(picture[0, 7], [0, 255, 0])
    assert_array_equal(picture[5, 7], 0)
    assert "CH2 2840–2860 cm⁻¹ in red" in picture.attrs["history"][-1]
    own = composite(make_stack(spectra, AXIS).rename(cars="raman"), ["CH2", "CH3"], colours=["red", "green"], limits=[None, (0, 100)])
    assert_array_equal(own[..., 0], picture[..., 0])
    assert own[..., 1].max() < 5


@pytest.mark.parametrize(
    ("colours", "limits", "said"),
    [
        (["red"], [None, None], "1 colours for 2 images"),
        (["red", "green"], [None], "1 limits for 2 images"),
        (["red", "mauve"], [None, None], "colour 'mauve': give #rrggbb or one of red"),
        (["red", "blue"], [(1, 1), None], "give a lower and a higher"),
    ],
)
def test_what_cannot_be_mixed_is_told(colours: list[str], limits: list[tuple[float, float] | None], said: str) -> None:
    with pytest.raises(CrimsonError, match=said):
        blend([np.eye(2), np.eye(2)], colours, limits)


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(CrimsonError, match="such as CH2, CH3"):
        composite(make_stack(np.ones((2, 2, 201)), AXIS), [])
