"""Pages of TIFF files as one array: rows of them are read, not whole pages, wherever the file allows.

A stack as TIFF has a page for each wavenumber, so a block of whole spectra is some rows of every page.
Pages without compression give just these rows; of compressed ones the strips or tiles are decoded
that hold them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.lazy import Box, FileArray, check_promise
from napari_crimson.io.quiet import quiet
from napari_crimson.io.unpacking import check_piece, check_unpacking

__all__ = ["Page", "lazy_pages", "open_tiff"]

_MOST_DESCRIPTION = 2**24  # characters: OME-XML of 100,000 planes; its parser takes some thirty times as much memory


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF without its library's log, and without the makes whose other files are found by names in this one, unchecked."""
    with quiet("tifffile"), tifffile.TiffFile(path, is_mmstack=False, is_ndtiff=False) as tif:
        _check_description(path, tif)
        yield tif


def _check_description(path: Path, tif: tifffile.TiffFile) -> None:
    """Refuse what no parser may see: a few entities become any amount of text, in the standard library's parser as well."""
    text = str(tif.pages.first.description or "")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CrimsonError(
            f"{path}: its description declares a document type or entities, which OME-XML does without, and is refused; "
            "save it again with the program it is from"
        )
    if len(text) > _MOST_DESCRIPTION:
        raise CrimsonError(
            f"{path}: its description has {len(text):,} characters, at most {_MOST_DESCRIPTION:,} are read; save it again with less in it"
        )


@dataclass(frozen=True, eq=False)
class Page:
    """Where a page lies: its file, the first bytes and the sizes of its strips or tiles."""

    path: Path
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


def lazy_pages(path: Path, pages: list[Page], grid: tuple[int, ...], first: tifffile.TiffPage) -> FileArray:
    """Make an array (*grid, y, x) of pages like `first`, in C order.

    Raises
    ------
    CrimsonError
        If a file ends before its last page, or a codec is missing.
    """
    shape, dtype = (*grid, *first.shape), np.dtype(first.dtype)
    for file, members in groupby(pages, key=lambda page: page.path):
        _check_length(file, list(members))
    check_promise(path, shape, dtype.itemsize, sum(file.stat().st_size for file in {page.path for page in pages}))
    contiguous = bool(first.is_contiguous)
    piece = first.chunks[:2] if first.is_tiled else (min(first.rowsperstrip, first.shape[0]), first.shape[1])
    if not contiguous:
        check_piece(path, f"its strips or tiles, {piece},", prod(piece) * dtype.itemsize, "save it with smaller ones")
        _check_codec(path, first)
    read = partial(
        _read,
        pages=tuple(pages),
        grid=grid,
        page_shape=first.shape,
        stored=np.dtype(first.parent.byteorder + dtype.char),
        keyframe=None if contiguous else first.index,
    )
    return FileArray(
        path=path,
        read=read,
        stored_shape=shape,
        dtype=dtype.newbyteorder("="),
        stored_chunks=None if contiguous else (*(1 for _ in grid), *piece),
    )


def _check_length(file: Path, pages: list[Page]) -> None:
    size = file.stat().st_size
    for number, page in enumerate(pages):
        end = int((page.offsets + page.sizes).max(initial=0))
        if end > size:
            raise CrimsonError(
                f"{file}: page {number + 1} of {len(pages)} ends at byte {end}, the file has {size}; it is truncated, copy it again"
            )


def _check_codec(path: Path, page: tifffile.TiffPage) -> None:
    try:
        page.decode(None, 0)
    except (ValueError, NotImplementedError) as error:
        name = getattr(page.compression, "name", page.compression)
        raise CrimsonError(f"{path}: compressed with {name}, which needs another package ({error}): pip install imagecodecs") from error


def _read(
    box: Box, *, pages: tuple[Page, ...], grid: tuple[int, ...], page_shape: tuple[int, ...], stored: np.dtype[Any], keyframe: int | None
) -> NDArray[Any]:
    """Read a box: of the pages in it, the rows and columns in it."""
    numbers = np.arange(prod(grid)).reshape(grid)[box[:-2]]
    rows, columns = (range(*part.indices(size)) for part, size in zip(box[-2:], page_shape, strict=True))
    out = np.empty((numbers.size, len(rows), len(columns)), dtype=stored.newbyteorder("="))
    wanted = [pages[number] for number in numbers.ravel()]
    at = 0
    for file, members in groupby(wanted, key=lambda page: page.path):
        part = list(members)
        planes = _rows(file, part, page_shape, stored, rows) if keyframe is None else _decoded(file, part, page_shape, keyframe, rows)
        for page in planes:
            out[at] = page[:, columns.start : columns.stop]
            at += 1
    return out.reshape(*numbers.shape, len(rows), len(columns))


def _rows(file: Path, pages: list[Page], page_shape: tuple[int, ...], stored: np.dtype[Any], rows: range) -> Iterator[NDArray[Any]]:
    """Yield the rows (rows, x) of pages that are stored as they are."""
    row_bytes = page_shape[1] * stored.itemsize
    with file.open("rb") as handle:
        for page in pages:
            handle.seek(int(page.offsets[0]) + rows.start * row_bytes)
            yield np.frombuffer(handle.read(len(rows) * row_bytes), stored).reshape(len(rows), page_shape[1])


def _decoded(file: Path, pages: list[Page], page_shape: tuple[int, ...], keyframe: int, rows: range) -> Iterator[NDArray[Any]]:
    """Yield the rows (rows, x) of compressed pages, decoding the strips or tiles that hold them."""
    with ExitStack() as stack:
        handle = stack.enter_context(file.open("rb"))
        key = stack.enter_context(open_tiff(file)).pages[keyframe].aspage()
        for page in pages:
            out = np.zeros((len(rows), page_shape[1]), dtype=key.dtype)
            for index in _segments(key, rows, page_shape[1]):
                handle.seek(int(page.offsets[index]))
                data = handle.read(int(page.sizes[index]))
                check_unpacking(data, key.compression, prod(key.chunks) * out.itemsize)
                values, corner, _ = key.decode(data or None, index, jpegtables=key.jpegtables)
                _place(out, values, corner[2] - rows.start, corner[3])
            yield out


def _segments(key: tifffile.TiffPage, rows: range, columns: int) -> list[int]:
    """Numbers of the strips or tiles that hold some of `rows`."""
    height = key.tilelength if key.is_tiled else key.rowsperstrip
    across = -(-columns // key.tilewidth) if key.is_tiled else 1
    return list(range(rows.start // height * across, ((rows.stop - 1) // height + 1) * across))


def _place(out: NDArray[Any], values: NDArray[Any] | None, top: int, left: int) -> None:
    """Copy a decoded strip or tile (1, rows, columns, 1) to where it belongs, cut to what is wanted; an empty one is zero."""
    if values is None:
        return
    block = values.reshape(values.shape[-3], values.shape[-2])
    block = block[max(0, -top) : out.shape[0] - top, : out.shape[1] - left]
    out[max(0, top) : max(0, top) + block.shape[0], left : left + block.shape[1]] = block
