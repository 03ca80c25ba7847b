"""The NIST BCARS layout of HDF5, which CRIkit2 reads and writes too.

An image (slow y, fast x, W) lies in a group beside its dark (``Dark_*``) and the spectrum of a
non-resonant sample (``NRB_*``); a z stack has one dataset ``…_z{n}`` a plane, a macro raster one ``…_slow_{n}``
a line (`nist_macro`). The spectral axis is a polynomial in the pixel number, in nm. Attributes bear several
names, by the age of the file. CRIkit2 saves the result of its phase retrieval complex: its imaginary part is the
Raman spectrum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import Found
from napari_crimson.io.hdf5_array import lazy_dataset, lazy_series, mean_spectrum, small_values
from napari_crimson.io.lazy import Box
from napari_crimson.io.nist_macro import read_lines
from napari_crimson.io.nist_notes import notes_of, number, text, vector

__all__ = ["CALIBRATION", "is_nist", "read", "wavenumber_from_pixels"]

# quantity: attribute names, first hit wins, and the value of a file that has none of them
CALIBRATION: dict[str, tuple[tuple[str, ...], Any]] = {
    "centre": (("Spectrometer.calib.ctr_wl", "Spectro.CenterWavelength", "Spectro.CurrentWavelength", "Calib.ctr_wl"), 729.994),
    "reference centre": (("Spectrometer.calib.ctr_wl0", "Calib.ctr_wl0", "Spectro.CalibWavelength"), 729.994),
    "polynomial": (("Spectrometer.calib.a_vec", "Calib.a_vec", "Spectro.Avec"), (-0.1677407, 863.87367)),
    "probe": (("Spectrometer.calib.probe", "Calib.probe", "Spectro.ProbeWavelength"), 771.461),
}
_SIGNS = ("Spectrometer.calib.", "Calib.", "Spectro.", "Raster.", "RasterScanParams.", "Macro.Raster.", "MicroStage.", "Processing.")
_PLANE = re.compile(r"(?P<stack>.+)_z(?P<number>\d+)$")
_LINE = re.compile(r"(?P<stack>.+)_slow_(?P<number>\d+)$")
_EXPOSURE = re.compile(r"_\d+(?:_\d+)?ms")  # 3_5 for 3.5
_DONE = "Processing.Steps"
_HEIGHTS = (
    "Macro.Raster.Fixed.Start",
    "Raster.Fixed.Position",
    "RasterScanParams.FixedAxisPosition",
    "Raster.Stack.Position",
    "Raster.Fixed.Start",
)
_DARK, _REFERENCE = re.compile("dark", re.IGNORECASE), re.compile("nrb", re.IGNORECASE)

Datasets = dict[str, h5py.Dataset]


def is_nist(datasets: Datasets) -> bool:
    """Tell by its attributes, or the group's name, whether a file has this layout."""
    return any(key.startswith("BCARSImage/") or any(note.startswith(_SIGNS) for note in item.attrs) for key, item in datasets.items())


def read(path: Path, datasets: Datasets, name: str | None) -> Found:
    """Read an image, a z stack of images or a macro raster, with its axis, dark and reference."""
    images = _images(datasets)
    parts = images[_choose(path, images, name)]
    first = parts[0]
    notes = notes_of(first)
    said = [f"processing steps: {text(notes[_DONE])}"] if _DONE in notes else []
    if first.ndim == 2:
        array, steps, more = read_lines(path, parts)
        said += more
    else:
        array, steps = lazy_dataset(path, first) if len(parts) == 1 else lazy_series(path, parts), _steps(notes, parts)
    is_result = array.dtype.kind == "c"
    if is_result:
        array = replace(array, read=partial(_imaginary, read=array.read), dtype=np.empty(0, array.dtype).imag.dtype)
        said.append("the imaginary part of a phase retrieval")
    axis, assumed = _axis(path, first, datasets, notes)
    dark, dark_from = _spectrum(path, first, datasets, _DARK)
    reference, reference_from = _spectrum(path, first, datasets, _REFERENCE)
    return Found(
        arrays={"raman" if is_result else "cars": array},
        **axis,
        spectra={word: values for word, values in (("dark", dark), ("reference", reference)) if values is not None},
        step_um=steps,
        spectra_last=True,
        history=(*said, *assumed, *dark_from, *reference_from),
    )


def _imaginary(box: Box, *, read: Callable[[Box], NDArray[Any]]) -> NDArray[Any]:
    return read(box).imag


def wavenumber_from_pixels(
    points: int, polynomial: Iterable[float], centre: float, reference_centre: float, probe: float
) -> NDArray[np.float64]:
    """Raman shift (W,) in cm⁻¹ of camera pixels, from wavelengths in nm: 1e7/λ − 1e7/probe, λ a polynomial in the pixel."""
    wavelength = np.polyval(np.atleast_1d(np.asarray(polynomial, dtype=np.float64)), np.arange(points)) + centre - reference_centre
    if not (wavelength > 0).all() or not probe > 0:
        raise ValueError(f"a polynomial of {polynomial} around {centre} nm with a probe of {probe} nm gives wavelengths of no light")
    return np.asarray(1e7 / wavelength - 1e7 / probe, dtype=np.float64)


def _images(datasets: Datasets) -> dict[str, list[h5py.Dataset]]:
    """The images by name, each a list of its z planes, or of the lines of a macro raster, by their numbers."""
    images: dict[str, list[tuple[int, h5py.Dataset]]] = {}
    for key, item in datasets.items():
        part = _LINE.match(key) if item.ndim == 2 else _PLANE.match(key)
        if not _is_calibration(key) and item.size and (item.ndim in (3, 4) or (part and item.ndim == 2)):
            images.setdefault(part["stack"] if part else key, []).append((int(part["number"]) if part else 0, item))
    return {key: [item for _, item in sorted(parts, key=lambda part: part[0])] for key, parts in images.items()}


def _is_calibration(key: str) -> bool:
    last = key.rpartition("/")[2]
    return bool(_DARK.match(last) or _REFERENCE.match(last))


def _choose(path: Path, images: dict[str, list[h5py.Dataset]], name: str | None) -> str:
    """The image of a name, or the only one; results of a phase retrieval only if there is nothing else."""
    measured = [key for key, parts in images.items() if parts[0].dtype.kind in "iuf"] or list(images)
    listed = "; ".join(
        f"'{key}' {parts[0].shape}" + (f" × {len(parts)} {'lines' if parts[0].ndim == 2 else 'planes'}" if len(parts) > 1 else "")
        for key, parts in images.items()
    )
    if not images:
        raise CrimsonError(
            f"{path}: has the NIST layout but no image (y, x, wavenumber) in it; was the acquisition stopped before it began?"
        )
    if name is None:
        if len(measured) > 1:
            raise CrimsonError(f"{path}: holds several images, {listed}; choose one with name=")
        return measured[0]
    wanted = name.strip("/")
    hits = [key for key in images if key == wanted] or [key for key in images if key.rpartition("/")[2] == wanted]
    if len(hits) != 1:
        raise CrimsonError(f"{path}: {'several images are' if hits else 'no image is'} named '{name}'; it holds {listed}")
    return hits[0]


def _axis(path: Path, image: h5py.Dataset, datasets: Datasets, notes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The axis, from the dataset that our own writer adds, else from the calibration, or what is wrong with that; with what was assumed."""
    points = image.shape[-1]
    own = datasets.get(f"{image.parent.name}/wavenumber".strip("/"))
    if own is not None and own.shape == (points,):
        return {"wavenumber": small_values(path, own).astype(np.float64)}, []
    values: dict[str, Any] = {}
    assumed = []
    for quantity, (keys, fallback) in CALIBRATION.items():
        key = next((key for key in keys if key in notes), None)
        values[quantity] = fallback if key is None else (vector if quantity == "polynomial" else number)(notes[key])
        if key is None:
            assumed.append(f"{quantity} {fallback}")
        elif values[quantity] is None:
            return {"doubt": f"attribute {key} is {text(notes[key])[:80]!r}, not a number"}, []
    try:
        axis = wavenumber_from_pixels(points, values["polynomial"], values["centre"], values["reference centre"], values["probe"])
    except ValueError as error:
        return {"doubt": f"the spectral calibration cannot be used ({error})"}, []
    return {"wavenumber": axis}, [f"calibration assumed, not in the file: {', '.join(assumed)}"] if assumed else []


def _spectrum(path: Path, image: h5py.Dataset, datasets: Datasets, kind: re.Pattern[str]) -> tuple[NDArray[np.float64] | None, list[str]]:
    """The mean of the dark or NRB frames that belong to an image, with the names that went into it.

    Those beside the image come first, of them the ones not taken early; older files keep some under ``Spectra``, of which
    the one of the image's exposure is taken, as the names tell it (``Dark_3_5ms_2``).
    """
    folder = image.parent.name.strip("/")
    fits = {
        key: item
        for key, item in datasets.items()
        if kind.match(key.rpartition("/")[2])
        and item.dtype.kind in "iuf"
        and item.ndim <= 3
        and item.shape[-1:] == image.shape[-1:]
        and item.size
    }
    beside = [key for key in fits if key.rpartition("/")[0] == folder]
    chosen = [key for key in beside if "early" not in key.lower()] or beside
    if not chosen:
        chosen = [key for key in fits if key.rpartition("/")[0].lower() == "spectra"]
        exposure = _EXPOSURE.search(image.name)
        if len(chosen) > 1 and exposure:
            chosen = [key for key in chosen if exposure[0] in key] or chosen
        if len(chosen) > 1:
            return None, [f"none of {', '.join(chosen)} taken: several fit"]
    if not chosen:
        return None, []
    mean = np.mean([mean_spectrum(path, fits[key]) for key in chosen], axis=0)
    return mean, [f"{'dark' if kind is _DARK else 'reference'} from {', '.join(chosen)}"]


def _steps(notes: Mapping[str, Any], planes: list[h5py.Dataset]) -> dict[str, float]:
    """Steps in µm: the writer says nm, the numbers are µm."""
    steps = {}
    for dim, scan in (("x", "Fast"), ("y", "Slow")):
        for prefix in (f"Raster.{scan}.", f"Macro.Raster.{scan}.", f"RasterScanParams.{scan}Axis"):
            step = number(notes.get(f"{prefix}StepSize"))
            start, stop, count = (number(notes.get(prefix + word)) for word in ("Start", "Stop", "Steps"))
            if step is None and start is not None and stop is not None and count is not None and count > 1:
                step = (stop - start) / (count - 1)
            if step:
                steps[dim] = abs(step)
                break
    if len(planes) > 1:
        low, high = (next((at for key in _HEIGHTS if (at := number(plane.attrs.get(key))) is not None), None) for plane in planes[:2])
        step = high - low if low is not None and high is not None else 0.0
        step = step or number(notes.get("Raster.Fixed.StepSize")) or 0.0
        if step:
            steps["z"] = abs(step)
    return steps
