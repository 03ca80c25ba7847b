"""Arrays that stay in their file: opened for each read, closed after it.

No handle is kept between reads, so that a file can be moved or deleted while its stack is open
(Windows), and so that the object can be sent to another process (dask.distributed).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import ceil, prod
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.faults import read_fault
from napari_crimson.memory import memory_room, under_limit
from napari_crimson.printable import printable
from napari_crimson.priority import leave_cores, stands_back
from napari_crimson.stack import BLOCK_BYTES, pixel_chunks

__all__ = ["EAGER_BYTES", "MOST_COMPRESSION", "Box", "FileArray", "behind", "check_eager", "check_promise", "read_raw"]

Box = tuple[slice, ...]

_log = logging.getLogger(__name__)

EAGER_BYTES = 2 * 2**30  # what must be read whole, for want of random access, may be this large
MOST_COMPRESSION = 1100  # deflate reaches 1032:1 at most
_TOLD_BYTES = 256 * 2**20  # below this, reading whole takes no time that anybody notices
_TRUSTED_BYTES = 2**40  # below this, unwritten parts are taken for an unfinished acquisition
_TURN_BYTES = 2**23  # of one turn of reading behind the window: some tens of milliseconds
_PIECE_BYTES, _PAGE_BYTES = 2**26, 2**12  # read at once at most; what a disk reads at least
_PARTS = 10  # of a limit on memory: three chunks are held at once (`blocks.check_memory`), beside the blocks
_MOST_PIECES = 5_000  # of one spectrum: already seconds

_behind: WeakValueDictionary[str, FileArray] = WeakValueDictionary()  # by the name of the dask array that only reads it


def behind(lazy: da.Array) -> FileArray | None:
    """The array in a file that a dask array only reads, or None: from it a small part comes sooner than by a graph."""
    return _behind.get(lazy.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class FileArray:
    """An array in a file, read box by box.

    Attributes
    ----------
    path : Path
        The file, for error messages.
    read : callable
        ``read(box) -> ndarray``, for a box of slices in the file's own order of dimensions; opens and
        closes the file itself, and can be pickled (a `functools.partial` of a module's function).
    stored_shape, dtype
        As in the file.
    stored_chunks : tuple of int, optional
        What the file reads in one piece.
    order : tuple of (int or None)
        The stored dimension behind each dimension of this array. None is a new one of length 1; stored
        dimensions that are left out must have length 1.
    falls : bool
        The last dimension is read from its end.
    """

    path: Path
    read: Callable[[Box], NDArray[Any]]
    stored_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stored_chunks: tuple[int, ...] | None = None
    order: tuple[int | None, ...] = ()
    falls: bool = False

    def __post_init__(self) -> None:
        if not self.order:
            object.__setattr__(self, "order", tuple(range(len(self.stored_shape))))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions, in this array's order."""
        return tuple(1 if i is None else self.stored_shape[i] for i in self.order)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.order)

    def turned(self, order: tuple[int | None, ...]) -> FileArray:
        """Reorder the dimensions, as `numpy.transpose` does; None adds one of length 1, and one of length 1 may be left out."""
        return replace(self, order=tuple(None if i is None else self.order[i] for i in order))

    def falling(self) -> FileArray:
        """Turn the spectra, the last dimension, end for end; to be done after `turned`."""
        return replace(self, falls=not self.falls)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        index = index if isinstance(index, tuple) else (index,)
        at = next((i for i, key in enumerate(index) if key is Ellipsis), len(index))
        rest = (slice(None),) * (self.ndim - len(index) + (at < len(index)))
        index = (*index[:at], *rest, *index[at + 1 :])

        wanted = [_positions(key, size) for key, size in zip(index, self.shape, strict=True)]
        if self.falls:
            wanted[-1] = self.shape[-1] - 1 - wanted[-1]
        bounds = [slice(int(one.min(initial=size)), int(one.max(initial=-1)) + 1) for one, size in zip(wanted, self.shape, strict=True)]
        bounds = [one if one.stop > one.start else slice(0, 0) for one in bounds]
        stored = dict(zip(self.order, bounds, strict=True))
        block = self._read(tuple(stored.get(i, slice(0, 1)) for i in range(len(self.stored_shape))))
        for i, (one, bound) in enumerate(zip(wanted, bounds, strict=True)):
            if one.size != block.shape[i] or (one.size > 1 and one[0] > one[-1]) or np.any(np.diff(one) != 1):
                block = block.take(one - bound.start, axis=i)
        scalars = tuple(i for i, key in enumerate(index) if isinstance(key, int | np.integer))
        return np.asarray(block.squeeze(scalars), order="C")

    def _read(self, box: Box) -> NDArray[Any]:
        """Read a box of the file and turn it."""
        block = self._read_in_turns(box) if stands_back() else self._read_at_once(box)
        kept = [i for i in self.order if i is not None]
        block = block.reshape([block.shape[i] for i in sorted(kept)])
        block = block.transpose([sorted(kept).index(i) for i in kept])
        return np.expand_dims(block, tuple(i for i, stored in enumerate(self.order) if stored is None))

    def _read_at_once(self, box: Box) -> NDArray[Any]:
        try:
            block = self.read(box)
        except CrimsonError:
            raise
        except Exception as error:  # a library met bytes it does not know: the file was damaged or taken away
            raise read_fault(self.path, error) from error
        wanted = tuple(cut.stop - cut.start for cut in box)
        if block.shape != wanted:
            raise CrimsonError(f"{self.path}: a part of shape {wanted} was read as {block.shape}; the file is damaged, copy it again")
        return block

    def _read_in_turns(self, box: Box) -> NDArray[Any]:
        """Read piece by piece, as the file stores it: libraries unpack on all cores, and would hold up the window all that time."""
        starts, sizes = [cut.start for cut in box], [cut.stop - cut.start for cut in box]
        block = np.empty(sizes, self.dtype)
        for at in product(*map(_cuts, box, self._turn(sizes))):
            with leave_cores():
                piece = self._read_at_once(at)
            block[tuple(slice(cut.start - start, cut.stop - start) for cut, start in zip(at, starts, strict=True))] = piece
        return block

    def _turn(self, sizes: Sequence[int]) -> list[int]:
        """How much to read in one turn along each stored dimension: whole spectra of a stored chunk, or of some where those are small."""
        if self.stored_chunks is None:
            return list(sizes)
        turn = [size if i == self.order[-1] else chunk for i, (chunk, size) in enumerate(zip(self.stored_chunks, sizes, strict=True))]
        for i in reversed(range(len(turn))):
            held = prod(map(min, turn, sizes)) * self.dtype.itemsize
            turn[i] *= max(1, _TURN_BYTES // max(1, held))
        return turn

    def to_dask(self) -> da.Array:
        """A dask array with whole spectra (the last dimension) in chunks that fit those of the file.

        `CrimsonError` if a spectrum lies in too many of those.
        """
        if self.stored_chunks is not None and self.order[-1] is not None:
            pieces = -(-self.shape[-1] // max(1, self.stored_chunks[self.order[-1]]))
            if pieces > _MOST_PIECES:
                raise CrimsonError(
                    f"{self.path}: each spectrum of {self.shape[-1]} points lies in {pieces} chunks, at most {_MOST_PIECES} can be read in "
                    "a bearable time; rechunk it, with more points to a chunk"
                )
        chunks = self._chunks()
        meta = np.empty((0,) * self.ndim, dtype=self.dtype)
        lazy: da.Array = da.from_array(self, chunks=chunks, name=False, asarray=False, meta=meta)  # type: ignore[no-untyped-call]
        _behind[lazy.name] = self
        return lazy

    def _chunks(self) -> tuple[int, ...]:
        """Like `pixel_chunks`, in multiples of the stored chunks, which are read once each; of larger ones in equal parts."""
        usual = under_limit(BLOCK_BYTES, _PARTS)
        if self.stored_chunks is None:
            return pixel_chunks(self.shape, self.dtype.itemsize, block_bytes=usual)
        unit = [1 if i is None else min(self.stored_chunks[i], self.stored_shape[i]) for i in self.order[:-1]]
        spectrum = max(1, self.shape[-1] * self.dtype.itemsize)
        most = under_limit(8 * BLOCK_BYTES, _PARTS) // spectrum  # rather read a piece twice than hold a whole file
        for i, size in enumerate(unit):
            part = max(1, min(size, most // max(1, prod(unit[i + 1 :]))))
            unit[i] = ceil(size / max(1, ceil(size / part)))
        chunks = list(unit)
        room = usual // max(1, prod(unit) * spectrum)
        for i in reversed(range(len(unit))):
            times = max(1, min(room, -(-self.shape[i] // unit[i])))
            chunks[i] = min(unit[i] * times, self.shape[i])
            room //= times
        return (*chunks, self.shape[-1])


def _cuts(whole: slice, turn: int) -> list[slice]:
    """Cut a slice where multiples of `turn` lie."""
    if whole.stop <= whole.start or turn < 1:
        return [whole]
    edges = [whole.start, *range((whole.start // turn + 1) * turn, whole.stop, turn), whole.stop]
    return [slice(*ends) for ends in pairwise(edges)]


def _positions(key: Any, size: int) -> NDArray[np.int64]:
    """What a slice, an integer, a mask or a list of integers takes of a dimension of `size`."""
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    if isinstance(key, int | np.integer):
        if not -size <= key < size:
            raise IndexError(f"index {key} of a dimension of {size}")
        return np.array([int(key) % size])
    taken: NDArray[np.int64] = np.arange(size)[np.asarray(key)]
    return taken


def read_raw(box: Box, *, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int = 0) -> NDArray[Any]:
    """Read a box of an uncompressed C-ordered array that begins `offset` bytes into the file.

    No memory map: where a share goes away under one, or a file becomes shorter, the whole process is killed.
    """
    spans = [range(*cut.indices(size)) for cut, size in zip(box, shape, strict=True)]
    values = np.empty([len(span) for span in spans], dtype)
    if not values.size:
        return values.astype(dtype.newbyteorder("="))
    lead = _pieces(spans, shape, dtype.itemsize)
    last, tail = spans[lead], shape[lead + 1 :]
    inner = tuple(slice(span.start, span.stop) for span in spans[lead + 1 :])
    whole = all(len(span) == size for span, size in zip(spans[lead + 1 :], tail, strict=True))
    spare = None if whole else np.empty((len(last), *tail), dtype)
    with path.open("rb") as file:
        for at in np.ndindex(*values.shape[:lead]):
            first = [span[i] for span, i in zip(spans, at, strict=False)]
            place = int(np.ravel_multi_index((*first, last.start, *(0 for _ in tail)), shape))
            piece = values[at] if spare is None else spare
            file.seek(offset + place * dtype.itemsize)
            if file.readinto(piece.view(np.uint8).reshape(-1).data) < piece.nbytes:
                raise ValueError(f"it ends before the {offset + prod(shape) * dtype.itemsize} bytes its header promises")
            if spare is not None:
                values[at] = spare[(slice(None), *inner)]
    return values.astype(dtype.newbyteorder("="), copy=False)


def _pieces(spans: Sequence[range], shape: tuple[int, ...], itemsize: int) -> int:
    """How many dimensions to go through one by one, so that each read takes little that is not wanted; a disk gives whole pages."""
    for lead in range(len(shape)):
        held = len(spans[lead]) * prod(shape[lead + 1 :]) * itemsize
        runs = prod(len(span) for span in spans[lead:-1]) if lead < len(shape) - 1 else 1
        if held <= _PIECE_BYTES and held <= 2 * runs * max(_PAGE_BYTES, len(spans[-1]) * itemsize):
            return lead
    return len(shape) - 1


def check_eager(path: Path, what: str, size: int) -> None:
    """Refuse what must be read whole and is too large for it, and tell of what is large; to be called before anything is read.

    Raises
    ------
    CrimsonError
        If `size` bytes are more than `EAGER_BYTES`, than the memory that is free, or than its limit.
    """
    room = min(EAGER_BYTES, memory_room(share=1.0))
    if size > room:
        raise CrimsonError(
            f"{path}: {what} takes {size / 2**30:.3g} GiB and must be read whole, for which there are {room / 2**30:.3g} GiB; "
            "save it as .npy, .h5 or .zarr, of which parts can be read"
        )
    if size > _TOLD_BYTES:
        _log.warning("%s: %s takes %.3g GiB and is read whole", printable(path), what, size / 2**30)


def check_promise(path: Path, shape: tuple[int, ...], itemsize: int, held_bytes: int) -> None:
    """Refuse a header that promises far more than the file can hold.

    Raises
    ------
    CrimsonError
        If `shape` needs over 1 TiB and more than any compression makes of `held_bytes`.
    """
    promised = prod(shape) * itemsize
    if promised > _TRUSTED_BYTES and promised > MOST_COMPRESSION * held_bytes:
        raise CrimsonError(
            f"{path}: promises an array of shape {shape}, {promised / 2**40:.3g} TiB, but holds {held_bytes} bytes; "
            "the file is damaged or was never written: acquire or export it again"
        )
