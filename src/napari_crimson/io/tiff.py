"""TIFF, OME-TIFF and ImageJ hyperstacks: a page for each wavenumber, along C, Z or T."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.dims import stack_order, step_um
from napari_crimson.io.found import IMAGES, Found, choose
from napari_crimson.io.inside import check_inside
from napari_crimson.io.lazy import FileArray, check_promise, read_raw
from napari_crimson.io.tiff_pages import Page, lazy_pages, open_tiff

__all__ = ["SIGN", "page_of", "read"]

SIGN = "napari-crimson: "  # begins the description of an image we wrote; which variable it is follows

_SHIFT = re.compile(r"(-?\d+(?:\.\d*)?(?:e[-+]?\d+)?) *(?:cm-1|cm\^-1|1/cm|cm⁻¹)", re.IGNORECASE)


def read(path: Path, name: str | None) -> Found:
    """Read a stack from TIFF; `name` is that of an image series in it, or its number."""
    with open_tiff(path) as tif:
        _check_chain(path, tif)
        _check_set(path, tif)
        if name is None and _is_loose(tif):
            pages = [page_of(series.keyframe) for series in tif.series]
            return Found(arrays={"cars": lazy_pages(path, pages, (len(pages),), tif.series[0].keyframe).turned((1, 2, 0))})
        series = _series(path, tif, name)
        axes, shape = tuple(series.axes.lower()), series.shape
        if "s" in axes and shape[axes.index("s")] in (3, 4):
            raise CrimsonError(f"{path}: a colour image of shape {shape} ({series.axes}); a stack has one grey image for each wavenumber")
        array = _lazy(path, series)
        image = _ome_image(tif, tif.series.index(series))
        pixels = dict(image.get("Pixels") or {})
        first, *history = str(image.get("Description", "")).split("\n")
        variable = first.removeprefix(SIGN)
        is_ours = first.startswith(SIGN) and variable in IMAGES
        return Found(
            arrays={variable if is_ours else "cars": array.turned(stack_order(axes, shape))},
            wavenumber=_channel_axis(pixels),
            step_um=_ome_steps(pixels) if pixels else _imagej_steps(tif),
            history=tuple(history) if is_ours else (),
        )


def page_of(page: tifffile.TiffPage | tifffile.TiffFrame) -> Page:
    """Note where a page lies."""
    offsets, sizes = (np.asarray(values, dtype=np.int64) for values in (page.dataoffsets, page.databytecounts))
    return Page(Path(page.parent.filehandle.path), offsets, sizes)


def _check_chain(path: Path, tif: tifffile.TiffFile) -> None:
    """Refuse a file whose list of pages breaks off: read as it stands, it would be a stack with fewer wavenumbers."""
    with path.open("rb") as file:
        file.seek(tif.pages.next_page_offset or 0)
        after = file.read(tif.tiff.offsetsize)
    if len(after) < tif.tiff.offsetsize or any(after):
        raise CrimsonError(f"{path}: the list of pages breaks off after page {len(tif.pages)}; the file is truncated, copy it again")


def _check_set(path: Path, tif: tifffile.TiffFile) -> None:
    """Refuse an OME set whose other files lie elsewhere, before any of them is opened."""
    if not tif.is_ome or not tif.ome_metadata:
        return
    try:
        record = ET.fromstring(tif.ome_metadata)  # noqa: S314 - expat holds entities in check, and reads no other file
    except ET.ParseError:  # then it names no files to tifffile either
        return
    others = {str(element.get("FileName") or path.name) for element in record.iter() if element.tag.endswith("UUID")} - {path.name}
    for other in sorted(others):
        check_inside(path.parent / other, path.parent, of=path)
        if (path.parent / other).is_file():
            with open_tiff(path.parent / other) as part:
                _check_chain(path.parent / other, part)


def _is_loose(tif: tifffile.TiffFile) -> bool:
    """Tell whether the file holds single images, all alike, that were written one by one."""
    likeness = {(*series.shape, series.dtype, series.keyframe.compression, series.keyframe.is_contiguous) for series in tif.series}
    return len(tif.series) > 2 and len(likeness) == 1 and all(series.ndim == 2 for series in tif.series)


def _series(path: Path, tif: tifffile.TiffFile, name: str | None) -> tifffile.TiffPageSeries:
    """The image series by name or number, or the largest."""
    if not tif.series:
        raise CrimsonError(f"{path}: holds no image; export it again")
    names = [series.name for series in tif.series]
    keys = {
        (one if one and names.count(one) == 1 else str(i)): series for i, (one, series) in enumerate(zip(names, tif.series, strict=True))
    }
    if name is not None and name.isdecimal() and int(name) < len(names):
        return tif.series[int(name)]
    return keys[choose(path, {key: series.shape for key, series in keys.items()}, name)]


def _lazy(path: Path, series: tifffile.TiffPageSeries) -> FileArray:
    """An array in the file's own order of axes: from one stretch of the file if it is one, else from its pages."""
    shape, dtype, first = series.shape, np.dtype(series.dtype), series.keyframe
    stored = np.dtype(first.parent.byteorder + dtype.char)
    if series.dataoffset is not None and not series.is_multifile:
        needed, size = series.dataoffset + prod(shape) * dtype.itemsize, path.stat().st_size
        if needed > size:
            raise CrimsonError(f"{path}: shape {shape} ends at byte {needed}, the file has {size}; it is truncated, copy it again")
        return FileArray(
            path=path,
            read=partial(read_raw, path=path, dtype=stored, shape=shape, offset=series.dataoffset),
            stored_shape=shape,
            dtype=dtype.newbyteorder("="),
        )
    check_promise(path, shape, dtype.itemsize, path.stat().st_size)
    pages = [page_of(page) for page in series.pages if page is not None]
    if len(pages) != prod(shape[:-2]):
        raise CrimsonError(
            f"{path}: has {len(pages)} of {prod(shape[:-2])} pages; put the other files of the set beside it, or copy it again"
        )
    if len(first.shape) != 2 or first.shape != shape[-2:]:
        raise CrimsonError(f"{path}: pages of shape {first.shape} in a stack of {shape}; save it with one grey page for each wavenumber")
    return lazy_pages(path, pages, shape[:-2], first)


def _ome_image(tif: tifffile.TiffFile, number: int) -> dict[str, Any]:
    """What the OME record says of an image; empty if there is none."""
    if not tif.is_ome or not tif.ome_metadata:
        return {}
    images: Any = tifffile.xml2dict(tif.ome_metadata).get("OME", {}).get("Image", [])
    images = images if isinstance(images, list) else [images]
    return dict(images[number]) if number < len(images) else {}


def _ome_steps(pixels: dict[str, Any]) -> dict[str, float]:
    sizes = {dim: (pixels.get(f"PhysicalSize{dim.upper()}"), pixels.get(f"PhysicalSize{dim.upper()}Unit", "µm")) for dim in "zyx"}
    return step_um(sizes)


def _channel_axis(pixels: dict[str, Any]) -> NDArray[np.float64] | None:
    """The axis in cm⁻¹, where every channel is named by its Raman shift, such as "2850 cm-1"."""
    channels = pixels.get("Channel", [])
    names = [str(channel.get("Name", "")) for channel in channels if isinstance(channel, dict)] if isinstance(channels, list) else []
    hits = [_SHIFT.fullmatch(name) for name in names]
    values = [float(hit[1]) for hit in hits if hit]
    return np.array(values) if len(values) > 1 and len(values) == len(names) else None


def _imagej_steps(tif: tifffile.TiffFile) -> dict[str, float]:
    """Pixel steps in µm of an ImageJ hyperstack; other programs' dots per inch mean nothing."""
    if not tif.is_imagej or not tif.imagej_metadata:
        return {}
    unit = tif.imagej_metadata.get("unit")
    tags = tif.pages[0].aspage().tags
    rates = {dim: tags.valueof(code) for dim, code in (("x", "XResolution"), ("y", "YResolution"))}
    steps = {dim: (rate[1] / rate[0], unit) for dim, rate in rates.items() if rate and rate[0]}
    return step_um({**steps, "z": (tif.imagej_metadata.get("spacing"), unit)})
