"""`DrySink`: the place for results, looked at as a real sink would, and left as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from napari_crimson.blocks import Region
from napari_crimson.errors import CrimsonError
from napari_crimson.memory import memory_room
from napari_crimson.results.journal import Done
from napari_crimson.results.lock import check_free
from napari_crimson.results.sinks import Resume, earlier_blocks
from napari_crimson.results.store import check_clear, check_space, disk_errors, free_space, own_attrs
from napari_crimson.stream import Results, Sink

__all__ = ["DrySink"]


class DrySink:
    """Tells what a real sink would find, and raises what it would raise; makes and changes nothing.

    `earlier` is a sink in memory that the job would go on with.

    Attributes
    ----------
    path : Path, optional
        Where results would go, None for memory.
    size : int
        Bytes of all results, uncompressed.
    room : int
        Bytes free there.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        names: list[str],
        *,
        dtype: str = "float32",
        path: Path | None = None,
        align: tuple[int, ...] | None = None,
        earlier: Sink | None = None,
    ) -> None:
        self.path, self.align, self._shape, self._names, self._dtype = path, align, shape, names, dtype
        self.size = np.dtype(dtype).itemsize * prod(shape) * len(names)
        self.room = memory_room() if path is None else free_space(path)
        self.arrays: dict[str, Any] = {}
        damage = {} if earlier is None else earlier.damaged()
        done = {} if earlier is None else earlier.finished()
        self._done = {block: Done(bad_pixels=bad, damage=damage.get(block, "")) for block, bad in done.items()}

    def look(self, noted: Mapping[str, Any], resume: Resume, *, by_recipe: bool = False) -> None:
        """Look for an earlier run on the disk; `noted` as for `earlier_blocks`. The same recipe is enough if `by_recipe`.

        Raises
        ------
        CrimsonError
            As `ZarrSink`.
        """
        if self.path is None:
            return
        with disk_errors(self.path):
            check_free(self.path)
            ours = own_attrs(self.path)
            if by_recipe and ours and ours.get("recipe") == noted["recipe"]:
                noted = {**noted, "fingerprint": ours["fingerprint"]}
            done = earlier_blocks(self.path, self._names, noted, redo=resume == "damaged", mend=False) if resume else None
            if done is None:
                check_clear(self.path)
                check_space(self.path, self.size)
                folder = next(folder for folder in self.path.absolute().parents if folder.exists())
                if not os.access(folder, os.W_OK):
                    raise CrimsonError(f"cannot write {self.path}: no permission in {folder}; choose another output")
            self._done = done or {}

    def write(self, block: int, region: Region, results: Results, bad_pixels: int, damage: str = "") -> None:
        """Refuse: a dry run has no results."""
        raise NotImplementedError

    def finished(self) -> dict[int, int]:
        """Give the blocks of an earlier run of the same job, with the number of bad pixels in each."""
        return {block: done.bad_pixels for block, done in self._done.items()}

    def damaged(self) -> dict[int, str]:
        """Give those of them that could not be read, and why."""
        return {block: done.damage for block, done in self._done.items() if done.damage}

    def lazy(self, name: str) -> da.Array:
        """A result (..., y, x, W) that is NaN throughout."""
        nothing: da.Array = da.full(self._shape, np.nan, dtype=self._dtype)  # type: ignore[no-untyped-call]
        return nothing

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is held open."""
