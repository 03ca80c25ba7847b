"""HDF5: the NIST layout where it is recognised, ScanCARS, HyperSpy, and any other file by its largest array.

Links are not followed, neither to other files nor within one, so that no file is read that the user
did not choose.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py

from napari_crimson.errors import CrimsonError
from napari_crimson.io import nist
from napari_crimson.io.found import SPECTRA, Found, choose
from napari_crimson.io.hdf5_array import lazy_dataset, small_values
from napari_crimson.io.hdf5_heaps import check_heaps
from napari_crimson.io.hyperspy_axes import Axis, found_hyperspy
from napari_crimson.io.nist_notes import number
from napari_crimson.io.spectral import choose_axis, is_spectral

__all__ = ["datasets_in", "read"]

_DEPTH, _MOST_OBJECTS, _LINKS_TOLD = 32, 50_000, 5


def read(path: Path, name: str | None) -> Found:
    """Read a stack from HDF5; `name` is a dataset in it."""
    check_heaps(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be opened as HDF5 ({error}); it is truncated, or another program is writing it") from error
    with file:
        datasets = datasets_in(file)
        if not datasets:
            raise CrimsonError(f"{path}: holds no datasets{_links(file)}; give a file that holds the stack itself")
        if nist.is_nist(datasets):
            return nist.read(path, datasets, name)
        return _scancars(path, datasets, name) or _largest(path, datasets, name)


def datasets_in(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All datasets by their path, in order; links are not followed.

    `CrimsonError` if there are too many objects, or groups are nested too deeply: each costs more than the last one.
    """
    found: dict[str, h5py.Dataset] = {}
    seen = itertools.count(1)

    def keep(name: str | bytes, item: h5py.Group | h5py.Dataset) -> str | None:
        name = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name  # h5py gives bytes where they are no UTF-8
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found[name] = item
        return _beyond(name, next(seen))

    if beyond := file.visititems(keep):
        raise CrimsonError(f"{file.filename}: {beyond}; copy the stack into a file of its own")
    return found


def _beyond(name: str, number: int) -> str | None:
    """What is too much of a file, at its object of this name and number."""
    if name.count("/") >= _DEPTH:
        return f"groups nested more than {_DEPTH} deep"
    return f"more than {_MOST_OBJECTS:,} groups and datasets" if number > _MOST_OBJECTS else None


def _scancars(path: Path, datasets: dict[str, h5py.Dataset], name: str | None) -> Found | None:
    """ScanCARS: tracks (x, y, z, W) under ``sipcars``, their sizes and steps in µm on the group, no axis.

    Tracks whose sizes are those of (z, y, x), or that come without, are taken as such.
    """
    tracks = {key: item for key, item in datasets.items() if key.rpartition("/")[0].endswith("sipcars") and item.ndim == 4}
    if not tracks:
        return None
    track = tracks[choose(path, {key: item.shape for key, item in tracks.items()}, name)]
    notes = {**track.parent.attrs, **track.attrs}
    lateral, axial = (number(notes.get(key)) for key in ("XY Step Size", "Z Step Size"))
    sizes = tuple(number(notes.get(f"{dim} Pixels")) for dim in "XYZ")
    array = lazy_dataset(path, track)
    array = array.turned((2, 1, 0, 3)) if track.shape[:3] == sizes else array
    steps = {"y": lateral, "x": lateral, "z": axial}
    return Found(arrays={"cars": array}, spectra_last=True, step_um={dim: step for dim, step in steps.items() if step})


def _largest(path: Path, datasets: dict[str, h5py.Dataset], name: str | None) -> Found:
    """Any other file: its largest array of rank 3 to 5, and the 1-D dataset that fits and is named as its axis."""
    stacks = {key: item.shape for key, item in datasets.items() if item.dtype.kind in "iufc" and (3 <= item.ndim <= 5 or key == name)}
    chosen = choose(path, stacks, name)
    cars = lazy_dataset(path, datasets[chosen])
    if (ours := found_hyperspy(cars, _axes_beside(path, datasets, chosen))) is not None:
        return ours
    vectors = {key: item for key, item in datasets.items() if item.ndim == 1 and item.dtype.kind in "iuf" and item.size in cars.shape}
    folder = chosen.rpartition("/")[0]
    axes = {key: (small_values(path, item), item.attrs.get("units")) for key, item in vectors.items() if is_spectral(key)}
    axis = choose_axis(axes, near=[key for key in axes if key.rpartition("/")[0] == folder])
    spectra = {
        word: small_values(path, item) for word in SPECTRA for key, item in vectors.items() if key.rpartition("/")[2].lower() == word
    }
    return Found(arrays={"cars": cars}, spectra=spectra, **axis)


def _axes_beside(path: Path, datasets: dict[str, h5py.Dataset], chosen: str) -> list[Axis]:
    """Axes of HyperSpy beside an array; none in any other file."""
    parent = datasets[chosen].parent
    axes: list[Axis] = []
    for i in range(datasets[chosen].ndim):
        if isinstance(parent.get(f"axis-{i}", getlink=True), h5py.HardLink) and isinstance(parent[f"axis-{i}"], h5py.Group):
            values = datasets.get(f"{chosen.rpartition('/')[0]}/axis-{i}/axis")
            axes.append((dict(parent[f"axis-{i}"].attrs), None if values is None else small_values(path, values)))
    return axes


def _links(file: h5py.File) -> str:
    """Say of links, which are not followed, where they lead."""
    seen: list[str] = []

    def keep(name: str, link: object) -> bool | None:
        if isinstance(link, h5py.ExternalLink):
            seen.append(f"'{name}' leads to {link.filename}")
        elif isinstance(link, h5py.SoftLink):
            seen.append(f"'{name}' leads to {link.path}")
        return len(seen) >= _LINKS_TOLD or None

    file.visititems_links(keep)
    return f", only links, which are not followed ({'; '.join(seen)})" if seen else ""
