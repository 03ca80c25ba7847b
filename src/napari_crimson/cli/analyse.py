"""``napari-crimson analyse``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_crimson.cli.app import app
from napari_crimson.cli.terminal import printable, progress_bar, warn_if_unfinished
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    import xarray as xr

    from napari_crimson.analysis.band_weights import BandBaseline

__all__ = ["analyse"]

_BAND = "A name (CH2, CH3, phenylalanine, amide I, …), a Raman shift, or edges such as 2840-2860"


@app.command()
def analyse(
    result: Annotated[Path, typer.Argument(help="A corrected stack.")],
    out: Annotated[Path, typer.Option(help="Folder for images, spectra and pictures.", file_okay=False)],
    band: Annotated[list[str] | None, typer.Option(help=f"Image of a band, as OME-TIFF. {_BAND}. May be repeated.")] = None,
    ratio: Annotated[list[str] | None, typer.Option(help="Ratio of two bands, such as CH2/CH3. May be repeated.")] = None,
    composite: Annotated[list[str] | None, typer.Option(help="Picture of some bands in false colours, such as CH2,CH3,1004.")] = None,
    linear: Annotated[bool, typer.Option("--linear", help="Take bands above a line through both of their sides.")] = False,
    unmix: Annotated[str | None, typer.Option(help="Components by mcr, nmf, nfindr or kmeans: abundances and spectra.")] = None,
    components: Annotated[int, typer.Option(help="How many.", min=2)] = 4,
    regions: Annotated[
        Path | None,
        typer.Option(help="Labels (.tif as napari saves them, or .npy): mean spectrum and deviation of each, as CSV.", dir_okay=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the pixels that the components are found from.")] = 0,
    baseline: Annotated[
        str | None, typer.Option(help="First subtract a baseline, by a method of pybaselines such as arpls, or arpls,lam=1e6.")
    ] = None,
    normalise: Annotated[str | None, typer.Option(help="First, but after the baseline, divide by area, max, vector or a band.")] = None,
) -> None:
    """Make images of bands, ratios, false colours and components of a corrected stack, and spectra of its regions."""
    from napari_crimson import analysis
    from napari_crimson.analysis.baseline import options_from_text
    from napari_crimson.io import open_stack

    if not (band or ratio or composite or unmix or regions):
        raise typer.BadParameter("give --band, --ratio, --composite, --unmix or --regions", param_hint="what to make")
    if unmix is not None and unmix not in analysis.UNMIXING:
        raise CrimsonError(f"--unmix {unmix}: give one of {', '.join(analysis.UNMIXING)}")
    stack = open_stack(result)
    warn_if_unfinished(stack, result)
    if baseline is not None:
        method, _, settings = baseline.partition(",")
        stack = analysis.subtract_baseline(stack, method.strip(), **options_from_text(settings))
    if normalise is not None:
        stack = analysis.normalise(stack, normalise)
    stem = out / result.stem
    for path in _images(stack, stem, band or [], ratio or [], linear=linear):
        typer.echo(printable(path))
    for picture in composite or []:
        for path in _pictures(stack, stem, picture, linear=linear):
            typer.echo(printable(path))
    if regions is not None:
        typer.echo(printable(_regions(stack, stem, regions)))
    if unmix is not None:
        for path in _components(stack, stem, unmix, components, seed):
            typer.echo(printable(path))


def _images(stack: xr.Dataset, stem: Path, bands: list[str], ratios: list[str], *, linear: bool) -> Iterator[Path]:
    """Write the images of bands and ratios; every band is looked at before any is read."""
    from napari_crimson.analysis import band_image, band_ratio
    from napari_crimson.analysis.files import write_image

    anchors: BandBaseline = "linear" if linear else None
    images = {_beside(stem, band, ".tif"): band_image(stack, band, baseline=anchors) for band in bands}
    for pair in ratios:
        above, slash, below = pair.partition("/")
        if not slash:
            raise CrimsonError(f"--ratio {pair}: give two bands with a slash between, such as CH2/CH3")
        images[_beside(stem, f"{above}_over_{below}", ".tif")] = band_ratio(stack, above, below, baseline=anchors)
    for path, image in images.items():
        write_image(image, path)
        yield path


def _pictures(stack: xr.Dataset, stem: Path, bands: str, *, linear: bool) -> Iterator[Path]:
    """Write a picture in false colours, one of each plane of a stack that has several."""
    from napari_crimson.analysis import composite
    from napari_crimson.analysis.files import write_picture

    image = composite(stack, [band.strip() for band in bands.split(",")], baseline="linear" if linear else None)
    lead = image.dims[:-3]
    for plane in np.ndindex(image.shape[:-3]):
        path = _beside(stem, "_".join([bands, *(f"{dim}{at}" for dim, at in zip(lead, plane, strict=True))]), ".png")
        write_picture(image.values[plane], path)
        yield path


def _regions(stack: xr.Dataset, stem: Path, labels: Path) -> Path:
    """Write the spectra of labelled regions."""
    from napari_crimson.analysis import region_spectra
    from napari_crimson.analysis.files import read_labels, write_regions

    with progress_bar() as bar:
        task = bar.add_task("regions", total=1, rate="", left="")
        found = region_spectra(stack, read_labels(labels), progress=lambda part: bar.update(task, completed=part))
    path = _beside(stem, "regions", ".csv")
    write_regions(found, path)
    return path


def _components(stack: xr.Dataset, stem: Path, method: str, components: int, seed: int) -> Iterator[Path]:
    """Write abundances and spectra."""
    from napari_crimson.analysis import unmix
    from napari_crimson.analysis.files import write_image, write_spectra

    with progress_bar() as bar:
        task = bar.add_task(method, total=1, rate="", left="")
        found = unmix(
            stack,
            method,  # type: ignore[arg-type]  # checked
            components=components,
            seed=seed,
            progress=lambda part: bar.update(task, completed=part),
        )
    path = _beside(stem, f"{method}_abundance", ".tif")
    write_image(found["abundance"].assign_attrs(found.attrs), path)
    yield path
    path = _beside(stem, f"{method}_spectra", ".csv")
    write_spectra(found["spectra"], path)
    yield path
    typer.echo(printable(found.attrs["history"][-1]))


def _beside(stem: Path, what: str, suffix: str) -> Path:
    """Name a file after the stack and what is in it."""
    plain = re.sub(r"[^\w.-]+", "_", what)
    return stem.with_name(f"{stem.name}_{plain}{suffix}")
