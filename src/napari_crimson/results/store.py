"""A group of ours on disk as the place of a result: made whole, told from anything else, cleared, written block by block."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any, cast

import zarr

from napari_crimson.blocks import Region
from napari_crimson.errors import CrimsonError
from napari_crimson.faults import write_fault
from napari_crimson.io.ome_zarr import NAMESPACE, bands_first, disk_dims
from napari_crimson.results.journal import aside, replace_file, to_disk
from napari_crimson.stream import Results

__all__ = [
    "KEPT",
    "check_clear",
    "check_space",
    "clear",
    "disk_errors",
    "free_space",
    "open_arrays",
    "own_attrs",
    "put_in_place",
    "replace_attrs",
    "write_block",
]

KEPT = ". Finished blocks are kept: the same call goes on from there"


def write_block(path: Path, arrays: Mapping[str, Any] | Sequence[str], dims: tuple[str, ...], region: Region, results: Results) -> None:
    """Write the results (*region shape, W) of a block into the group at `path`, and see them to the disk.

    `arrays` are those of a `ZarrSink`, or their names, in another process. Blocks share no chunk, so that several may be
    written at once, and one a second time.

    Raises
    ------
    CrimsonError
        If the disk is full, closed to us, or does not answer.
    """
    spans = dict(zip(dims, (*region, slice(None)), strict=True))
    where = tuple(spans[dim] for dim in disk_dims(dims))
    with disk_errors(path, KEPT):
        for name, array in (arrays if isinstance(arrays, Mapping) else open_arrays(path, arrays)).items():
            array[where] = bands_first(results[name], dims)
            to_disk(_chunk_files(path / name, array, where), path / name)


def _chunk_files(folder: Path, array: Any, where: tuple[slice, ...]) -> Iterator[Path]:
    """The files that hold a part of an array; a chunk of nothing but NaN has none."""
    sizes = array.shards or array.chunks
    spans = [range(*cut.indices(length)) for cut, length in zip(where, array.shape, strict=True)]
    for at in product(*(range(span.start // size, (span.stop - 1) // size + 1) for span, size in zip(spans, sizes, strict=True))):
        yield folder / array.metadata.encode_chunk_key(at)


def open_arrays(path: Path, names: Sequence[str]) -> dict[str, zarr.Array[Any]]:
    """The arrays of a group, for writing."""
    group = zarr.open_group(path, mode="r+")
    return {name: cast("zarr.Array[Any]", group[name]) for name in names}


def replace_attrs(path: Path, ours: Mapping[str, Any]) -> None:
    """Put other attributes of ours in place of those of a group, at once."""
    file = path / "zarr.json"
    group = json.loads(file.read_text(encoding="utf-8"))
    group["attributes"][NAMESPACE] = dict(ours)
    replace_file(file, json.dumps(group, indent=2))


@contextmanager
def put_in_place(path: Path) -> Iterator[Path]:
    """Give a folder to fill that takes its name `path` once it is whole and on the disk."""
    fresh, _ = aside(path)
    if fresh.exists():
        shutil.rmtree(fresh)
    yield fresh
    to_disk((file for file in fresh.rglob("*") if file.is_file()), fresh)
    if path.exists():
        path.rmdir()
    fresh.rename(path)
    to_disk((), path.parent)


def own_attrs(path: Path) -> dict[str, Any] | None:
    """Give what an earlier run noted, None where there is nothing; raise for anything that is not ours."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    ours: dict[str, Any] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        ours = dict(json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"][NAMESPACE])
    if "fingerprint" not in ours:
        raise CrimsonError(f"{path} exists and is no result of a background removal; it is left as it is, choose another output")
    return ours


def clear(path: Path) -> None:
    """Delete an earlier result of ours, and only if nothing else has been put beside it."""
    _, doomed = aside(path)
    if doomed.exists():
        shutil.rmtree(doomed)  # of a run that was killed meanwhile
    if check_clear(path):
        path.rename(doomed)
        shutil.rmtree(doomed)


def check_clear(path: Path) -> bool:
    """Tell whether there is an earlier result of ours to delete; raise if that must not be."""
    if own_attrs(path) is None:
        return False
    entries = [entry for entry in path.iterdir() if entry.name not in ("zarr.json", "zarr.json.partial")]
    others = [entry.name for entry in entries if not (entry / "zarr.json").is_file()]
    if others:
        raise CrimsonError(f"{path} also holds {', '.join(sorted(others))}; move that away, or choose another output")
    return True


def free_space(path: Path) -> int:
    """Free bytes of the disk that a file or folder, which need not exist yet, is on."""
    return shutil.disk_usage(_nearest(path)).free


def check_space(path: Path, size: int) -> None:
    """Refuse what cannot fit however well it compresses; where it is merely tight, the write will tell."""
    nearest = _nearest(path)
    if not nearest.is_dir() or shutil.disk_usage(nearest).total == 0:  # such as /proc, which has no room at all
        raise CrimsonError(f"cannot write {path}: {nearest} takes no folders; choose another output, in a folder you may write to")
    free = free_space(path)
    if free < 0.05 * size:
        raise CrimsonError(
            f"{path}: {size / 2**30:.3g} GiB of results for a disk with {free / 2**30:.3g} GiB free; "
            "make room, choose another output, or give fewer wavenumbers or pixels"
        )


def _nearest(path: Path) -> Path:
    """What there is on the way to a file or folder, which need not exist yet."""
    return next(folder for folder in path.absolute().parents if folder.exists())


@contextmanager
def disk_errors(path: Path, kept: str = "") -> Iterator[None]:
    """Tell of a disk that is full, closed to us or gone as what it is to the user."""
    try:
        yield
    except OSError as error:
        raise write_fault(path, error, kept) from error
