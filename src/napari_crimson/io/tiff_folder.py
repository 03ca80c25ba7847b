"""A folder of TIFFs, one for each wavenumber, in the order of the numbers in their names."""

from __future__ import annotations

import re
from pathlib import Path

from napari_crimson.errors import CrimsonError
from napari_crimson.io.found import Found
from napari_crimson.io.inside import check_inside
from napari_crimson.io.tiff import page_of
from napari_crimson.io.tiff_pages import lazy_pages, open_tiff

__all__ = ["read"]


def read(path: Path, name: str | None) -> Found:
    """Read ``image_1.tif``, ``image_2.tif``, … as the planes of a stack; `name` is the beginning of their names."""
    files = _numbered(path, name)
    pages, likeness = [], None
    with open_tiff(files[0]) as opened:
        first = opened.pages.first
        for file in files:
            with open_tiff(file) as tif:
                page = tif.pages.first
                if len(tif.pages) != 1 or page.samplesperpixel != 1:
                    raise CrimsonError(
                        f"{file}: {len(tif.pages)} pages of {page.samplesperpixel} samples; in a folder each TIFF is one grey image"
                    )
                seen = (page.shape, page.dtype, page.compression, page.is_contiguous, page.parent.byteorder, page.chunks)
                likeness = likeness or seen
                if seen != likeness:
                    raise CrimsonError(
                        f"{file}: {page.shape} {page.dtype}, but {files[0].name} is {first.shape} {first.dtype}; a stack needs them alike"
                    )
                pages.append(page_of(page))
        array = lazy_pages(path, pages, (len(files),), first)
    return Found(
        arrays={"cars": array.turned((1, 2, 0))}, spectra_last=True, history=(f"{len(files)} files, {files[0].name} to {files[-1].name}",)
    )


def _numbered(path: Path, name: str | None) -> list[Path]:
    """The TIFFs of one series, by the last number in their names."""
    series: dict[str, dict[int, Path]] = {}
    for file in sorted(path.iterdir()):
        parts = re.fullmatch(r"(.*?)(\d+)\D*", file.stem)
        if parts is None or file.suffix.lower() not in (".tif", ".tiff"):
            continue
        check_inside(file, path, of=path)
        numbers = series.setdefault(parts[1], {})
        if int(parts[2]) in numbers:
            raise CrimsonError(f"{path}: {numbers[int(parts[2])].name} and {file.name} bear the same number; take one away")
        numbers[int(parts[2])] = file
    chosen = [key for key in series if name is None or key.startswith(name)]
    if len(chosen) != 1:
        listed = ", ".join(f"'{key}' ({len(files)})" for key, files in series.items()) or "none"
        raise CrimsonError(f"{path}: expected one series of numbered TIFFs, found {listed}; choose one with name=")
    return [file for _, file in sorted(series[chosen[0]].items())]
