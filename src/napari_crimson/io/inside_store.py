"""A Zarr folder that gives nothing from outside of it, and no chunk that fills the memory, whatever its links and names say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zarr.abc.store import RangeByteRequest
from zarr.storage import LocalStore

from napari_crimson.errors import CrimsonError, DamagedError
from napari_crimson.io.formats import ZARR_FILES
from napari_crimson.io.inside import check_inside
from napari_crimson.io.zarr_codecs import Packing

__all__ = ["InsideStore"]

_MOST_RECORD_BYTES = 2**26


class InsideStore(LocalStore):
    """Like `zarr.storage.LocalStore`, for reading, but for keys that lead out of its folder and chunks that would fill the memory.

    Raises
    ------
    CrimsonError
        On reading such a key.
    """

    packing = Packing()  # of the array that is read, by which it is told what a chunk may become

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Get a value, if it lies in the folder."""
        self._check(key, byte_range)
        return self._looked_at(key, await super().get(key, prototype, byte_range), is_whole=byte_range is None)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """Get a value, if it lies in the folder; of zarr 3.1.4 and later."""
        self._check(key, byte_range)
        return self._looked_at(key, super().get_sync(key, prototype=prototype, byte_range=byte_range), is_whole=byte_range is None)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> Any:
        """Get parts of values, if they lie in the folder."""
        wanted = list(key_ranges)
        for key, part in wanted:
            self._check(key, part)
        values = await super().get_partial_values(prototype, wanted)
        return [self._looked_at(key, value, is_whole=part is None) for (key, part), value in zip(wanted, values, strict=True)]

    def _check(self, key: str, part: Any) -> None:
        path = self.root / key
        check_inside(path, self.root, of=self.root)
        if path.name in ZARR_FILES and path.is_file() and path.stat().st_size > _MOST_RECORD_BYTES:
            raise CrimsonError(f"{path}: {path.stat().st_size:,} bytes are too many for the description of an array or group")
        if isinstance(part, RangeByteRequest) and path.is_file() and part.end > (size := path.stat().st_size):  # would be set aside first
            raise DamagedError(
                f"{path}: its index tells of bytes {part.start:,} to {part.end:,}, it has {size:,}; is it whole? Copy it again"
            )

    def _looked_at(self, key: str, value: Any, *, is_whole: bool) -> Any:
        if value is not None and self.packing.codecs:
            try:
                self.packing.check(value.as_numpy_array().data, is_whole=is_whole)
            except ValueError as error:
                raise DamagedError(f"{self.root / key}: {error}; is it whole? Copy it again") from error
        return value
