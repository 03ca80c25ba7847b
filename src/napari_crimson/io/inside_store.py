"""A Zarr folder that gives nothing from outside of it, whatever its links and the names of its members say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zarr.storage import LocalStore

from napari_crimson.io.inside import check_inside

__all__ = ["InsideStore"]


class InsideStore(LocalStore):
    """Like `zarr.storage.LocalStore`, for reading, but for keys that lead out of its folder.

    Raises
    ------
    CrimsonError
        On reading such a key.
    """

    async def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Get a value, if it lies in the folder."""
        self._check(key)
        return await super().get(key, *args, **kwargs)

    def get_sync(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Get a value, if it lies in the folder; of zarr 3.1.4 and later."""
        self._check(key)
        return super().get_sync(key, *args, **kwargs)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> Any:
        """Get parts of values, if they lie in the folder."""
        wanted = list(key_ranges)
        for key, _ in wanted:
            self._check(key)
        return await super().get_partial_values(prototype, wanted)

    def _check(self, key: str) -> None:
        check_inside(self.root / key, self.root, of=self.root)
