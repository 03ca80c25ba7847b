"""Several images as one picture in false colours, added as light is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.analysis.band_names import BandLike, band_of
from napari_crimson.analysis.band_weights import BandBaseline, BandValue
from napari_crimson.analysis.bands import band_image
from napari_crimson.analysis.corrected import pixel_image
from napari_crimson.errors import CrimsonError

__all__ = ["COLOURS", "blend", "composite", "image_limits"]

# taken in turn; the colour-blind tell the first three apart, and the first two make white
COLOURS = ("#ff00ff", "#00ff00", "#00a0ff", "#ffd000", "#ff4000", "#8060ff")
_NAMES = {
    "red": "#ff0000", "green": "#00ff00", "blue": "#0000ff", "cyan": "#00ffff", "magenta": "#ff00ff",
    "yellow": "#ffff00", "orange": "#ff8000", "white": "#ffffff", "grey": "#808080",
}  # fmt: skip
_PERCENTILES = (1.0, 99.5)

Limits = tuple[float, float]


def composite(
    result: xr.Dataset,
    bands: Sequence[BandLike],
    *,
    colours: Sequence[str] | None = None,
    limits: Sequence[Limits | None] | None = None,
    value: BandValue = "mean",
    baseline: BandBaseline = None,
    as_float: bool = False,
) -> xr.DataArray:
    """Show several bands of a stack in one picture, each in a colour of its own.

    Parameters
    ----------
    result : xarray.Dataset
        A corrected stack.
    bands : sequence
        As in `band_of`.
    colours, limits, as_float
        As in `blend`.
    value, baseline
        As in `band_image`.

    Returns
    -------
    xarray.DataArray, dims ([t,] [z,] y, x, rgb), uint8, or float32 from 0 to 1
        Computed; colours and limits are in its attrs, band by band.

    Raises
    ------
    CrimsonError
        As `band_image` and `blend`.
    """
    if not bands:
        raise CrimsonError("a composite of no band: give some, such as CH2, CH3")
    chosen = [band_of(band) for band in bands]
    images = [band_image(result, band, value=value, baseline=baseline).values for band in chosen]
    shown = [image_limits(image) for image in images]
    if limits is not None:
        _check_number("limits", limits, images)
        shown = [own if given is None else given for own, given in zip(shown, limits, strict=True)]
    used = tuple(colours) if colours else tuple(COLOURS[n % len(COLOURS)] for n in range(len(images)))
    rgb = blend(images, used, shown, as_float=as_float)
    told = [f"{band} in {colour}, {low:.3g} to {high:.3g}" for band, colour, (low, high) in zip(chosen, used, shown, strict=True)]
    note = f"false colours: {'; '.join(told)}"
    flat = pixel_image(result, images[0], "composite", note, {"long_name": note, "colours": list(used), "limits": [list(s) for s in shown]})
    return xr.DataArray(rgb, flat.coords, (*flat.dims, "rgb"), name="composite", attrs=flat.attrs)


def blend(images: Sequence[ArrayLike], colours: Sequence[str], limits: Sequence[Limits | None], *, as_float: bool = False) -> NDArray[Any]:
    """Add images up, each in its colour.

    Parameters
    ----------
    images : sequence of array_like, shape (..., Y, X)
        NaN is black.
    colours : sequence of str
        ``#rrggbb``, or a name such as magenta.
    limits : sequence of (float, float) or None
        What is black and what has the full colour; by default the 1st and the 99.5th percentile.
    as_float : bool
        Give 0 to 1 instead of 0 to 255.

    Returns
    -------
    ndarray, shape (..., Y, X, 3), uint8 or float32

    Raises
    ------
    CrimsonError
        If there are not as many colours and limits as images, a colour is unknown, or limits do not rise.
    """
    _check_number("colours", colours, images)
    _check_number("limits", limits, images)
    total = np.zeros((*np.shape(images[0]), 3), dtype=np.float32)
    for image, colour, given in zip(images, colours, limits, strict=True):
        values = np.asarray(image, dtype=np.float32)
        low, high = given or image_limits(values)
        if not low < high:
            raise CrimsonError(f"limits {low:g} to {high:g}: give a lower and a higher value")
        share = np.nan_to_num(np.clip((values - low) / (high - low), 0, 1), nan=0.0)
        total += share[..., None] * _rgb(colour)
    np.clip(total, 0, 1, out=total)
    return total if as_float else np.rint(255 * total).astype(np.uint8)


def image_limits(image: NDArray[Any]) -> Limits:
    """Limits that show most of an image, whatever it holds."""
    finite = image[np.isfinite(image)]
    low, high = (float(at) for at in np.percentile(finite, _PERCENTILES)) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def _rgb(colour: str) -> NDArray[np.float32]:
    code = _NAMES.get(colour.casefold(), colour)
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", code):
        raise CrimsonError(f"colour '{colour}': give #rrggbb or one of {', '.join(_NAMES)}")
    return np.frombuffer(bytes.fromhex(code[1:]), dtype=np.uint8).astype(np.float32) / np.float32(255)


def _check_number(what: str, given: Sequence[Any], images: Sequence[Any]) -> None:
    if len(given) != len(images):
        raise CrimsonError(f"{len(given)} {what} for {len(images)} images; give one for each")
