"""Plain values as TOML: what is written is what the standard library reads."""

from __future__ import annotations

import math
import tomllib

from napari_crimson.toml import toml_from_dict


def test_what_is_written_is_read() -> None:
    table = {
        "text": 'a "quoted" µ\n\x7f\\ [x] # no comment',
        "number": -1.5e-30,
        "huge": 1e300,
        "whole": 3,
        "yes": True,
        "list": [1, 2.5],
        "pairs": [[1.0, 2.0], [3.0, 4.0]],
        "empty": [],
        "inf": -math.inf,
        "inner": {"a": 1, "deeper": {"b": "c"}},
        "step": [{"name": "x", "of": {"y": 1}}, {"name": "z"}],
    }
    assert tomllib.loads(toml_from_dict(table)) == table


def test_what_is_none_is_left_out_and_nan_stays() -> None:
    read = tomllib.loads(toml_from_dict({"a": None, "b": math.nan, "c": (1, 2)}))
    assert read.keys() == {"b", "c"}
    assert math.isnan(read["b"])
    assert read["c"] == [1, 2]
