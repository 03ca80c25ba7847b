"""A bad pixel costs itself and not one bit of any other, whatever the remover."""

from __future__ import annotations

import numpy as np
import pytest

from napari_crimson.remove import remove_background
from napari_crimson.remover import load_remover
from napari_crimson.stack import make_stack

AXIS = np.linspace(600.0, 3400.0, 400)
SPECTRA = (np.random.default_rng(0).uniform(0.8, 1.2, (900, 400)) * np.linspace(2000, 4000, 400)).astype(np.float32)
BAD = {
    "nan": np.nan,
    "inf": np.inf,
    "zero": 0.0,
    "negative": -100.0,
    "saturated": 65535.0,
}


@pytest.mark.parametrize("name", ["cnn", "rnn", "kk", "mem"])
def test_neighbours_of_bad_pixels_are_the_same_bit_by_bit(name: str) -> None:
    count = 900 if name != "mem" else 120
    clean, spoilt = SPECTRA[:count].copy(), SPECTRA[:count].copy()
    bad = np.zeros(count, dtype=bool)
    for number, value in enumerate(BAD.values()):
        bad[number :: count // 9] = True
        spoilt[number :: count // 9] = value
    remover = load_remover(name, device="cpu")
    np.testing.assert_array_equal(remover(spoilt, AXIS)[~bad], remover(clean, AXIS)[~bad])


@pytest.mark.parametrize("kind", ["zero", "saturated"])
def test_bad_pixels_in_the_row_that_tells_which_bands_have_light_do_not_move_them(kind: str) -> None:
    light = np.clip((AXIS - 700) / 300, 0, 1) * np.clip((3300 - AXIS) / 300, 0, 1)
    cars = (SPECTRA[:600].reshape(20, 30, 400) * light + 1).astype(np.uint16)
    spoilt = cars.copy()
    spoilt[10, ::10] = BAD[kind]
    bad = np.zeros((20, 30), dtype=bool)
    bad[10, ::10] = True
    results = [remove_background(make_stack(values, AXIS), "kk")["raman"].values for values in (cars, spoilt)]
    np.testing.assert_array_equal(results[1][~bad], results[0][~bad])
    assert np.isnan(results[1][bad]).all()
