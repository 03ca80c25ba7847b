"""What packed bytes may become: a few of them can be made to fill any memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError

__all__ = ["check_packed", "check_piece", "check_stream", "check_unpacking"]

_MOST_PIECE_BYTES = 2**28  # unpacked at once: with its copies, less than 1 GiB
_MOST_PACKED = 100  # times as large as what it is packed in; measured intensities reach ten
_FEW_BYTES = 2**18  # of deflate become 256 MiB at the most, so that they need no look
_FEW_LZMA_BYTES = 2**15  # of lzma likewise
_ZSTD = b"\x28\xb5\x2f\xfd"
_STREAMS: tuple[tuple[str, Any, int], ...] = (  # name, what unpacks them in part, and how many bytes need no look
    ("gzip", lambda: zlib.decompressobj(31), _FEW_BYTES),
    ("zlib", zlib.decompressobj, _FEW_BYTES),
    ("bz2", bz2.BZ2Decompressor, 0),
    ("lzma", lzma.LZMADecompressor, _FEW_LZMA_BYTES),
)
_DEFLATE, _LZMA = (8, 32946, 50013), (34925,)  # as TIFF numbers them


def check_packed(path: Path, what: str, size: int, packed: int) -> None:
    """Refuse what must be unpacked whole, to `size` bytes, and is `packed` into so few that it can be no measurement.

    Raises
    ------
    CrimsonError
        If it is.
    """
    if size > max(_MOST_PIECE_BYTES, _MOST_PACKED * packed):
        raise CrimsonError(
            f"{path}: {what} is said to unpack from {packed:,} bytes to {size / 2**30:.3g} GiB, which no measurement does; "
            "if it is one, save it as .npy, .h5 or .zarr, of which parts can be read"
        )


def check_piece(path: Path, what: str, size: int, cure: str) -> None:
    """Refuse a piece of a file, such as a chunk or a strip, that is too large to be unpacked at once.

    Raises
    ------
    CrimsonError
        With the `cure`.
    """
    if size > _MOST_PIECE_BYTES:
        most = _MOST_PIECE_BYTES // 2**20
        raise CrimsonError(f"{path}: {what} take {size / 2**20:,.0f} MiB each; at most {most} are unpacked at once: {cure}")


def check_unpacking(data: bytes, compression: int, wanted: int) -> None:
    """Unpack, without keeping, a strip or tile whose unpacked size could be far more than the `wanted` bytes.

    Raises
    ------
    ValueError
        If it is.
    """
    most = 2 * wanted + 2**16  # rows of odd bits may be padded
    if compression in _DEFLATE and len(data) > _FEW_BYTES:
        found = len(zlib.decompressobj().decompress(data, most + 1))
    elif compression in _LZMA and len(data) > _FEW_LZMA_BYTES:
        found = len(lzma.LZMADecompressor().decompress(data, most + 1))
    else:
        return
    if found > most:
        raise ValueError(f"{len(data):,} bytes unpack to more than twice the {wanted:,} there should be")


def check_stream(data: memoryview, codecs: frozenset[str]) -> None:
    """Refuse a chunk of a Zarr that says, or where it does not say shows, that it unpacks to more than is unpacked at once.

    Parameters
    ----------
    data : memoryview
        The chunk; or, of a shard, a piece of it.
    codecs : set of str
        Names of what it is packed with.

    Raises
    ------
    ValueError
        If it does.
    """
    head, size = bytes(data[:32]), 0
    if "zstd" in codecs and head.startswith(_ZSTD):
        size = _zstd_size(head)
    elif "blosc" in codecs and ("sharding" not in codecs or int.from_bytes(head[12:16], "little") == len(data)):
        size = int.from_bytes(head[4:8], "little")  # version, …, size, block, packed size: 16 bytes
    elif "lz4" in codecs and "sharding" not in codecs:
        size = int.from_bytes(head[:4], "little")
    for name, make, few in _STREAMS:
        if name in codecs and len(data) > few:
            try:
                size = max(size, len(make().decompress(data, _MOST_PIECE_BYTES + 1)))
            except (zlib.error, OSError, lzma.LZMAError):  # not the whole of a stream: its reader will say so
                continue
    if size > _MOST_PIECE_BYTES:
        raise ValueError(f"a chunk of {len(data):,} bytes unpacks to {size / 2**20:,.0f} MiB or more")


def _zstd_size(head: bytes) -> int:
    """What a frame of zstd unpacks to, if it says so (RFC 8878, 3.1.1); else 0."""
    about = head[4] if len(head) > 4 else 0
    kind, single, named = about >> 6, about >> 5 & 1, (0, 1, 2, 4)[about & 3]
    length = (single, 2, 4, 8)[kind]
    start = 5 + (1 - single) + named
    return int.from_bytes(head[start : start + length], "little")
