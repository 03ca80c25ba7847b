"""Where a stack made from a layer belongs in the viewer: over its pixels, at its wavenumbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.plugin.layers import axis_falls, axis_of_layer, even_step

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["placement"]


def placement(source: Image, wavenumber: NDArray[np.float64]) -> dict[str, Any]:
    """Scale, translate, units and axis labels of a stack on an ascending axis (W,) in cm⁻¹, made from the layer `source`.

    Bands that the layer has as well are shown at the same position of the slider; where its axis falls, while
    a stack's rises, the new layer is mirrored.
    """
    scale, translate = np.array(source.scale, dtype=float), np.array(source.translate, dtype=float)
    units: list[Any] = list(source.units)
    own = axis_of_layer(source)
    rising = wavenumber if own is None else np.sort(own)
    first = int(np.searchsorted(rising, wavenumber[0]))
    if np.array_equal(rising[first : first + wavenumber.size], wavenumber):
        if axis_falls(source):
            first = rising.size - 1 - first
            translate[0] += scale[0] * first
            scale[0] *= -1
        else:
            translate[0] += scale[0] * first
    else:
        even = even_step(wavenumber)
        scale[0], translate[0] = (even, wavenumber[0]) if even else (1.0, 0.0)
        units[0] = "1/cm" if even else "pixel"
    return {"scale": scale, "translate": translate, "units": tuple(map(str, units)), "axis_labels": source.axis_labels}
