"""Pixels that a user has marked in the viewer, by Points, Shapes or Labels.

Marks may lie in layers of their own scale, and have a wavenumber axis or not: they are taken as what they cover in
the plane (y, x), at every wavenumber.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from napari.layers import Labels, Points, Shapes
from napari.utils.colormaps.standardize_color import rgb_to_hex
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_crimson.plugin.pointing.spectra_source import Pixel

__all__ = ["COLOURS", "Mark", "find_marks", "is_marks", "left_out", "tell_apart"]

Floats = NDArray[np.float64]
Plane = tuple[int, int]

# bright ones, for marks on a dark image, that the colour-blind tell apart: after Okabe and Ito (2008)
COLOURS = ("#56b4e9", "#e69f00", "#2bc99b", "#e08fc0", "#f0e442", "#ff7f50", "#b7a4ff")
_NOT_CHOSEN = "#777777"  # which napari gives to shapes
_MOST = 20  # more lines than this nobody tells apart
_ROUND = np.linspace(0, 2 * np.pi, 65)[:-1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Mark:
    """Pixels (N, ndim) marked as one, with a name and a colour ``#rrggbb``; `of` is how many marks their layer has."""

    name: str
    colour: str
    pixels: NDArray[np.int64]
    of: int = 1


class _OneOf(Protocol):
    @property
    def of(self) -> int: ...


def is_marks(layer: Any) -> bool:
    """Tell whether a layer can mark pixels."""
    return isinstance(layer, Points | Shapes | Labels)


def left_out(marks: Iterable[_OneOf]) -> str:
    """Say that a layer has more marks than are found in it, where it has."""
    of = max((mark.of for mark in marks), default=0)
    return f"first {_MOST} of {of} regions" if of > _MOST else ""


def tell_apart(layer: Any) -> None:
    """Give shapes edges of colours that differ, in the main thread; not while one is being drawn."""
    if isinstance(layer, Shapes) and not layer._is_creating:  # napari has no public word for it
        colours = [_hex(colour) for colour in layer.edge_color]
        if (apart := _apart(colours)) != colours:
            layer.edge_color = apart


def find_marks(layer: Any, image: Image, shape: Pixel, lead: Pixel) -> Callable[[], list[Mark]]:
    """Make ready to find what a layer marks.

    Parameters
    ----------
    layer : napari layer
        Points, Shapes or Labels.
    image : napari.layers.Image
        The stack, with axes (wavenumber, [t,] [z,] y, x).
    shape : tuple
        Its pixels, ([t,] [z,] y, x).
    lead : tuple
        The plane ([t,] [z,]) that is meant.

    Returns
    -------
    callable
        Finds the marks, at most twenty; safe in a thread.
    """
    plane: Plane = shape[-2], shape[-1]
    if isinstance(layer, Labels):
        colours = partial(_label_colour, layer.colormap)
        return partial(_of_labels, np.asarray(layer.data), _grid_map(image, layer), plane, lead, colours)
    to_image = _grid_map(layer, image)
    if isinstance(layer, Points):
        places = [to_image(np.asarray(point[-2:], dtype=float)) for point in layer.data[:_MOST]]
        outlines = [("point", place[None]) for place in places]
        edges = layer.face_color
    else:
        outlines = [(kind, to_image(np.asarray(corners)[:, -2:])) for kind, corners in zip(layer.shape_type, layer.data, strict=True)]
        edges = layer.edge_color
    word = "point" if isinstance(layer, Points) else "shape"
    names = [f"{word} {number}" for number in range(1, len(outlines) + 1)]
    apart = _apart([_hex(colour) for colour in edges])
    return partial(_of_outlines, list(zip(names, apart, outlines, strict=False))[:_MOST], len(layer.data), plane, lead)


def _apart(colours: list[str]) -> list[str]:
    """Take, for each colour that several marks have or that nobody chose, one of `COLOURS`; from the end, as pins begin at the other."""
    if _NOT_CHOSEN not in colours and len(set(colours)) >= min(len(colours), len(COLOURS)):
        return colours
    shared = {colour for colour in colours if colour == _NOT_CHOSEN or colours.count(colour) > 1}
    free = cycle([colour for colour in reversed(COLOURS) if colour not in colours] or COLOURS)
    return [next(free) if colour in shared else colour for colour in colours]


def _of_outlines(outlines: list[tuple[str, str, tuple[str, Floats]]], of: int, plane: Plane, lead: Pixel) -> list[Mark]:
    found = [(name, colour, _cover(kind, corners, plane)) for name, colour, (kind, corners) in outlines]
    return [Mark(name=name, colour=colour, pixels=_with_lead(pixels, lead), of=of) for name, colour, pixels in found if len(pixels)]


def _of_labels(
    labels: NDArray[Any], to_labels: Callable[[Floats], Floats], plane: Plane, lead: Pixel, colour: Callable[[int], str]
) -> list[Mark]:
    flat = labels if labels.ndim == 2 else labels.max(axis=tuple(range(labels.ndim - 2)))  # painted at any wavenumber
    at = np.rint(to_labels(np.indices(plane, dtype=float).reshape(2, -1).T)).astype(np.int64)
    inside = ((at >= 0) & (at < flat.shape)).all(axis=1)
    values = np.zeros(len(at), dtype=np.int64)
    values[inside] = flat[tuple(at[inside].T)]
    pixels = np.stack(np.unravel_index(np.arange(len(at)), plane), axis=1)
    present = [int(value) for value in np.unique(values) if value > 0]
    return [
        Mark(name=f"label {one}", colour=colour(one), pixels=_with_lead(pixels[values == one], lead), of=len(present))
        for one in present[:_MOST]
    ]


def _cover(kind: str, corners: Floats, plane: Plane) -> NDArray[np.int64]:
    """Pixels (N, 2) that a shape covers; the nearest one where it covers the middle of none."""
    if kind == "point":
        pixels = np.rint(corners)
    elif kind in ("line", "path"):
        pixels = np.rint(_along(corners))
    else:
        if kind == "ellipse":  # napari keeps the corners of its box
            a, b = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
            corners = corners.mean(axis=0) + np.cos(_ROUND)[:, None] * a + np.sin(_ROUND)[:, None] * b
        pixels = _inside(corners, plane)
        pixels = pixels if len(pixels) else np.rint(corners.mean(axis=0, keepdims=True))
    pixels = np.unique(pixels.astype(np.int64), axis=0)
    return pixels[((pixels >= 0) & (pixels < plane)).all(axis=1)]


def _inside(corners: Floats, plane: Plane) -> Floats:
    """Pixels (N, 2) whose middle lies within a polygon: those from which a ray crosses its edges an odd number of times."""
    low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    high = np.maximum(np.minimum(np.ceil(corners.max(axis=0)) + 1, plane).astype(int), low)  # none where it lies outside
    y, x = (grid.astype(float) for grid in np.mgrid[low[0] : high[0], low[1] : high[1]])
    odd = np.zeros(y.shape, dtype=bool)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return np.stack([y[odd], x[odd]], axis=1)


def _along(corners: Floats) -> Floats:
    """Points (N, 2) along a path, at least one a pixel."""
    parts = [np.linspace(a, b, 2 + int(np.abs(b - a).max() * 2)) for a, b in pairwise(corners)]
    return np.concatenate(parts) if parts else corners


def _with_lead(pixels: NDArray[np.int64], lead: Pixel) -> NDArray[np.int64]:
    return np.hstack([np.broadcast_to(np.array(lead, dtype=np.int64), (len(pixels), len(lead))), pixels])


def _grid_map(of: Any, to: Any) -> Callable[[Floats], Floats]:
    """Map (y, x) in the data of one layer to (y, x) in those of another; both maps to the world are affine."""

    def place(at: tuple[float, float]) -> Floats:
        world = np.asarray(of.data_to_world((*(0.0,) * (of.ndim - 2), *at)), dtype=float)
        most = max(to.ndim, world.size)
        return np.asarray(to.world_to_data(np.pad(world, (most - world.size, 0))[-to.ndim :]), dtype=float)[-2:]

    origin = place((0.0, 0.0))
    matrix = np.stack([place((1.0, 0.0)) - origin, place((0.0, 1.0)) - origin])
    return partial(_affine, origin=origin, matrix=matrix)


def _affine(points: Floats, *, origin: Floats, matrix: Floats) -> Floats:
    return np.asarray(origin + points @ matrix)


def _hex(colour: Any) -> str:
    return str(rgb_to_hex(colour)[0])[:7]


def _label_colour(colormap: Any, label: int) -> str:
    return _hex(colormap.map(label))
