"""What packed bytes may become: a few of them can be made to fill any memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path
from typing import Any

from napari_crimson.errors import CrimsonError

__all__ = ["check_packed", "check_piece", "check_stream", "check_unpacking", "most_of_piece"]

_MOST_PIECE_BYTES = 2**28  # unpacked at once: with its copies, less than 1 GiB
_MOST_PACKED = 100  # times as large as what it is packed in; measured intensities reach ten
_FEW_BYTES = 2**18  # of deflate become 256 MiB at the most, so that they need no look
_FEW_LZMA_BYTES = 2**15  # of lzma likewise
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = (0x184D2A50, 0x184D2A5F)  # frames that hold no data begin with a number from the first to the last
_ZSTD_BLOCK, _MOST_ZSTD_BLOCKS = 2**17, 2**19  # bytes that a block unpacks to; blocks, looked at in half a second
_STREAMS: tuple[tuple[str, Any, int], ...] = (  # name, what unpacks them in part, and how many times they grow
    ("gzip", lambda: zlib.decompressobj(31), 1040),
    ("zlib", zlib.decompressobj, 1040),
    ("bz2", bz2.BZ2Decompressor, 2**24),
    ("lzma", lambda: lzma.LZMADecompressor(memlimit=_MOST_PIECE_BYTES), 2**13),
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


def most_of_piece(size: int) -> int:
    """Say how far a chunk may unpack whose values take `size` bytes: they may be packed wider, and several are unpacked at a time."""
    return min(_MOST_PIECE_BYTES, max(16 * size, 2**24))


def check_stream(data: memoryview, codecs: frozenset[str], most: int) -> None:
    """Refuse a chunk of a Zarr that says, or where it does not say shows, that it unpacks to more than `most` bytes.

    Parameters
    ----------
    data : memoryview
        The chunk; or, of a shard, a piece of it.
    codecs : set of str
        Names of what it is packed with.
    most : int
        Of `most_of_piece`.

    Raises
    ------
    ValueError
        If it does.
    """
    head, size = bytes(data[:32]), 0
    if "zstd" in codecs:
        size = _zstd_size(data, most)
    elif "blosc" in codecs and ("sharding" not in codecs or int.from_bytes(head[12:16], "little") == len(data)):
        size = int.from_bytes(head[4:8], "little")  # version, …, size, block, packed size: 16 bytes
    elif "lz4" in codecs and "sharding" not in codecs:
        size = int.from_bytes(head[:4], "little")
    for name, make, growth in _STREAMS:
        if name in codecs and len(data) * growth > most:
            size = max(size, _stream_size(make, data, most))
    if size > most:
        raise ValueError(
            f"a chunk of {len(data):,} bytes unpacks to {size / 2**20:,.0f} MiB or more, at most {most / 2**20:,.0f} are expected of it"
        )


def _stream_size(make: Any, data: memoryview, most: int) -> int:
    """What streams one after another unpack to, without keeping it; no further than just beyond `most`."""
    size, at, rest, one = 0, 0, b"", make()
    while size <= most:
        if one.eof:
            rest, one = one.unused_data.lstrip(b"\0"), make()  # zeros between streams are passed over by their readers
        if not rest and getattr(one, "needs_input", True):  # zlib gives back what it has not used; others keep it
            if at >= len(data):
                break
            rest, at = bytes(data[at : at + 2**16]), at + 2**16
        try:
            size += len(one.decompress(rest, 2**20))
        except (zlib.error, OSError, lzma.LZMAError):  # no stream, or a broken one: its reader will say so
            break
        rest = getattr(one, "unconsumed_tail", b"")
    return size


def _zstd_size(data: memoryview, most: int) -> int:
    """What frames of zstd, one after another, say that they unpack to; if one does not say, the most that their blocks can (RFC 8878)."""
    said, bound, at, blocks, silent = 0, 0, 0, 0, False
    while len(data) - at > 4:
        if _ZSTD_SKIPPED[0] <= _number(data, at, 4) <= _ZSTD_SKIPPED[1]:
            at += 8 + _number(data, at + 4, 4)
            continue
        if bytes(data[at : at + 4]) != _ZSTD:
            break
        about = data[at + 4]
        kind, single, checked, named = about >> 6, about >> 5 & 1, about >> 2 & 1, (0, 1, 2, 4)[about & 3]
        length = (single, 2, 4, 8)[kind]
        at += 6 - single + named
        said, silent = said + _number(data, at, length), silent or length == 0
        at += length
        is_last = False
        while not is_last and at < len(data) and max(said, bound if silent else 0) <= most:
            block = _number(data, at, 3)
            is_last, form, size = bool(block & 1), block >> 1 & 3, block >> 3
            bound += _ZSTD_BLOCK if form == 2 else size  # 0 raw, 1 a byte repeated, 2 packed
            at += 4 if form == 1 else 3 + size
            blocks += 1
            if blocks > _MOST_ZSTD_BLOCKS:
                raise ValueError(f"a chunk of {len(data):,} bytes has more than {_MOST_ZSTD_BLOCKS:,} blocks of zstd")
        at += 4 * checked
        if max(said, bound if silent else 0) > most:
            break
    return max(said, bound if silent else 0)


def _number(data: memoryview, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")
