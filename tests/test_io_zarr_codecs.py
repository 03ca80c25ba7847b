"""Chunks of Zarr: every usual packing opens, what is packed twice or out of order does not, and sizes are told without unpacking."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from napari_crimson import open_stack
from napari_crimson.io.unpacking import check_stream
from refusing import refused

STACK = np.random.default_rng(0).integers(0, 4000, (8, 10, 12)).astype("u2")
MIB = 2**20

V3: dict[str, dict[str, Any]] = {
    "zstd": {"compressors": ZstdCodec()},
    "zstd with a checksum": {"compressors": ZstdCodec(level=19, checksum=True)},
    "gzip": {"compressors": GzipCodec()},
    "blosc": {"compressors": BloscCodec(cname="lz4", shuffle="bitshuffle")},
    "crc32c": {"compressors": [ZstdCodec(), Crc32cCodec()]},
    "only crc32c": {"compressors": [Crc32cCodec()]},
    "none": {"compressors": None},
    "shards of zstd": {"compressors": ZstdCodec(), "shards": (8, 10, 12)},
    "shards of gzip": {"compressors": GzipCodec(), "shards": (4, 10, 12)},
    "shards of blosc": {"compressors": BloscCodec(), "shards": (8, 5, 12)},
    "shards of nothing": {"compressors": None, "shards": (8, 5, 12)},
}
V2: dict[str, dict[str, Any]] = {
    name: {"compressors": codec, "zarr_format": 2}
    for name, codec in {
        "v2 zstd": numcodecs.Zstd(), "v2 blosc": numcodecs.Blosc(cname="zstd"), "v2 gzip": numcodecs.GZip(), "v2 zlib": numcodecs.Zlib(),
        "v2 bz2": numcodecs.BZ2(), "v2 lzma": numcodecs.LZMA(), "v2 lz4": numcodecs.LZ4(), "v2 none": None,
    }.items()
} | {"v2 shuffled": {"compressors": numcodecs.Zstd(), "filters": [numcodecs.Shuffle(2)], "zarr_format": 2},
     "v2 in a filter": {"compressors": None, "filters": [numcodecs.Delta("u2"), numcodecs.Zlib()], "zarr_format": 2}}  # fmt: skip


@pytest.mark.parametrize("name", V3 | V2)
def test_usual_packings_open(tmp_path: Path, name: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(4, 5, 12), **(V3 | V2)[name])
    stack = open_stack(tmp_path / "a.zarr", wavenumber=(1000, 1500))
    np.testing.assert_array_equal(stack["cars"], STACK)
    np.testing.assert_array_equal(stack["cars"][3:5, 2:3], STACK[3:5, 2:3])  # parts of shards


@pytest.mark.parametrize("location", ["start", "end"])
def test_the_index_of_a_shard_lies_at_either_end(tmp_path: Path, location: Any) -> None:
    shards = {"shape": (8, 10, 12), "index_location": location}
    zarr.create_array(tmp_path / "a.zarr", data=STACK, chunks=(4, 5, 12), shards=shards, compressors=GzipCodec())
    np.testing.assert_array_equal(open_stack(tmp_path / "a.zarr", wavenumber=(1000, 1500))["cars"], STACK)


@pytest.mark.parametrize(
    ("codecs", "reason"),
    [
        ([{"name": "bytes"}, {"name": "zstd"}, {"name": "gzip"}], r"packed 2 times over \(zstd, gzip\), at most once"),
        ([{"name": "bytes"}, {"name": "zstd"}, {"name": "numcodecs.shuffle"}], "packed with zstd and then turned by shuffle"),
        ([{"name": "bytes"}, {"name": "numcodecs.lzma", "configuration": {"format": 3}}], "lzma without its header"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # zarr's, of codecs of numcodecs that are in no specification
def test_packings_that_hide_a_size(tmp_path: Path, codecs: list[dict[str, Any]], reason: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK, compressors=None)
    record = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    endian = {"name": "bytes", "configuration": {"endian": "little"}}
    configured = [
        endian if codec["name"] == "bytes" else {"configuration": {"level": 1} if "." not in codec["name"] else {}, **codec}
        for codec in codecs
    ]
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps(record | {"codecs": configured}))
    with refused(tmp_path, reason):
        open_stack(tmp_path / "a.zarr", wavenumber=(1000, 1500))


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("zlib", zlib.compress), ("bz2", bz2.compress), ("lzma", lzma.compress)]
)
def test_streams_are_told_by_what_they_unpack_to(name: str, pack: Any) -> None:
    noise = np.random.default_rng(0).bytes(MIB)
    for data, size in ((pack(noise), MIB), (pack(bytes(4 * MIB)), 4 * MIB), (pack(noise) + bytes(5) + pack(noise), 2 * MIB)):
        check_stream(memoryview(data), frozenset([name]), size)
        with pytest.raises(ValueError, match=r"unpacks to \d MiB or more"):
            check_stream(memoryview(data), frozenset([name]), size - 1)


@pytest.mark.parametrize("level", [-5, 1, 3, 12, 22])
@pytest.mark.parametrize("checksum", [False, True])
def test_zstd_is_told_by_all_its_frames(level: int, checksum: bool) -> None:
    rng = np.random.default_rng(0)
    one = numcodecs.Zstd(level, checksum=checksum)
    frames = [
        one.encode(values.astype("u2").tobytes()) for values in (rng.integers(0, 50, MIB), np.zeros(MIB), rng.integers(0, 2**16, 100))
    ]
    data, size = memoryview(b"".join(frames)), 2 * (2 * MIB + 100)
    check_stream(data, frozenset(["zstd"]), size)
    with pytest.raises(ValueError, match="unpacks to 4 MiB or more"):
        check_stream(data, frozenset(["zstd"]), size - 1)
