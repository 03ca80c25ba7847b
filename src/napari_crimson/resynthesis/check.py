"""`check`: the physics check of a corrected stack, as images, lazily in blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import compute
from numpy.typing import ArrayLike, NDArray

from napari_crimson.blocks import plan_blocks
from napari_crimson.prepare.step import lazy_cars
from napari_crimson.resynthesis.plan import Plan, lazy_raman, plan_check
from napari_crimson.resynthesis.spectra import CheckSettings

__all__ = ["check", "run_check"]


def check(
    result: xr.Dataset,
    settings: CheckSettings | None = None,
    *,
    dark: str | ArrayLike | None = "auto",
    residual: bool = False,
) -> xr.Dataset:
    """Tell where an answer does not give the measured spectrum back.

    From the answer r = Im χ_R/χ_NR the complex ratio ρ is rebuilt by Kramers–Kronig; the measured intensity divided by
    |1 + ρ|² must be the excitation that all pixels share. A sample of pixels is read now to find that excitation, the noise,
    and what residuals are usual; the images are computed when asked for.

    Parameters
    ----------
    result : xarray.Dataset
        With `cars` and `raman`, as `remove_background` gives it; the intensities as the remover saw them.
    settings : CheckSettings, optional
        Resolution, edges, limit, noise.
    dark : "auto", None or array_like (W,)
        What was subtracted ahead of the removal; "auto" takes the stack's own.
    residual : bool
        Also give the residual spectra of the answer as it is.

    Returns
    -------
    xarray.Dataset
        Lazy, float32, NaN in pixels without an answer:

        - ``distrust`` (..., y, x): above 1 the residual is unlike that of the stack's other pixels;
        - ``chi2`` (..., y, x): reduced χ² of the answer as it is, 1 where it leaves noise alone, less where it follows the noise;
        - ``excitation`` (wavenumber,): as fitted, its median level over the stack 1;
        - ``residual`` (..., y, x, wavenumber) in standard deviations, if asked for.

        The attrs tell ``usual_chi2``, the median over the sample, ``gain`` and ``read_noise``.

    Raises
    ------
    CrimsonError
        If a variable is missing, the intensities are stabilised, the answer is no ratio, or too few pixels or bands have one.
    """
    plan = plan_check(result, settings, dark=dark)
    cars, raman = lazy_cars(result), lazy_raman(result)
    both = da.map_blocks(  # type: ignore[no-untyped-call]
        partial(_images, plan=plan),
        cars,
        raman,
        dtype=np.float32,
        drop_axis=cars.ndim - 1,
        new_axis=0,
        chunks=((2,), *cars.chunks[:-1]),
        meta=np.empty((0,) * cars.ndim, dtype=np.float32),
    )
    pixel_dims = result["cars"].dims[:-1]
    excitation = np.full(cars.shape[-1], np.nan)
    excitation[plan.bands] = plan.excitation
    variables: dict[str, Any] = {
        "distrust": (pixel_dims, both[0], {"long_name": "residual, 1 where it becomes unusual"}),
        "chi2": (pixel_dims, both[1], {"long_name": "reduced χ² of the answer"}),
        "excitation": ("wavenumber", excitation),
    }
    if residual:
        left = da.map_blocks(partial(_residual, plan=plan), cars, raman, dtype=np.float32, meta=np.empty((0,) * cars.ndim, np.float32))  # type: ignore[no-untyped-call]
        variables["residual"] = (result["cars"].dims, left, {"units": "standard deviations"})
    attrs = {"usual_chi2": plan.usual_chi2, "gain": plan.noise.gain, "read_noise": plan.noise.read_noise}
    return xr.Dataset(
        variables, {name: result[name] for name in result["cars"].coords}, {**attrs, "source": result.attrs.get("source", "")}
    )


def run_check(
    result: xr.Dataset,
    settings: CheckSettings | None = None,
    *,
    dark: str | ArrayLike | None = "auto",
    progress: Callable[[float], object] | None = None,
) -> xr.Dataset:
    """`check`, its images computed now, block by block.

    Parameters
    ----------
    result, settings, dark
        As in `check`.
    progress : callable, optional
        Called with the fraction of the blocks that is done, 0 to 1; whatever it raises ends the work.
    """
    lazy = check(result, settings, dark=dark)
    names = ("distrust", "chi2")
    images = {name: np.full(lazy[name].shape, np.nan, dtype=np.float32) for name in names}
    cars = lazy_cars(result)
    regions = plan_blocks(cars.shape, cars.chunks)
    for done, region in enumerate(regions):
        if progress is not None:
            progress(done / len(regions))
        for name, part in zip(names, compute(*(lazy[name].data[region] for name in names)), strict=True):  # type: ignore[no-untyped-call]
            images[name][region] = part
    return lazy.assign({name: lazy[name].copy(data=images[name]) for name in names})


def _images(cars: NDArray[Any], raman: NDArray[Any], *, plan: Plan) -> NDArray[np.float32]:
    """Images (2, ...) of a block (..., W)."""
    points = cars.shape[-1]
    return plan.images(cars.reshape(-1, points), raman.reshape(-1, points)).reshape(2, *cars.shape[:-1])


def _residual(cars: NDArray[Any], raman: NDArray[Any], *, plan: Plan) -> NDArray[np.float32]:
    """Residual spectra of a block (..., W)."""
    points = cars.shape[-1]
    return plan.residual_spectra(cars.reshape(-1, points), raman.reshape(-1, points)).reshape(cars.shape)
