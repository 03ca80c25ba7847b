"""Where results go: memory, or an OME-Zarr group that can be taken up again after a stop.

Both keep what `stream` writes, and both have `arrays`, which a viewer may show while they fill in.
The group on disk is marked partial until `complete`. Until then the file ``raman/blocks.txt`` lists
the finished blocks, a line each, behind a fingerprint of input and settings: the same job goes on
from there, another is refused. The list is flushed to the disk line by line and survives a crash of
the program; what a power failure leaves of the newest chunks is up to the file system.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import Any, cast

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.ome_zarr import NAMESPACE, bands_first, bands_last, create_group, disk_dims
from napari_crimson.lock import Lock
from napari_crimson.stream import Region, Results

__all__ = ["MemorySink", "ZarrSink"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_KEPT = ". Finished blocks are kept: the same call goes on from there"
_RECORD = "blocks.txt"  # inside an array's folder, where nothing takes it for an array


class MemorySink:
    """Results in memory: `arrays`, float32 (..., y, x, W) by name, NaN until written."""

    align = None  # blocks may begin anywhere

    def __init__(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        self.arrays = {name: np.full(shape, np.nan, dtype=np.float32) for name in names}
        self._finished: dict[int, int] = {}

    def write(self, block: int, region: Region, results: Results, bad_pixels: int) -> None:
        """Keep the results (*region shape, W) of a block."""
        for name, array in self.arrays.items():
            array[region] = results[name]
        self._finished[block] = bad_pixels

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""
        return dict(self._finished)

    def lazy(self, name: str) -> NDArray[np.float32]:
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
        Arrays to write, float32.
    fingerprint : str
        Of input and settings: the same job, the same string.
    tile : tuple of int
        Extent of a chunk along (y, x).
    steps, attrs : mapping
        For `create_group`; attrs need a list ``history``.
    resume : bool
        Go on with an earlier run of the same job, and keep away from any other; else begin anew in
        place of an earlier result.

    Attributes
    ----------
    arrays : dict of zarr.Array
        As on disk, ([t,] W, [z,] y, x).
    align : tuple of int
        Its chunks over the pixel dims: blocks must begin and end on their borders.

    Raises
    ------
    CrimsonError
        If the folder holds something else or the result of another job, another process writes to
        it, it cannot be written, or the disk is far too small.
    """

    def __init__(
        self,
        path: Path,
        dims: tuple[str, ...],
        shape: tuple[int, ...],
        wavenumber: NDArray[np.float64],
        names: Sequence[str],
        *,
        fingerprint: str,
        tile: tuple[int, int],
        steps: Mapping[str, float],
        attrs: Mapping[str, Any],
        resume: bool,
    ) -> None:
        self.path, self.dims = path, dims
        self.align = (*(1,) * (len(dims) - 3), *tile)
        self._record = path / names[0] / _RECORD
        self._finished: dict[int, int] = {}
        with _disk_errors(path):
            self._lock = Lock(path)
        try:
            with _disk_errors(path):
                if not (resume and self._take_up(fingerprint)):
                    _clear(path)
                    _check_space(path, 4 * prod(shape) * len(names))
                    attrs = {**attrs, "status": "partial", "fingerprint": fingerprint}
                    create_group(path, dims, shape, wavenumber, dict.fromkeys(names, "float32"), steps=steps, attrs=attrs, chunks=tile)
                    self._append(fingerprint)
                self._group = zarr.open_group(path, mode="r+")
                self.arrays: dict[str, zarr.Array[Any]] = {name: cast("zarr.Array[Any]", self._group[name]) for name in names}
        except BaseException:
            self.close()
            raise

    def write(self, block: int, region: Region, results: Results, bad_pixels: int) -> None:
        """Keep the results (*region shape, W) of a block."""
        spans = dict(zip(self.dims, (*region, slice(None)), strict=True))
        where = tuple(spans[dim] for dim in disk_dims(self.dims))
        with _disk_errors(self.path, _KEPT):
            for name, array in self.arrays.items():
                array[where] = bands_first(results[name], self.dims)
            self._append(f"{block} {bad_pixels}")
        self._finished[block] = bad_pixels

    def finished(self) -> dict[int, int]:
        """Give the blocks kept so far, with the number of bad pixels in each."""
        return dict(self._finished)

    def lazy(self, name: str) -> da.Array:
        """The result (..., y, x, W) as it stands when computed, spectra whole in each chunk."""
        array = self.arrays[name]
        chunks = [-1 if dim == "wavenumber" else size for dim, size in zip(disk_dims(self.dims), array.chunks, strict=True)]
        lazy: da.Array = bands_last(da.from_array(array, chunks=chunks, name=False), self.dims)  # type: ignore[no-untyped-call]
        return lazy

    def complete(self, attrs: Mapping[str, Any]) -> None:
        """Mark the result as complete, add to its attributes, and drop the list of blocks."""
        ours = dict(cast("dict[str, Any]", self._group.attrs[NAMESPACE]))
        if ours["status"] == "complete":
            return
        ours |= {**attrs, "status": "complete", "blocks": len(self._finished), "bad_pixels": sum(self._finished.values())}
        with _disk_errors(self.path, _KEPT):
            self._group.attrs[NAMESPACE] = ours
            self._record.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder free for other processes."""
        self._lock.release()

    def _take_up(self, fingerprint: str) -> bool:
        """Find the finished blocks of an earlier run of the same job; False if there is nothing to go on with."""
        ours = _own_attrs(self.path)
        if ours is None:
            return False
        if ours["fingerprint"] != fingerprint:
            raise CrimsonError(
                f"{self.path} holds a {ours['status']} result of another stack or other settings; "
                "choose another output, delete it, or say resume=False to replace it"
            )
        if ours["status"] == "complete":
            self._finished = dict.fromkeys(range(ours["blocks"]), 0) | {0: ours["bad_pixels"]}  # which block had them is not kept
            return True
        try:
            text = self._record.read_text(encoding="latin-1")  # a character a byte
        except FileNotFoundError:
            return False
        sound = re.match(rf"{fingerprint}\n((?:\d+ \d+\n)*)", text)  # a torn last line counts for nothing
        if sound is None:
            return False
        self._finished = {int(block): int(bad) for block, bad in map(str.split, sound[1].splitlines())}
        os.truncate(self._record, sound.end())
        return True

    def _append(self, line: str) -> None:
        """Add a line to the list of blocks and see it to the disk."""
        with self._record.open("a", encoding="ascii", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def _own_attrs(path: Path) -> dict[str, Any] | None:
    """Give what an earlier run noted, None where there is nothing; raise for anything that is not ours."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    ours: dict[str, Any] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        ours = dict(json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"][NAMESPACE])
    if "fingerprint" not in ours:
        raise CrimsonError(f"{path} exists and is no result of a background removal; it is left as it is, choose another output")
    return ours


def _clear(path: Path) -> None:
    """Delete an earlier result of ours, and only if nothing else has been put beside it."""
    if _own_attrs(path) is None:
        return
    others = [entry.name for entry in path.iterdir() if not (entry.name == "zarr.json" or (entry / "zarr.json").is_file())]
    if others:
        raise CrimsonError(f"{path} also holds {', '.join(sorted(others))}; move that away, or choose another output")
    shutil.rmtree(path)


def _check_space(path: Path, size: int) -> None:
    """Refuse what cannot fit however well it compresses; where it is merely tight, the write will tell."""
    free = shutil.disk_usage(next(folder for folder in path.absolute().parents if folder.exists())).free
    if free < 0.05 * size:
        raise CrimsonError(
            f"{path}: {size / 2**30:.3g} GiB of results for a disk with {free / 2**30:.3g} GiB free; "
            "make room, choose another output, or give fewer wavenumbers or pixels"
        )


@contextmanager
def _disk_errors(path: Path, kept: str = "") -> Iterator[None]:
    """Tell of a disk that is full or closed to us as what it is to the user."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        cure = "make room or choose another output" if error.errno in _FULL else "choose another output, in a folder you may write to"
        raise CrimsonError(f"cannot write {path}: {reason}; {cure}{kept}") from error
