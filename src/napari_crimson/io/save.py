"""`save_stack`: a stack, corrected or not, to a file; the suffix decides the format."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["save_stack"]


def save_stack(ds: xr.Dataset, path: str | Path) -> Path:
    """Save a stack, block by block.

    ``.zarr`` keeps everything: OME-Zarr 0.5, which napari, zarr and `xarray.open_zarr` read.

    Parameters
    ----------
    ds : xarray.Dataset
        With one or more of ``cars``, ``raman``, ``uncertainty`` along ([t,] [z,] y, x, wavenumber).
    path : str or path
        A file or folder that does not exist yet.

    Returns
    -------
    Path
        Where it was saved. It appears there only when it is whole.

    Raises
    ------
    CrimsonError
        If the suffix is unknown, something is there already, or it cannot be written.
    """
    path = Path(path).expanduser()
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise CrimsonError(f"{path}: suffix '{path.suffix}' cannot be written; give one of {' '.join(WRITERS)}")
    if not any(name in ds for name in IMAGES):
        raise CrimsonError(f"the dataset has variables {list(ds)}, expected at least one of {', '.join(IMAGES)}")
    if path.exists():
        raise CrimsonError(f"{path}: is there already; give another name, or remove it first")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        writer(ds, partial)
        partial.rename(path)
    except OSError as error:
        raise CrimsonError(
            f"{path}: cannot be written ({error.strerror or error}); check space and permissions, or choose another folder"
        ) from error
    finally:
        _remove(partial)
    return path


def _write_zarr(ds: xr.Dataset, path: Path) -> None:
    from napari_crimson.io import zarr_writer

    zarr_writer.write(ds, path)


# by suffix; each writer takes the stack and a path where nothing is
WRITERS: dict[str, Callable[[xr.Dataset, Path], None]] = {".zarr": _write_zarr}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
