"""Zarr: our own results, OME-Zarr 0.4 and 0.5, xarray and HyperSpy stores, and any other array.

Dimensions are told by their names, wherever the store keeps those; an array without names has
spectra last.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import StorePath

from napari_crimson.errors import CrimsonError
from napari_crimson.io.dims import stack_order, step_um
from napari_crimson.io.formats import is_zarr
from napari_crimson.io.found import IMAGES, SPECTRA, Found, choose
from napari_crimson.io.hyperspy_axes import found_hyperspy
from napari_crimson.io.inside_store import InsideStore
from napari_crimson.io.lazy import Box, FileArray, check_promise
from napari_crimson.io.ome_zarr import NAMESPACE
from napari_crimson.io.spectral import choose_axis, is_spectral
from napari_crimson.io.unpacking import check_piece
from napari_crimson.io.zarr_codecs import check_codecs, packing
from napari_crimson.printable import printable
from napari_crimson.stack import MOST_CHARACTERS

__all__ = ["read"]

Array: TypeAlias = "zarr.Array[Any]"

_BOOKKEEPING = ("fingerprint", "blocks", "origin")  # of the run that wrote a result: a copy of it is another thing
_DEPTH, _MOST_MEMBERS = 5, 1000


def read(path: Path, name: str | None) -> Found:
    """Read a stack from a Zarr folder; `name` is an array in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files beside the arrays, and of what the next specification may change
        store = InsideStore(path, read_only=True)
        root = zarr.open(store, mode="r")
        if isinstance(root, zarr.Array):
            return Found(arrays={"cars": _turned(path, "", root, _dims(root, {}))}, step_um=_steps({}, {}))
        nodes = dict(islice(_members(store, ""), _MOST_MEMBERS))
        return _from_group(path, {"": root, **nodes}, name)


def _members(store: InsideStore, group: str, depth: int = 1) -> Iterator[tuple[str, Array | zarr.Group]]:
    """Arrays and groups in a group by their paths; one by one, as they lie there, whatever a consolidated list of them says."""
    for child in sorted((store.root / group).iterdir()):
        if child.is_dir() and is_zarr(child):
            key = f"{group}/{child.name}".lstrip("/")
            node = zarr.open(store, path=key, mode="r")
            yield key, node
            if isinstance(node, zarr.Group) and depth < _DEPTH:
                yield from _members(store, key, depth + 1)


def _from_group(path: Path, nodes: dict[str, Array | zarr.Group], name: str | None) -> Found:
    root, arrays = nodes[""], {key: item for key, item in nodes.items() if isinstance(item, zarr.Array)}
    stacks = {key: item.shape for key, item in arrays.items() if item.ndim >= 3 and "labels" not in key.split("/")}
    main = choose(path, stacks, name or next((key for key in IMAGES if key in stacks), None))
    folder = main.rpartition("/")[0]
    image = _multiscale(cast("zarr.Group", nodes[folder]), main.rpartition("/")[2])
    wanted = [main] + [key for key in IMAGES if name is None and main in IMAGES and key != main and stacks.get(key) == stacks[main]]
    axes = [(_attrs(nodes[key]), nodes.get(f"{key}/axis")) for i in range(len(stacks[main])) if (key := f"{folder}/axis-{i}") in nodes]
    told = [(notes, _values(item) if isinstance(item, zarr.Array) else None) for notes, item in axes]
    if (ours := found_hyperspy(_turned(path, main, arrays[main], ()), told)) is not None:
        return ours
    vectors = {key.rpartition("/")[2]: item for key, item in arrays.items() if item.ndim == 1 and key.rpartition("/")[0] == folder}
    points = [i for i in stacks[main] if i > 1]
    dims = _dims(arrays[main], image)
    fits = {key: item for key, item in vectors.items() if is_spectral(key) and item.shape[0] in points}
    axis = choose_axis({key: (_values(item), _attrs(item).get("units")) for key, item in fits.items()}, near=dims)
    spectra = {key: _values(vectors[key]) for key in SPECTRA if key in vectors and vectors[key].shape[0] in points}
    record = _attrs(root).get(NAMESPACE)
    record = dict(record) if isinstance(record, Mapping) else {}
    origin, history = record.pop("source", ""), record.pop("history", ())
    history = history if isinstance(history, list) else []
    for word in _BOOKKEEPING:
        record.pop(word, None)
    return Found(
        arrays={_variable(key): _turned(path, key, arrays[key], _dims(arrays[key], image)) for key in wanted},
        step_um=_steps(vectors, image),
        spectra_last=any(is_spectral(dim) for dim in dims),
        history=(*([f"from {origin}"] if origin else []), *map(str, history)),
        attrs={
            key: printable(value, MOST_CHARACTERS) if isinstance(value, str) and key != "recipe" else value for key, value in record.items()
        },
        spectra=spectra,
        **axis,
    )


def _variable(key: str) -> str:
    return key if key in IMAGES else "cars"


def _turned(path: Path, key: str, array: Array, dims: tuple[str, ...]) -> FileArray:
    """An array that stays in its store, spectra last as far as `dims` tell."""
    _check(path, key, array)
    scale, offset = _attrs(array).get("scale_factor"), _attrs(array).get("add_offset")
    decode = None if scale is None and offset is None else (float(scale or 1), float(offset or 0))  # CF conventions, as xarray writes them
    lazy = FileArray(
        path=path,
        read=partial(_read, path=path, key=key, metadata=array.metadata, decode=decode),
        stored_shape=array.shape,
        dtype=np.dtype(array.dtype).newbyteorder("=") if decode is None else np.dtype(np.float32),
        stored_chunks=array.shards or array.chunks,
    )
    return lazy.turned(stack_order(dims, array.shape)) if dims else lazy


def _read(box: Box, *, path: Path, key: str, metadata: Any, decode: tuple[float, float] | None) -> NDArray[Any]:
    """Read a box of an array as it was described when it was opened, which says no more what it had to say then."""
    place = StorePath(InsideStore(path, read_only=True), key)
    values = _take(zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=place)), box)
    if not is_zarr(path / key):  # gone while it was read: a chunk that is missing is taken for one that was never written
        raise FileNotFoundError(f"{path} is gone")
    if decode is not None:
        return (values * decode[0] + decode[1]).astype(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _take(array: Array, box: Any) -> NDArray[Any]:
    """Read a part of an array, with its store told how the chunks are packed."""
    if isinstance(array.store, InsideStore):
        array.store.packing = packing(array)
    return np.asarray(array[box])


def _check(path: Path, key: str, array: Array) -> None:
    where = f"{path}: '{key}'" if key else f"{path}:"
    check_codecs(where, array)
    if np.dtype(array.dtype).kind not in "iufcb":
        raise CrimsonError(f"{where} holds values of type {array.dtype}, expected integers or floats; choose another with name=")
    if array.ndim > 2 and 0 in array.shape:
        raise CrimsonError(f"{where} has shape {array.shape}, expected none of its axes empty; acquire or export it again")
    for pieces in (array.chunks, array.shards or array.chunks):
        check_piece(
            path,
            f"the chunks of '{key}', {pieces}," if key else f"its chunks, {pieces},",
            prod(pieces) * array.dtype.itemsize,
            "rechunk it",
        )
    if prod(array.shape) * array.dtype.itemsize > 2**40:
        check_promise(path, array.shape, array.dtype.itemsize, sum(_sizes(path / key)))


def _sizes(folder: Path) -> Iterator[int]:
    return (child.stat().st_size for child in folder.rglob("*") if child.is_file())


def _attrs(node: Array | zarr.Group) -> dict[str, Any]:
    return dict(node.attrs)


def _values(array: Array) -> NDArray[np.float64]:
    path, size = Path(str(getattr(array.store, "root", ""))), prod(array.shape) * array.dtype.itemsize
    _check(path, array.path, array)
    check_piece(path, f"the values of '{array.path}', {array.shape},", size, "they are too many for an axis or a spectrum")
    return np.asarray(_take(array, slice(None)), dtype=np.float64)


def _dims(array: Array, image: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the dimensions: zarr v3's own, those of xarray's v2 stores, or those of the OME record; none if none fit."""
    own = getattr(array.metadata, "dimension_names", None) or _attrs(array).get("_ARRAY_DIMENSIONS")
    axes = own if own and all(own) else [str(axis.get("name", "")) for axis in image.get("axes", ())]
    return tuple(map(str, axes)) if len(axes) == array.ndim else ()


def _multiscale(group: zarr.Group, name: str) -> dict[str, Any]:
    """What the OME record (0.4 or 0.5) of a group says of the array `name`: axes and its scale; empty if nothing."""
    attrs = _attrs(group)
    for image in attrs.get("ome", attrs).get("multiscales", ()):
        axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image.get("axes", ())]
        for level in image.get("datasets", ()):
            if level.get("path") == name:
                steps = [1.0] * len(axes)
                for transform in [*level.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ())]:
                    if transform.get("type") == "scale":
                        steps = [a * float(b) for a, b in zip(steps, transform["scale"], strict=True)]
                return {"axes": axes, "steps": steps}
    return {}


def _steps(vectors: Mapping[str, Array], image: Mapping[str, Any]) -> dict[str, float]:
    """Steps in µm, from coordinate arrays or the OME record."""
    said = {axis["name"]: (step, axis.get("unit")) for axis, step in zip(image.get("axes", ()), image.get("steps", ()), strict=True)}
    for dim in ("z", "y", "x"):
        if dim in vectors and vectors[dim].shape[0] > 1:
            first, second = (float(value) for value in _values(vectors[dim])[:2])
            said[dim] = (second - first, _attrs(vectors[dim]).get("units"))
    return step_um({dim: said[dim] for dim in ("z", "y", "x") if dim in said})
