"""Write one image of a stack as OME-TIFF: a page for each wavenumber, which names its channel."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import IMAGES, SPECTRA
from napari_crimson.io.tiff import SIGN
from napari_crimson.io.zarr_writer import steps_of

__all__ = ["write"]

_log = logging.getLogger(__name__)

_BATCH_BYTES = 256 * 2**20  # pages that are computed together


def write(ds: xr.Dataset, path: Path, name: str) -> None:
    """Write ([t,] [z,] y, x, W) as pages (y, x) in the order t, z, wavenumber; dark and reference are not kept.

    Raises
    ------
    CrimsonError
        If the stack has more than one image.
    """
    images = [image for image in IMAGES if image in ds]
    if len(images) > 1:
        raise CrimsonError(
            f"{path.suffix} holds one image, the stack has {', '.join(images)}; save one, such as ds[['{images[-1]}']], or as .zarr"
        )
    if left_out := [word for word in SPECTRA if word in ds]:
        _log.warning("%s not kept in OME-TIFF; save as .zarr, .h5 or .mat to keep them", " and ".join(left_out))
    image = ds[images[0]]
    leading = image.dims[:-3]
    shape = (*image.shape[:-3], image.shape[-1], *image.shape[-3:-1])
    metadata: dict[str, Any] = {"axes": "".join(map(str, leading)).upper() + "CYX", "Name": name}
    metadata["Description"] = "\n".join([f"{SIGN}{images[0]}", *map(str, ds.attrs.get("history", ()))])
    metadata["Channel"] = {"Name": [f"{float(value)!r} cm-1" for value in ds["wavenumber"].values]}
    for dim, step in steps_of(ds).items():
        if dim != "t":
            metadata |= {f"PhysicalSize{dim.upper()}": step, f"PhysicalSize{dim.upper()}Unit": "µm"}
    tifffile.imwrite(path, _pages(image), shape=shape, dtype=image.dtype, ome=True, photometric="minisblack", metadata=metadata)


def _pages(image: xr.DataArray) -> Iterator[NDArray[Any]]:
    """Yield pages (y, x), some bands computed at a time."""
    bands = image.shape[-1]
    batch = max(1, _BATCH_BYTES // (image.shape[-3] * image.shape[-2] * image.dtype.itemsize))
    for lead in product(*map(range, image.shape[:-3])):
        for start in range(0, bands, batch):
            block = np.asarray(image.data[(*lead, ..., slice(start, start + batch))])
            yield from np.ascontiguousarray(block.transpose(2, 0, 1))
