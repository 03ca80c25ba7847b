"""`save_stack`: a stack, corrected or not, to a file; the suffix decides the format."""

from __future__ import annotations

import shutil
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from napari_crimson.errors import CrimsonError
from napari_crimson.io.formats import is_zarr
from napari_crimson.io.found import IMAGES

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["WRITERS", "save_stack"]

UNFINISHED = "saved unfinished: NaN where the run that made it had not come to"

# module by suffix; each has write(ds, path, name), for a path where nothing is
WRITERS = {
    ".zarr": "zarr_writer",
    ".h5": "nist_writer",
    ".hdf5": "nist_writer",
    ".tif": "tiff_writer",
    ".tiff": "tiff_writer",
    ".mat": "matlab_writer",
}


def save_stack(ds: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Save a stack, piece by piece.

    - ``.zarr`` keeps everything: OME-Zarr 0.5, which napari, zarr and `xarray.open_zarr` read;
    - ``.h5`` keeps a measured stack, with dark and reference, or a result in the NIST layout, which CRIkit2 reads;
    - ``.mat`` keeps images, axis, dark and reference as MATLAB v7.3, whatever their size;
    - ``.tif`` keeps one image and its axis, as OME-TIFF.

    A result that was stopped says so in its history, whatever the format. Half precision stays what it is in ``.zarr`` alone; the others
    have no word for it, and hold float32.

    Parameters
    ----------
    ds : xarray.Dataset
        With one or more of ``cars``, ``raman``, ``uncertainty`` along ``([t,] [z,] y, x, wavenumber)``.
    path : str or path
        Where to; the suffix decides the format.
    overwrite : bool
        Put it in place of a file, or of a Zarr folder, that is there already.

    Returns
    -------
    Path
        Where it was saved. It appears there only when it is whole.

    Raises
    ------
    CrimsonError
        If the suffix is unknown, something is there already, it cannot be written, or the format
        cannot hold the stack.
    """
    path = Path(path).expanduser()
    if ds.attrs.get("status") == "partial":  # which not every format has a word for
        ds = ds.assign_attrs(history=[*ds.attrs.get("history", ()), UNFINISHED])
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise CrimsonError(f"{path}: suffix '{path.suffix}' cannot be written; give one of {' '.join(WRITERS)}")
    if not any(name in ds for name in IMAGES):
        raise CrimsonError(f"the dataset has variables {list(ds)}, expected at least one of {', '.join(IMAGES)}")
    if path.exists() and not overwrite:
        raise CrimsonError(f"{path}: is there already; give another name, or overwrite=True")
    if path.is_dir() and not is_zarr(path):
        raise CrimsonError(f"{path}: is a folder of something else, and is left as it is; give another name")
    if writer != "zarr_writer":
        ds = ds.assign({name: ds[name].astype("float32") for name in IMAGES if name in ds and ds[name].dtype == "float16"})
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        import_module(f"napari_crimson.io.{writer}").write(ds, partial, path.name.partition(".")[0])
        if path.is_dir():
            _remove(path)
        partial.replace(path)
    except OSError as error:
        raise CrimsonError(
            f"{path}: cannot be written ({error.strerror or error}); check space and permissions, or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            _remove(partial)
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
