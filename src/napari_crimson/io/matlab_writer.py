"""Write a stack as MATLAB v7.3 (`matlab` reads it): HDF5 with dimensions reversed, behind MATLAB's own text.

v7.3 and not v5, which ends at 2 GiB and must be written whole. MATLAB itself reads it since R2006b; Python by
h5py, not by scipy.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES, SPECTRA
from napari_crimson.io.zarr_writer import slabs, steps_of

__all__ = ["write"]

_USER_BLOCK = 512
_TEXT = b"MATLAB 7.3 MAT-file, written by napari-crimson"
_VERSION = b"\x00\x02IM"
_CLASSES = {
    "f4": "single",
    "f8": "double",
    **{f"{kind}{size}": f"{word}{8 * size}" for kind, word in (("i", "int"), ("u", "uint")) for size in (1, 2, 4, 8)},
}
_CHUNK = 64  # along each of y, x and wavenumber


def write(ds: xr.Dataset, path: Path, name: str) -> None:
    """Write images ([t,] [z,] y, x, W), ``wavenumber`` in cm⁻¹, dark and reference, ``x_um`` …, ``history``; `name` is not kept.

    Raises
    ------
    CrimsonError
        If an image is of a type that MATLAB does not have.
    """
    with h5py.File(path, "w", userblock_size=_USER_BLOCK) as file:
        for image in (image for image in IMAGES if image in ds):
            _write_image(file, image, ds[image])
        for word in ("wavenumber", *(word for word in SPECTRA if word in ds)):
            _put(file, word, ds[word].values[None], "double")
        for dim, step in steps_of(ds).items():
            _put(file, f"{dim}_um", step * np.arange(ds.sizes[dim], dtype=np.float64)[None], "double")
        if history := "\n".join(map(str, ds.attrs.get("history", ()))):
            codes = np.frombuffer(history.encode("utf-16-le"), "<u2")
            _put(file, "history", codes[:, None], "char").attrs["MATLAB_int_decode"] = np.int32(2)
    with path.open("r+b") as raw:
        raw.write(_TEXT.ljust(_USER_BLOCK // 4 - len(_VERSION)) + _VERSION)


def _write_image(file: h5py.File, name: str, image: xr.DataArray) -> None:
    """Write an image slab by slab, in chunks that serve a spectrum and a band alike."""
    dtype = np.dtype("u1") if image.dtype == np.bool_ else image.dtype
    if dtype.str[1:] not in _CLASSES:
        raise CrimsonError(f"'{name}' has values of type {dtype}, MATLAB has {', '.join(_CLASSES.values())}; convert it with .astype()")
    chunks = [1] * (image.ndim - 3) + [min(_CHUNK, size) for size in image.shape[-3:]]
    made = file.create_dataset(name, image.shape[::-1], dtype, chunks=tuple(reversed(chunks)))
    made.attrs["MATLAB_class"] = np.bytes_(_CLASSES[dtype.str[1:]])
    for region in slabs(image.shape, dtype.itemsize):
        made[tuple(reversed(region))] = np.asarray(image.data[region]).T


def _put(file: h5py.File, name: str, values: NDArray[np.generic], kind: str) -> h5py.Dataset:
    """Write a small matrix, its dimensions in the order of HDF5."""
    made = file.create_dataset(name, data=values)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made
