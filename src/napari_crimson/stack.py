"""The noun of this package: a hyperspectral CARS stack as a lazy `xarray.Dataset`.

Every reader ends in `make_stack`, which checks once what everything after it relies on:

- variable ``cars``, dims ``(["t",] ["z",] "y", "x", "wavenumber")``, dask-backed, spectra whole
  in every chunk, integer or floating and never complex;
- coordinate ``wavenumber``, float64, strictly ascending, cm⁻¹;
- optional variables ``dark`` and ``reference`` along ``wavenumber``, float64, in the counts of ``cars``;
- coordinates ``y``, ``x``, ``z`` in µm where the file tells the step;
- attrs ``source`` (str) and ``history`` (list of str).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.printable import printable

__all__ = ["BLOCK_BYTES", "PIXEL_DIMS", "as_stack", "check_axis", "check_values", "make_stack", "pixel_chunks"]

PIXEL_DIMS = ("t", "z", "y", "x")
MARKS = ("noise_model", "svd_components")  # what the preparation says of the intensities
MOST_CHARACTERS = 1000  # of a line of history
_LONGEST = 2**27  # pixels along an axis: no image has more, and each has a place in a list
BLOCK_BYTES = 32 * 2**20  # a chunk of this size reads in some 20 ms and keeps a 50 GB graph small


def make_stack(
    cars: Any,
    wavenumber: ArrayLike,
    /,
    *,
    dark: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    step_um: Mapping[str, float] | None = None,
    source: str = "",
    history: Iterable[str] = (),
) -> xr.Dataset:
    """Build and check a stack.

    Parameters
    ----------
    cars : array_like, shape ([T,] [Z,] Y, X, W)
        Intensities, spectra last; a dask array stays lazy, any object with ``shape``, ``dtype`` and
        ``__getitem__`` is wrapped. Rank 1 and 2 are a point and a line of spectra.
    wavenumber : array_like, shape (W,)
        Raman shift in cm⁻¹, strictly monotonic. A descending axis is turned, lazily, with the data.
    dark, reference : array_like, shape (W,), optional
        Dark counts, and the spectrum of a purely non-resonant sample (dark still in it), in the
        order of `wavenumber`.
    step_um : mapping, optional
        Pixel step in µm by dimension, e.g. ``{"y": 0.5, "x": 0.5}``.
    source : str
        Where the data come from, for names and messages.
    history : iterable of str
        What was done to them so far.

    Raises
    ------
    CrimsonError
        For complex, empty or non-numeric data, an axis of another length, not finite or not monotonic.
    """
    if not hasattr(cars, "shape") or not hasattr(cars, "dtype"):
        cars = np.asarray(cars)
    try:
        axis = np.asarray(wavenumber, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CrimsonError(
            f"{source or 'data'}: the spectral axis is no row of numbers ({error}); give one in cm⁻¹ for each band"
        ) from error
    check_values(tuple(cars.shape), cars.dtype, source=source)
    check_axis(axis, cars.shape[-1], source=source)

    while len(cars.shape) < 3:
        cars = cars[None]
    dims = (*PIXEL_DIMS[len(PIXEL_DIMS) + 1 - len(cars.shape) :], "wavenumber")
    lazy = _lazy_array(cars)
    order = slice(None, None, -1 if axis[0] > axis[-1] and axis.size > 1 else 1)

    variables: dict[str, Any] = {"cars": (dims, lazy[..., order])}
    for name, spectrum in (("dark", dark), ("reference", reference)):
        if spectrum is not None:
            values = np.asarray(spectrum, dtype=np.float64)
            if values.shape != axis.shape:
                raise CrimsonError(
                    f"{source or 'data'}: {name} of shape {values.shape} beside an axis of {axis.size} points; "
                    f"give one value for each point of the axis"
                )
            variables[name] = ("wavenumber", values[order])
    coords: dict[str, Any] = {"wavenumber": ("wavenumber", axis[order].copy(), {"units": "1/cm"})}
    for dim, step in (step_um or {}).items():
        if dim in dims and np.isfinite(step) and step > 0:
            coords[dim] = (dim, np.arange(lazy.shape[dims.index(dim)]) * float(step), {"units": "um"})
    return xr.Dataset(variables, coords, {"source": source, "history": [printable(line, MOST_CHARACTERS) for line in history]})


def as_stack(data: xr.Dataset | xr.DataArray | NDArray[Any], *, wavenumber: ArrayLike | None = None) -> xr.Dataset:
    """Take what a script has, a stack, a DataArray or a plain array with `wavenumber`, as a stack.

    What a preparation left stays: ``spikes``, the marks of the intensities, the recipe so far.

    Raises
    ------
    CrimsonError
        If a plain array comes without `wavenumber`, or a Dataset without variable ``cars``.
    """
    if isinstance(data, xr.Dataset):
        if "cars" not in data:
            raise CrimsonError(f"the dataset has variables {list(data)}, expected one named 'cars'")
        cars, extra = data["cars"], {k: data[k].values for k in ("dark", "reference") if k in data}
    elif isinstance(data, xr.DataArray):
        cars, extra = data, {}
    else:
        if wavenumber is None:
            raise CrimsonError("an array has no spectral axis of its own: give wavenumber=, its Raman shifts in cm⁻¹")
        return make_stack(data, wavenumber, source="array")
    if "wavenumber" not in cars.coords or cars.dims[-1] != "wavenumber":
        raise CrimsonError(f"dims {cars.dims}: expected 'wavenumber' last, with its coordinate in cm⁻¹")
    steps = {d: float(np.diff(cars[d].values[:2])[0]) for d in PIXEL_DIMS if d in cars.coords and cars.sizes[d] > 1}
    attrs = data.attrs
    stack = make_stack(
        cars.data,
        cars["wavenumber"].values,
        **extra,
        step_um=steps,
        source=str(attrs.get("source", "")),
        history=attrs.get("history", ()),
    )
    marks = {**attrs, **cars.attrs}  # a layer keeps both in one place
    if "recipe" in attrs:
        stack.attrs["recipe"] = attrs["recipe"]
    stack["cars"].attrs.update({mark: marks[mark] for mark in MARKS if mark in marks})
    if isinstance(data, xr.Dataset) and "spikes" in data and data["spikes"].dims == stack["cars"].dims[:-1]:
        stack["spikes"] = data["spikes"].variable
    return stack


def check_values(shape: tuple[int, ...], dtype: np.dtype[Any], *, source: str = "") -> None:
    """Raise `CrimsonError` unless `shape` and `dtype` can be those of a stack; looks at nothing else."""
    if np.issubdtype(dtype, np.complexfloating):
        raise CrimsonError(
            f"{source or 'data'}: complex values ({dtype}) are the result of a phase retrieval, not CARS "
            "intensities; give the measured intensities, or take the imaginary part as the answer"
        )
    if dtype.kind not in "iufb":  # numpy counts spans of time among the integers
        raise CrimsonError(f"{source or 'data'}: values of type {dtype}, expected integers or floats; save them as such")
    if not 1 <= len(shape) <= len(PIXEL_DIMS) + 1 or prod(shape) == 0:
        raise CrimsonError(f"{source or 'data'}: shape {shape}, expected ([t,] [z,] y, x, wavenumber), none empty")
    if max(shape) > _LONGEST:
        raise CrimsonError(f"{source or 'data'}: shape {shape}, expected at most {_LONGEST:,} pixels along an axis; cut it")


def check_axis(axis: NDArray[np.float64], length: int, /, *, source: str = "") -> None:
    """Raise `CrimsonError` unless `axis` (W,) is finite, strictly monotonic and of `length` points."""
    where = source or "data"
    if axis.ndim != 1 or axis.size != length:
        raise CrimsonError(f"{where}: a spectral axis of shape {axis.shape} for spectra of {length} points; give one of ({length},)")
    if not np.isfinite(axis).all():
        found = f"the spectral axis holds {(~np.isfinite(axis)).sum()} values that are not finite"
        raise CrimsonError(f"{where}: {found}; mend it, or give another of {length} numbers in cm⁻¹")
    step = np.diff(axis)
    if step.size and not ((step > 0).all() or (step < 0).all()):
        at = int(np.argmax(np.sign(step) != np.sign(step[0])))
        raise CrimsonError(
            f"{where}: the spectral axis turns at point {at} ({axis[at]:g}, {axis[at + 1]:g}); "
            "it must only rise or only fall: mend it, or give another"
        )


def pixel_chunks(shape: tuple[int, ...], itemsize: int, /, *, block_bytes: int = BLOCK_BYTES) -> tuple[int, ...]:
    """Chunks for `shape` (..., W): whole spectra, some rows, at most about `block_bytes` each."""
    pixels = max(1, block_bytes // max(1, shape[-1] * itemsize))
    chunks = [shape[-1]]
    for size in reversed(shape[:-1]):
        chunks.insert(0, max(1, min(size, pixels)))
        pixels //= chunks[0]
    return tuple(chunks)


def _lazy_array(cars: Any) -> da.Array:
    """Wrap `cars` (..., W) as dask with whole spectra in chunks of a readable size."""
    lazy: da.Array
    if not isinstance(cars, da.Array):
        lazy = da.from_array(cars, chunks=pixel_chunks(cars.shape, cars.dtype.itemsize), asarray=True, name=False)  # type: ignore[no-untyped-call]
    else:
        lazy = cars if len(cars.chunks[-1]) == 1 else cars.rechunk({-1: -1})  # type: ignore[no-untyped-call]
    return lazy
