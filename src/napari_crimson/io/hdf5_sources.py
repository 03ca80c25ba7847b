"""Where the values of an HDF5 dataset lie: in its file, or in others, which must lie in the folder of it.

A virtual dataset takes its values from datasets of other files, and these may take theirs from elsewhere again; links in
the other files are not followed, as they are not in the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from napari_crimson.errors import CrimsonError
from napari_crimson.io.hdf5_heaps import check_heaps
from napari_crimson.io.inside import check_inside

__all__ = ["check_sources"]

_MOST_STEPS = 4
_CURE = "copy the values into one file (h5repack)"


def check_sources(path: Path, dataset: h5py.Dataset, *, steps: int = 0) -> None:
    """Refuse a dataset whose values, or some of them, lie outside the folder of `path`, or cannot be found.

    Raises
    ------
    CrimsonError
        With the place they lie in.
    """
    where = f"{path}: '{dataset.name}'"
    for name, *_ in dataset.external or ():
        check_inside(path.parent / name, path.parent, of=path)
    if not dataset.is_virtual:
        return
    if steps >= _MOST_STEPS:
        raise CrimsonError(f"{where} takes its values from one file after the other; {_CURE}")
    for name, part, wanted in {(one.file_name, one.dset_name, _wanted(one)) for one in dataset.virtual_sources()}:
        if "%" in name or "%" in part:
            raise CrimsonError(f"{where} takes its values from files of the pattern {name}, which is not read; {_CURE}")
        other = path if name == "." else path.parent / name
        check_inside(other, path.parent, of=path)
        try:
            check_heaps(other)
            with h5py.File(other, "r") as file:
                source = _without_links(file, part)
                if source is None:
                    raise CrimsonError(f"{where} takes its values from '{part}' in {other}, which is not there or a link; {_CURE}")
                fits = wanted in (f"{source.size} values", f"an array of rank {source.ndim}")
                if not fits or source.dtype.kind not in "iufcb":  # the library itself does not look, and crashes
                    raise CrimsonError(
                        f"{where} takes {wanted} from '{part}' in {other}, which is {source.dtype} of shape {source.shape}; {_CURE}"
                    )
                check_sources(other, source, steps=steps + 1)
        except OSError as error:
            raise CrimsonError(f"{where} takes its values from {other}, which cannot be opened ({error}); put it there") from error


def _wanted(source: Any) -> str:
    """What a part of a virtual dataset takes: all values there are, or a part of an array of so many dimensions."""
    if source.src_space.get_select_type() == h5py.h5s.SEL_ALL:
        return f"{source.vspace.get_select_npoints()} values"
    return f"an array of rank {len(source.src_space.shape)}"


def _without_links(file: h5py.File, name: str) -> h5py.Dataset | None:
    """A dataset by its path, none of whose parts is a link to elsewhere."""
    item: h5py.Group | h5py.Dataset = file
    for part in name.strip("/").split("/"):
        if not isinstance(item, h5py.Group) or not isinstance(item.get(part, getlink=True), h5py.HardLink):
            return None
        item = item[part]
    return item if isinstance(item, h5py.Dataset) else None
