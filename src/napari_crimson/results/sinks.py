"""Where results go: memory, or an OME-Zarr group that can be taken up again after a stop.

Both keep what `stream` writes, and both have `arrays`, which a viewer may show while they fill in.
The group on disk is made aside and put in its place whole, is marked partial until `complete`, and until
then holds a list of its finished blocks (`journal`) behind a fingerprint of the settings: the same job on
the same data goes on from there, another is refused. A block is listed once it is on the disk, so that
neither a killed program nor a power failure leaves a listed block that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, Literal

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_crimson.blocks import Region
from napari_crimson.errors import CrimsonError
from napari_crimson.io.ome_zarr import bands_last, create_group, disk_dims
from napari_crimson.results.journal import Done, Journal
from napari_crimson.results.lock import Lock
from napari_crimson.results.origin import changes, same_pixels
from napari_crimson.results.store import (
    KEPT,
    check_space,
    clear,
    disk_errors,
    open_arrays,
    own_attrs,
    put_in_place,
    replace_attrs,
    write_block,
)
from napari_crimson.stream import Results

__all__ = ["MemorySink", "Resume", "ZarrSink", "earlier_blocks"]

Resume = bool | Literal["damaged"]

_RECORD = "blocks.txt"  # inside an array's folder, where nothing takes it for an array
_TOLD = ("remover", "convention", "sha256", "dark", "reference", "lit_cm1", "recipe", "version")  # of a job, where it differs


class MemorySink:
    """Results in memory: `arrays`, (..., y, x, W) by name, NaN until written.

    Parameters
    ----------
    shape, names, dtype
        As of `ZarrSink`.
    job : mapping, optional
        Whose results they are, ``fingerprint`` and ``origin``, so that a run of the same job can take them up.
    """

    align = None  # blocks may begin anywhere

    def __init__(
        self, shape: tuple[int, ...], names: Sequence[str], *, dtype: str = "float32", job: Mapping[str, Any] | None = None
    ) -> None:
        self.job = job
        self.arrays = {name: np.full(shape, np.nan, dtype=dtype) for name in names}
        self._done: dict[int, Done] = {}

    def write(self, block: int, region: Region, results: Results, bad_pixels: int, damage: str = "") -> None:
        """Keep the results (*region shape, W) of a block."""
        for name, array in self.arrays.items():
            array[region] = results[name]
        self._done[block] = Done(bad_pixels=bad_pixels, damage=damage)

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""
        return {block: done.bad_pixels for block, done in self._done.items()}

    def damaged(self) -> dict[int, str]:
        """Give those of them that could not be read, and why."""
        return {block: done.damage for block, done in self._done.items() if done.damage}

    def lazy(self, name: str) -> NDArray[Any]:
        """The result (..., y, x, W) as it stands: the array itself."""
        return self.arrays[name]

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Nothing is left to do in memory."""

    def close(self) -> None:
        """Nothing is held open."""


class ZarrSink:
    """Results in an OME-Zarr group.

    Parameters
    ----------
    path : Path
        Folder of the group: new, empty, or of an earlier run.
    dims, shape : tuple
        Of the stack, wavenumber last.
    wavenumber : ndarray, shape (W,)
    names : sequence of str
        Arrays to write.
    dtype : str
        Of these, a float.
    fingerprint : str
        Of settings and spectra: the same job, the same string.
    tile : tuple of int
        Extent of a chunk along (y, x).
    steps, attrs : mapping
        For `create_group`; attrs need a list ``history``.
    origin : mapping
        The data behind the stack, of `origin_of`.
    resume : bool or "damaged"
        Go on with an earlier run of the same job, and keep away from any other; else begin anew in
        place of an earlier result. ``"damaged"``: go on, take data that have changed for repaired
        ones, and do the blocks again that could not be read.

    Attributes
    ----------
    arrays : dict of zarr.Array
        As on disk, ([t,] W, [z,] y, x).
    align : tuple of int
        Its chunks over the pixel dims: blocks must begin and end on their borders.

    Raises
    ------
    CrimsonError
        If the folder holds something else, the result of another job or of data that have changed
        since, another process writes to it, it cannot be written, or the disk is far too small.
    """

    def __init__(
        self,
        path: Path,
        dims: tuple[str, ...],
        shape: tuple[int, ...],
        wavenumber: NDArray[np.float64],
        names: Sequence[str],
        *,
        dtype: str = "float32",
        fingerprint: str,
        tile: tuple[int, int],
        steps: Mapping[str, float],
        attrs: Mapping[str, Any],
        origin: Mapping[str, Any],
        resume: Resume,
    ) -> None:
        self.path, self.dims = path, dims
        self.align = (*(1,) * (len(dims) - 3), *tile)
        self._names, self._journal = names, _journal(path, names)
        self._done: dict[int, Done] = {}
        noted = {**attrs, "status": "partial", "fingerprint": fingerprint, "origin": dict(origin)}
        with disk_errors(path):
            self._lock = Lock(path)
        try:
            with disk_errors(path):
                if not (resume and self._take_up(noted, redo=resume == "damaged")):
                    clear(path)
                    check_space(path, np.dtype(dtype).itemsize * prod(shape) * len(names))
                    with put_in_place(path) as aside:
                        variables = dict.fromkeys(names, dtype)
                        create_group(aside, dims, shape, wavenumber, variables, steps=steps, attrs=noted, chunks=tile)
                        _journal(aside, names).begin(fingerprint)
                self.arrays = open_arrays(path, names)
        except BaseException:
            self.close()
            raise

    def write(self, block: int, region: Region, results: Results, bad_pixels: int, damage: str = "") -> None:
        """Keep the results (*region shape, W) of a block."""
        write_block(self.path, self.arrays, self.dims, region, results)
        self.note(block, bad_pixels, damage)

    def note(self, block: int, bad_pixels: int, damage: str = "") -> None:
        """List a block that has been written, here or by another process with `write_block`."""
        done = Done(bad_pixels=bad_pixels, damage=damage)
        with disk_errors(self.path, KEPT):
            self._journal.add(block, done)
        self._done[block] = done

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""
        return {block: done.bad_pixels for block, done in self._done.items()}

    def damaged(self) -> dict[int, str]:
        """Give those of them that could not be read, and why."""
        return {block: done.damage for block, done in self._done.items() if done.damage}

    def lazy(self, name: str) -> da.Array:
        """The result (..., y, x, W) as it stands when computed, spectra whole in each chunk."""
        array = self.arrays[name]
        chunks = [-1 if dim == "wavenumber" else size for dim, size in zip(disk_dims(self.dims), array.chunks, strict=True)]
        lazy: da.Array = bands_last(da.from_array(array, chunks=chunks, name=False), self.dims)  # type: ignore[no-untyped-call]
        return lazy

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Mark the result as complete, add to its attributes, and drop the list of blocks."""
        ours = own_attrs(self.path)
        if ours is None or ours["status"] == "complete":
            return
        ours |= {**attrs, "status": "complete", "blocks": len(self._done), "bad_pixels": sum(self.finished().values())}
        with disk_errors(self.path, KEPT):
            replace_attrs(self.path, ours)
            self._journal.remove()

    def close(self) -> None:
        """Give the folder free for other processes."""
        self._lock.release()

    def _take_up(self, noted: Mapping[str, Any], *, redo: bool) -> bool:
        """Find the finished blocks of an earlier run of the same job; False if there is nothing to go on with."""
        done, ours = earlier_blocks(self.path, self._names, noted, redo=redo), own_attrs(self.path)
        if done is None or ours is None:
            return False
        damaged = [block for block, one in done.items() if one.damage]
        if redo and damaged:
            done = {block: one for block, one in done.items() if not one.damage}
            self._journal.begin(ours["fingerprint"], done)
            replace_attrs(self.path, {**{key: value for key, value in ours.items() if key != "damaged"}, **noted})
        if ours["status"] == "partial":
            for torn in self.path.rglob("*.partial"):  # what a killed run was just writing
                torn.unlink()
        self._done = done
        return True


def earlier_blocks(path: Path, names: Sequence[str], noted: Mapping[str, Any], *, redo: bool, mend: bool = True) -> dict[int, Done] | None:
    """Find the finished blocks of an earlier run of the same job in a group; None if there is nothing to go on with.

    Parameters
    ----------
    path, names
        As of `ZarrSink`.
    noted : mapping
        What this run would note of itself: ``fingerprint``, ``origin`` and its attributes.
    redo : bool
        Data that have changed may be taken for repaired ones.
    mend : bool
        Cut off the torn end of a list.

    Raises
    ------
    CrimsonError
        As `ZarrSink`.
    """
    ours = own_attrs(path)
    if ours is None:
        return None
    journal = _journal(path, names)
    done = _listed(ours) if ours["status"] == "complete" else journal.read(ours["fingerprint"])
    _check_same(path, ours, noted, damaged=sum(bool(one.damage) for one in (done or {}).values()), redo=redo)
    if mend:  # what is refused stays as it is
        journal.mend()
    return done


def _journal(path: Path, names: Sequence[str]) -> Journal:
    return Journal(path / names[0] / _RECORD)


def _listed(ours: Mapping[str, Any]) -> dict[int, Done]:
    """The blocks of a complete result; which of the sound ones had the bad pixels is not kept."""
    done = dict.fromkeys(range(ours["blocks"]), Done(bad_pixels=0))
    damaged = {entry["block"]: Done(bad_pixels=entry["pixels"], damage=entry["reason"]) for entry in ours.get("damaged", ())}
    rest = ours["bad_pixels"] - sum(one.bad_pixels for one in damaged.values())
    sound = next((block for block in done if block not in damaged), None)
    return done | ({} if sound is None else {sound: Done(bad_pixels=rest)}) | damaged


def _check_same(path: Path, ours: Mapping[str, Any], noted: Mapping[str, Any], *, damaged: int, redo: bool) -> None:
    """Raise unless the earlier run was of the same data and the same settings."""
    then, now = ours.get("origin", {}), noted["origin"]
    other = ours["fingerprint"] != noted["fingerprint"]
    changed = changes(then, now) if ours.get("source") == noted.get("source") else ""
    if not (changed or other or same_pixels(then, now)):
        changed = "its pixels differ"
    repaired = redo and damaged and same_pixels(then, now)
    if changed and not repaired:
        cure = "" if not damaged or redo else f", say resume='damaged' if it has been repaired, to do its {damaged} damaged blocks again"
        raise CrimsonError(
            f"the data behind {path} have changed since this {ours['status']} result was begun ({changed}); "
            f"put them back as they were{cure}, or say resume=False to begin anew"
        )
    if other:
        keys = [key for key in _TOLD if key in noted and ours.get(key) != noted[key]]
        told = [f"{key} {ours.get(key)} then, {noted[key]} now" for key in keys if key != "recipe" or len(keys) == 1]
        told = told or ["or blocks cut under another limit on memory"]
        raise CrimsonError(
            f"{path} holds a {ours['status']} result of another stack or other settings ({told[0]}); "
            "choose another output, delete it, or say resume=False to replace it"
        )
