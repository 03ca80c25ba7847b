"""What packed bytes may become: a few of them can be made to fill any memory."""

from __future__ import annotations

import lzma
import zlib
from pathlib import Path

from napari_crimson.errors import CrimsonError

__all__ = ["check_packed", "check_piece", "check_unpacking"]

_MOST_PIECE_BYTES = 2**28  # unpacked at once: with its copies, less than 1 GiB
_MOST_PACKED = 100  # times as large as what it is packed in; measured intensities reach ten
_FEW_BYTES = 2**18  # of deflate become 256 MiB at the most, so that they need no look
_FEW_LZMA_BYTES = 2**15  # of lzma likewise
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
