"""`open_stack`: any file a CARS laboratory has, as the one noun of this package."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.errors import CrimsonError, NoAxisError
from napari_crimson.io.formats import Format, can_open, recognise

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from napari_crimson.io.found import Found

__all__ = ["can_open", "open_stack"]

_MOST_POINTS = 2**20  # of a spectrum; those of detectors have thousands


def open_stack(path: str | Path, *, wavenumber: ArrayLike | str | Path | None = None, name: str | None = None) -> xr.Dataset:
    """Open a hyperspectral stack, lazily.

    The format is told by the content, and by the suffix where the content cannot tell (`formats`).
    No file stays open; pixels are read when they are needed.

    Parameters
    ----------
    path : str or path
        A file, a Zarr folder, or a folder of numbered TIFFs.
    wavenumber : array_like, pair of numbers, or path, optional
        The axis in cm⁻¹, in the order of the file: its values (W,), (first, last), or a text, CSV or
        JSON file. Takes the place of what the file says.
    name : str, optional
        Which of several arrays in the file.

    Returns
    -------
    xarray.Dataset
        As `napari_crimson.stack.make_stack` builds it. A saved result has ``raman``, with or without
        ``cars``.

    Raises
    ------
    CrimsonError
        If the file is missing, damaged, of no known format, or without an axis; says what was found
        and what helps.
    """
    import numpy as np

    path = Path(path).expanduser()
    form = recognise(path)
    with np.errstate(all="ignore"):  # numbers from a file may be any; what they amount to is checked
        # pixels are read later, perhaps from another folder or by another process; its name stays as it was given
        return _open(path.absolute(), form, wavenumber, name, source=str(path))


def _open(path: Path, form: Format, wavenumber: ArrayLike | str | Path | None, name: str | None, *, source: str) -> xr.Dataset:
    try:
        found: Found = import_module(f"napari_crimson.io.{form.reader}").read(path, name)
    except CrimsonError:
        raise
    except Exception as error:  # whatever a library says of bytes that are not what it expected
        raise CrimsonError(f"{path}: cannot be read as {form.title} ({_one_line(error)}); is it whole? Copy or export it again") from error
    return _stack(path, found, wavenumber, source=source)


def _stack(path: Path, found: Found, wavenumber: ArrayLike | str | Path | None, *, source: str) -> xr.Dataset:
    """Join what was found and what was given, through `make_stack`."""
    from napari_crimson.stack import make_stack

    axis, band, history = _axis(path, found, wavenumber)
    falls = axis.size > 1 and axis[0] > axis[-1]  # turned here, in the file, where a block or a band can still be read alone
    order = slice(None, None, -1 if falls else 1)

    def build(name: str, **extra: Any) -> xr.Dataset:
        array = _bands_last(found.arrays[name], band, falls=falls)
        return make_stack(array, axis[order], step_um=found.step_um, source=source, **extra)

    main, *others = found.arrays
    spectra = {word: values[order] for word, values in found.spectra.items() if values.shape == axis.shape}
    stack = build(main, **spectra, history=[*found.history, *history])
    stack = stack.rename({} if main == "cars" else {"cars": main})
    for other in others:
        stack[other] = build(other)["cars"]
    return stack.assign_attrs(found.attrs)


def _axis(path: Path, found: Found, wavenumber: ArrayLike | str | Path | None) -> tuple[NDArray[np.float64], int, list[str]]:
    """Settle the axis, the dimension it belongs to, and what the history says of it."""
    import numpy as np

    from napari_crimson.io.axis import given_axis
    from napari_crimson.stack import check_values

    array = next(iter(found.arrays.values()))
    shape, last = array.shape, len(array.shape) - 1
    if np.issubdtype(array.dtype, np.complexfloating) or 0 in shape:
        check_values(shape, array.dtype, source=str(path))  # which refuses these, before anything of that size is made
    values = isinstance(wavenumber, str | Path) or np.size(wavenumber) > 2 if wavenumber is not None else found.wavenumber is not None
    if last < 2 and not values:
        raise CrimsonError(
            f"{path}: an image of shape {shape} has no spectra; give a stack of rank 3 or more, one image for each wavenumber"
        )
    if wavenumber is not None:
        own = found.wavelength_nm if found.wavenumber is None else found.wavenumber
        points = own.size if own is not None and own.size in shape else shape[-1]
        if points > _MOST_POINTS:
            raise CrimsonError(f"{path}: spectra of {points} points (shape {shape}), at most {_MOST_POINTS} are read; are they spectra?")
        axis, said = given_axis(wavenumber, points), "axis given on opening"
    elif found.wavenumber is not None:
        axis, said = np.asarray(found.wavenumber, dtype=np.float64), ""
    else:
        axis, said = _axis_beside(path, found, shape)
    fits = [i for i, size in enumerate(shape) if size == axis.size]
    band = last if found.spectra_last or last in fits or len(fits) != 1 else fits[0]
    if axis.size != shape[band]:
        raise CrimsonError(
            f"{path}: an axis of {axis.size} values for spectra of {shape[-1]} points (shape {shape}); give wavenumber= with "
            f"{shape[-1]} values, or (first, last) in cm⁻¹"
        )
    said_of_band = [] if band == last else [f"spectra taken along dimension {band} of {shape}, which the axis fits"]
    return axis, band, [*([said] if said else []), *said_of_band]


def _axis_beside(path: Path, found: Found, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], str]:
    """The axis from a file beside the stack; where there is none, say what the file's own wavelengths lack."""
    from napari_crimson.io.axis import axis_beside

    try:
        return axis_beside(path, shape[::-1])
    except CrimsonError as error:
        if found.doubt:
            raise NoAxisError(
                f"{path}: {found.doubt}; give the axis with wavenumber= as (first, last) in cm⁻¹, as values, or as a file of them"
            ) from error
        if found.wavelength_nm is None or found.wavelength_nm.size == 0:
            raise NoAxisError(str(error)) from error
        first, last = found.wavelength_nm[[0, -1]]
        raise NoAxisError(
            f"{path}: its spectral axis is wavelength, {first:g} to {last:g} nm, which only the probe's wavelength turns into Raman "
            f"shift; give wavenumber= with the {found.wavelength_nm.size} values 1e7 / wavelength − 1e7 / probe (both in nm), or a "
            "text, CSV or JSON file of them",
            wavelength_nm=found.wavelength_nm,
        ) from error


def _bands_last(array: Any, band: int, *, falls: bool) -> Any:
    """Turn dimension `band` last, and its end to the front if it falls; what lies in a file becomes a dask array."""
    from napari_crimson.io.lazy import FileArray

    order = (*(i for i in range(len(array.shape)) if i != band), band)
    if not isinstance(array, FileArray):
        return array.transpose(order)[..., slice(None, None, -1 if falls else 1)]
    array = array.turned(order)
    return (array.falling() if falls else array).to_dask()


def _one_line(error: Exception) -> str:
    """Shorten what a library said, which may run over several lines."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
