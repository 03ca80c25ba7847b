"""What is made of a corrected stack: baselines, images of bands, false colours, components.

Each function takes a stack with variable ``raman`` (one without, such as a corrected stack of another program, is taken by its
``cars``) and gives a new one or an image, with a line in its history.

- `baseline`: what a remover left beneath the lines, by any method of pybaselines;
- `bands`, with `band_names` and `band_weights`: normalisation, images and ratios of bands;
- `composite`: several bands as one picture in false colours;
- `unmix`, with `sample`, `components`, `nfindr` and `nonnegative`: spectra of the components and how much of each is in a pixel;
- `regions`: mean spectra of labelled regions;
- `files`: images, spectra and pictures on disk.
"""

from napari_crimson.analysis.band_names import NAMED_BANDS, Band, BandLike, band_of
from napari_crimson.analysis.bands import band_image, band_ratio, image_noise, normalise
from napari_crimson.analysis.baseline import baseline_methods, subtract_baseline
from napari_crimson.analysis.composite import blend, composite
from napari_crimson.analysis.regions import region_spectra
from napari_crimson.analysis.unmix import UNMIXING, unmix

__all__ = [
    "NAMED_BANDS",
    "UNMIXING",
    "Band",
    "BandLike",
    "band_image",
    "band_of",
    "band_ratio",
    "baseline_methods",
    "blend",
    "composite",
    "image_noise",
    "normalise",
    "region_spectra",
    "subtract_baseline",
    "unmix",
]
