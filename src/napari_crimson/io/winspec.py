"""WinSpec and LightField: ``.SPE``, a header of 4100 bytes and frames (height, width), which stay in the file.

Byte offsets are those of Princeton Instruments' header version 2.5. LightField (version 3) keeps the
sizes where they were and writes the calibration into an XML footer, which is not read.
"""

from __future__ import annotations

import re
import struct
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import Found
from napari_crimson.io.lazy import FileArray, read_raw

__all__ = ["read"]

_HEADER_BYTES = 4100
_TYPES = {0: "<f4", 1: "<i4", 2: "<i2", 3: "<u2"}
_FOOTER_VERSION = 3.0  # from here on a footer of XML
_NAME = 3018  # what the axis is called, 40 bytes
_VALID, _ORDER, _POLYNOMIAL = 3098, 3101, 3263


def read(path: Path, name: str | None) -> Found:
    """Read frames as points (1, frames, W), or, where a frame has rows, as (frames, rows, W); `name` is not used."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise CrimsonError(f"{path}: has {len(header)} bytes, a header of WinSpec {_HEADER_BYTES}; it is truncated, copy it again")
    (width,), (height,), (frames,) = (struct.unpack_from(code, header, at) for code, at in (("<H", 42), ("<H", 656), ("<i", 1446)))
    (kind,), (version,) = struct.unpack_from("<h", header, 108), struct.unpack_from("<f", header, 1992)
    if kind not in _TYPES:
        raise CrimsonError(f"{path}: data type {kind}, expected one of {list(_TYPES)} ({', '.join(_TYPES.values())}); is it WinSpec's?")
    shape, dtype = (frames, height, width), np.dtype(_TYPES[kind])
    if min(shape) < 1:
        raise CrimsonError(f"{path}: frames, height and width are {shape}; a measurement has at least one of each")
    needed, size = _HEADER_BYTES + prod(shape) * dtype.itemsize, path.stat().st_size
    if needed > size:
        raise CrimsonError(f"{path}: {frames} frames of {height} × {width} end at byte {needed}, the file has {size}; copy it again")
    _check_regions(path, header, version, needed)
    reader = partial(read_raw, path=path, dtype=dtype, shape=shape, offset=_HEADER_BYTES)
    cars = FileArray(path=path, read=reader, stored_shape=shape, dtype=dtype.newbyteorder("="))
    axes = {} if version >= _FOOTER_VERSION else _calibration(header, width)
    return Found(arrays={"cars": cars.turned((None, 0, 2)) if height == 1 else cars}, spectra_last=True, **axes)


def _check_regions(path: Path, header: bytes, version: float, needed: int) -> None:
    """LightField can write several regions of the camera into a frame, of which the header's sizes know nothing."""
    (footer,) = struct.unpack_from("<Q", header, 678)
    if version >= _FOOTER_VERSION and footer != needed:
        raise CrimsonError(
            f"{path}: frames end at byte {needed}, LightField's footer begins at {footer}: it holds several regions of the camera; "
            "export each as a file of its own"
        )


def _calibration(header: bytes, width: int) -> dict[str, Any]:
    """The axis (W,) from the polynomial in the pixel's number, which begins at 1, by what WinSpec calls it."""
    label = header[_NAME : _NAME + 40].partition(b"\0")[0].decode("latin-1").lower()
    values = np.polynomial.Polynomial(struct.unpack_from(f"<{min(header[_ORDER], 5) + 1}d", header, _POLYNOMIAL))(np.arange(1.0, width + 1))
    if header[_VALID] != 1 or not np.isfinite(values).all():
        return {}
    if "raman" in label or "shift" in label:
        return {"wavenumber": values}
    return {"wavelength_nm": values} if re.search(r"\bnm\b", label) and (values > 0).all() else {}
