"""How the chunks of a Zarr array are packed: what is refused before any of them is read, and what its store must know to look at them."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import zarr

from napari_crimson.errors import CrimsonError
from napari_crimson.io.unpacking import check_stream, most_of_piece

__all__ = ["Packing", "check_codecs", "packing"]

Array: TypeAlias = "zarr.Array[Any]"

# what changes values or their order, and their size by a few times at the most; anything else may unpack to any size
_NO_PACKERS = {
    "bytes", "transpose", "sharding", "crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3", "shuffle", "delta",
    "fixedscaleoffset", "scale_offset", "cast_value", "quantize", "bitround", "packbits", "astype",
}  # fmt: skip
_ENTRY, _NO_CHUNK = 16, 2**64 - 1  # bytes in the index of a shard; what it says of a chunk that was not written
_INDEX_CODECS = (["bytes"], ["bytes", "crc32c"])


@dataclass(frozen=True)
class Packing:
    """Names of the codecs, how far a chunk may unpack, and of a shard how its index lies: entries, bytes in all, at its end or not."""

    codecs: frozenset[str] = frozenset()
    most: int = 0
    entries: int = 0
    index_bytes: int = 0
    at_end: bool = True

    def check(self, data: memoryview, *, is_whole: bool) -> None:
        """Refuse a chunk, or what of a shard was read (if `is_whole`, all of it), that unpacks too far: ValueError."""
        for piece in self._chunks(data) if is_whole and self.entries else [data]:
            check_stream(piece, self.codecs, self.most)

    def _chunks(self, data: memoryview) -> Iterator[memoryview]:
        index = data[max(0, len(data) - self.index_bytes) :] if self.at_end else data
        index = index[: _ENTRY * self.entries]
        for at in range(0, len(index) - _ENTRY + 1, _ENTRY):
            start, size = (int.from_bytes(index[i : i + 8], "little") for i in (at, at + 8))
            if start != _NO_CHUNK:
                yield data[start : start + size]


def packing(array: Array) -> Packing:
    """Tell how an array is packed."""
    inner = prod(array.chunks) * array.dtype.itemsize
    shard = next((codec for codec in _chain(array) if _name(codec) == "sharding"), None)
    names = frozenset(map(_name, _chain(array)))
    if shard is None or array.shards is None:
        return Packing(names, most_of_piece(inner))
    entries = prod(whole // part for whole, part in zip(array.shards, array.chunks, strict=True))
    size = _ENTRY * entries + (4 if any(_name(codec) == "crc32c" for codec in shard.index_codecs) else 0)
    return Packing(names, most_of_piece(inner), entries, size, "start" not in str(shard.index_location).lower())


def check_codecs(where: str, array: Array) -> None:
    """Refuse an array that holds pickles, is packed more than once, or so that its chunks do not begin as their packing does.

    Raises
    ------
    CrimsonError
        With the cure.
    """
    chain = _chain(array)
    names = [_name(codec) for codec in chain]
    if any("pickle" in name for name in names):
        raise CrimsonError(f"{where} is stored as Python pickles, which run code when read, and is refused; save it again as plain numbers")
    packers = [i for i, name in enumerate(names) if name not in _NO_PACKERS]
    if len(packers) > 1:
        listed = ", ".join(names[i] for i in packers)
        raise CrimsonError(
            f"{where} is packed {len(packers)} times over ({listed}), at most once is allowed; save it again with one of them"
        )
    if names.count("sharding") > 1 or any(list(map(_name, codec.index_codecs)) not in _INDEX_CODECS for codec in chain if _is_shard(codec)):
        raise CrimsonError(f"{where} has shards within shards, or an index of shards that is packed; save it again with plain shards")
    after = names[packers[0] + 1 :] if packers else []
    if set(after) - {"crc32c", "sharding"} or ("sharding" in after and after[-1] != "sharding"):
        raise CrimsonError(
            f"{where} is packed with {names[packers[0]]} and then turned by {', '.join(after)}, expected the packing last; save it again so"
        )
    for codec in chain:
        settings = getattr(codec, "codec_config", None) or {"format": getattr(codec, "format", None)}
        if _name(codec) == "lzma" and settings.get("format") == lzma.FORMAT_RAW:
            raise CrimsonError(f"{where} is packed with lzma without its header; save it again with another codec, such as zstd")


def _chain(array: Array) -> list[Any]:
    """The codecs of an array in the order in which they pack, those of the chunks in a shard ahead of it."""
    codecs: list[Any] = [
        *(getattr(array.metadata, "filters", None) or ()),
        *getattr(array.metadata, "codecs", ()),
    ]
    if (last := getattr(array.metadata, "compressor", None)) is not None:
        codecs.append(last)
    return list(_flat(codecs))


def _flat(codecs: Any) -> Iterator[Any]:
    for codec in codecs:
        yield from _flat(getattr(codec, "codecs", ()))
        yield codec


def _is_shard(codec: Any) -> bool:
    return _name(codec) == "sharding"


def _name(codec: Any) -> str:
    name = str(getattr(codec, "codec_id", None) or getattr(codec, "codec_name", None) or type(codec).__name__).lower()
    return name.removeprefix("numcodecs.").removesuffix("codec")
