"""The steps a pipeline may have: a literal table, each step with its function and its options.

What a step does and what its options mean is told in `napari_crimson.prepare`; here is only what a form or a file
needs beyond that: a title, bounds for numbers, and values that can be written down in place of arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from napari_crimson import prepare
from napari_crimson.correction import spectrum_on_axis
from napari_crimson.errors import CrimsonError
from napari_crimson.excitation import ExcitationSettings, estimate_reference
from napari_crimson.io.spectrum import read_spectrum
from napari_crimson.pipeline.options import MOST_VALUES, Bounds, Kind, Option, build_settings, options_of_function, options_of_settings

__all__ = ["STEPS", "Step", "StepKind"]

Fraction = Callable[[float], object]


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """A step that a pipeline may have.

    Attributes
    ----------
    name : str
        As in a recipe.
    title, help : str
        For a menu, and one line below it.
    options : tuple of Option
    """

    name: str
    title: str
    options: tuple[Option, ...]
    _function: Callable[..., xr.Dataset] = field(repr=False)
    _settings: type | None = field(default=None, repr=False)

    @property
    def help(self) -> str:
        """What the step does, in one line."""
        return (inspect.getdoc(self._function) or "").partition("\n")[0]

    @property
    def reads_stack(self) -> bool:
        """Whether it reads the whole stack ahead of the removal; the others are lazy."""
        return "progress" in inspect.signature(self._function).parameters

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give options back, checked, lists as tuples.

        Raises
        ------
        CrimsonError
            If one is unknown, missing, or not what it must be.
        """
        known = {option.name: option for option in self.options}
        for name in options:
            if name not in known:
                raise CrimsonError(f"no option '{name}'; there {_are(known)}")
        missing = [option for option in self.options if option.required and option.name not in options]
        if missing:
            raise CrimsonError(f"'{missing[0].name}' is missing: give {missing[0].wanted}")
        checked = {name: known[name].check(value) for name, value in options.items()}
        if self._settings is not None:
            build_settings(self._settings, checked)  # it knows which values go together
        return checked

    def run(self, ds: xr.Dataset, options: Mapping[str, Any], progress: Fraction | None = None) -> xr.Dataset:
        """Do the step on a stack; `progress` is called with the fraction done where the step reads the stack."""
        parameters = inspect.signature(self._function).parameters
        hook = {"progress": progress} if self.reads_stack else {}
        if self._settings is not None:
            return self._function(ds, build_settings(self._settings, options), **hook)
        lines = {option.name for option in self.options if option.kind == "lines"}
        values = {name: dict(value) if name in lines else value for name, value in options.items()}
        positional = [values.pop(p.name) for p in parameters.values() if p.kind is p.POSITIONAL_ONLY and p.name in values]
        return self._function(ds, *positional, **values, **hook)


def _are(known: Mapping[str, Any]) -> str:
    return f"are {', '.join(known)}" if known else "is none for it"


def subtract_dark(ds: xr.Dataset, *, dark: float | tuple[float, ...] | str | None = None) -> xr.Dataset:
    """Subtract the dark counts from the intensities and from the reference.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    dark : float, tuple of float or str, optional
        Counts, for all bands or for each, or a file with a spectrum; left out, the dark of the stack.
    """
    if not isinstance(dark, str):
        return prepare.subtract_dark(ds, dark)
    return prepare.subtract_dark(ds, spectrum_on_axis("dark", read_spectrum(dark), ds["wavenumber"].values))


def resample(
    ds: xr.Dataset,
    *,
    first_cm1: float | None = None,
    last_cm1: float | None = None,
    points: int | None = None,
    wavenumber: tuple[float, ...] | None = None,
) -> xr.Dataset:
    """Bring a stack, and all in it that has a spectrum, to another axis.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    first_cm1, last_cm1 : float, optional
        Ends of an evenly spaced axis, within the present one.
    points : int, optional
        Their number.
    wavenumber : tuple of float, optional
        Or every point of the axis, in cm⁻¹.
    """
    return prepare.resample(ds, _axis(first_cm1, last_cm1, points, wavenumber))


def replace_axis(
    ds: xr.Dataset, *, first_cm1: float | None = None, last_cm1: float | None = None, wavenumber: tuple[float, ...] | None = None
) -> xr.Dataset:
    """Replace the axis outright; the intensities stay as they are.

    Parameters
    ----------
    ds : xarray.Dataset
        A stack.
    first_cm1, last_cm1 : float, optional
        Of the first and the last band, evenly spaced between them.
    wavenumber : tuple of float, optional
        Or of every band, in cm⁻¹.
    """
    return prepare.replace_axis(ds, _axis(first_cm1, last_cm1, ds.sizes["wavenumber"], wavenumber))


def _axis(first: float | None, last: float | None, points: int | None, wavenumber: tuple[float, ...] | None) -> Any:
    if wavenumber is None and not (first is None or last is None or points is None):
        return np.linspace(first, last, points)
    if wavenumber is not None and first is None and last is None:
        return wavenumber
    raise CrimsonError("give first_cm1 and last_cm1 (and points, to resample), or every point as wavenumber, and not both")


_HELP = {  # of functions whose one line says it all
    "first_cm1": "First Raman shift kept.",
    "last_cm1": "Last Raman shift kept.",
    "lines_cm1": "Where a line appears on the present axis, and where it belongs: two lines or more.",
}


def _step(
    function: Callable[..., xr.Dataset],
    title: str,
    *,
    settings: type | None = None,
    bounds: Bounds | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> StepKind:
    if settings is not None:
        options = options_of_settings(settings, bounds)
    else:
        options = options_of_function(function, kinds or {}, bounds or {}, _HELP)
    return StepKind(name=function.__name__, title=title, options=options, _function=function, _settings=settings)


_POSITIVE = (0.0, None)

STEPS: dict[str, StepKind] = {  # in the usual order of work
    step.name: step
    for step in (
        _step(
            prepare.remove_spikes,
            "Cosmic rays",
            settings=prepare.SpikeSettings,
            bounds={"threshold": _POSITIVE, "edge": _POSITIVE, "most_bands": (1, 1000)},
        ),
        _step(subtract_dark, "Dark", kinds={"dark": "spectrum"}),
        _step(prepare.subtract_offset, "Residual offset", kinds={"region_cm1": "pair"}),
        _step(prepare.smooth_reference, "Smooth the reference", bounds={"window_cm1": _POSITIVE, "order": (0, 20)}),
        _step(prepare.crop, "Crop"),
        _step(prepare.calibrate_axis, "Calibrate the axis", kinds={"lines_cm1": "lines"}, bounds={"degree": (1, 9)}),
        _step(replace_axis, "Replace the axis", kinds={"wavenumber": "numbers"}),
        _step(resample, "Resample", kinds={"wavenumber": "numbers"}, bounds={"points": (2, MOST_VALUES)}),
        _step(
            prepare.stabilise_variance,
            "Stabilise the variance",
            settings=prepare.NoiseModel,
            bounds={"gain": _POSITIVE, "read_noise": _POSITIVE},
        ),
        _step(
            prepare.denoise_svd,
            "Denoise by SVD",
            settings=prepare.SVDSettings,
            bounds={"components": (1, MOST_VALUES), "gain": _POSITIVE, "read_noise": _POSITIVE},
        ),
        _step(prepare.restore_counts, "Restore the counts"),
        _step(estimate_reference, "Reference from the stack", settings=ExcitationSettings, bounds={"pixels": (1, MOST_VALUES)}),
    )
}


@dataclass(frozen=True)
class Step:
    """One step of a pipeline: a name of `STEPS`, and options that are not left at their defaults.

    Raises
    ------
    CrimsonError
        If the step or an option is unknown, or a value is not what it must be.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in STEPS:
            raise CrimsonError(f"no step '{self.name}'; there are {', '.join(STEPS)}")
        object.__setattr__(self, "options", self.kind.check(self.options))

    @property
    def kind(self) -> StepKind:
        """What the step does, and what its options may be."""
        return STEPS[self.name]
