"""What `compare` gives to look at: a table of figures, the spectra as CSV, a drawing of them with their residuals."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.compare import TRUTH, agreements
from napari_crimson.errors import CrimsonError
from napari_crimson.table import write_table

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["agreement_lines", "check_figure", "draw", "write_csv"]

_SUFFIXES = (".png", ".svg", ".pdf")
_DRAWN = 4  # pixels side by side
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind (Okabe and Ito)


def agreement_lines(result: xr.Dataset) -> list[str]:
    """Lines of two tables: how far the removers agree, and how fast they are."""
    found = agreements(result)
    wide = max(len("second"), *(len(str(name)) for name in result["remover"].values)) + 2
    lines = []
    if found:
        lines.append(f"{'first':<{wide}}{'second':<{wide}}{'r':>8}{'nRMSE':>8}{'slope':>8}{'spectra':>9}")
    for one in found:
        slope = "–" if np.isnan(one.slope) else f"{one.slope:.3f}"
        second = f"{one.second}*" if one.scaled else one.second
        lines.append(f"{one.first:<{wide}}{second:<{wide}}{_figure(one.r)}{_figure(one.nrmse)}{slope:>8}{one.spectra:>9,}")
    if any(one.scaled for one in found):
        lines.append("* of the other convention: each spectrum scaled to the first by least squares")
    left = (result["unexplained"] ** 2).mean("wavenumber").median("spectrum").values  # NaN bands and pixels are left out
    for name, rate, chi2 in zip(result["remover"].values, result["spectra_per_s"].values, left, strict=True):
        words = "" if np.isnan(chi2) else f", what it leaves of the measured intensity is {np.sqrt(chi2):.2f} of the noise"
        lines.append(f"{name}: {rate:,.0f} spectra/s{words}")
    return lines


def write_csv(result: xr.Dataset, averaged: xr.Dataset | None, path: Path) -> None:
    """Write wavenumber and a column for each spectrum: of each pixel, or mean and deviation of a region.

    Raises
    ------
    CrimsonError
        If the file cannot be written.
    """
    columns: dict[str, NDArray[Any]] = {"wavenumber (1/cm)": result["wavenumber"].values}
    if averaged is None:
        for at, place in enumerate(_places(result)):
            columns |= {f"{title} {place}": values for title, values in _curves(result.isel(spectrum=at)).items()}
    else:
        columns |= _curves(averaged)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            write_table(file, list(columns), list(columns.values()))
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be written ({error.strerror}); give another --out") from error


def check_figure(path: Path) -> None:
    """Raise `CrimsonError`, ahead of any work, where a figure cannot be drawn into `path`."""
    if path.suffix.lower() not in _SUFFIXES:
        raise CrimsonError(f"{path}: a figure is drawn as {', '.join(_SUFFIXES)}; give one of these suffixes")
    if find_spec("matplotlib") is None:
        raise CrimsonError(
            'a figure is drawn with matplotlib, which is not installed; pip install "napari-crimson[all]", or leave --figure out'
        )


def draw(result: xr.Dataset, averaged: xr.Dataset | None, path: Path) -> str:
    """Draw the spectra of up to four pixels, or of a region, above their residuals; return what is drawn.

    Raises
    ------
    CrimsonError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    places = _places(result)[:_DRAWN]
    shown = [result.isel(spectrum=at) for at in range(len(places))] if averaged is None else [averaged]
    titles = [f"pixel {place}" for place in places] if averaged is None else [str(result.attrs["chosen"])]
    figure = Figure(figsize=(max(7.0, 4.5 * len(shown)), 6), layout="constrained")
    above, below = figure.subplots(2, len(shown), sharex=True, squeeze=False, height_ratios=(2, 1))
    for top, bottom, one, title in zip(above, below, shown, titles, strict=True):
        _draw_one(top, bottom, one)
        top.set_title(title, fontsize=10)
    above[0].set_ylabel(r"Im $\chi_R/\chi_{NR}$" if "susceptibility" not in result["convention"] else "Raman-like")
    below[0].set_ylabel(f"minus {result.attrs['against']}")
    above[0].legend(frameon=False, fontsize=8)
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be written ({error.strerror}); give another --figure") from error
    left = result.sizes["spectrum"] - len(shown)
    return f"spectra above, minus {result.attrs['against']} below" + (
        f"; {left} more pixels not drawn" if averaged is None and left else ""
    )


def _draw_one(top: Axes, bottom: Axes, one: xr.Dataset) -> None:
    axis = one["wavenumber"].values
    for at, (name, colour) in enumerate(zip(one["remover"].values, _COLOURS * one.sizes["remover"], strict=False)):
        for axes, variable, spread in ((top, "raman", "uncertainty"), (bottom, "difference", "")):
            values = one[variable].values[at]
            axes.plot(axis, values, color=colour, lw=1, label=name, zorder=10 - at)
            spread = f"{variable}_sd" if f"{variable}_sd" in one else spread
            if spread in one:
                sd = one[spread].values[at]
                axes.fill_between(axis, values - sd, values + sd, color=colour, alpha=0.2, lw=0)
    if TRUTH in one:
        top.plot(axis, one[TRUTH].values, color="black", lw=0.8, ls="--", label=TRUTH)
    bottom.axhline(0, color="0.7", lw=0.8, zorder=0)
    bottom.set_xlabel("Raman shift (cm⁻¹)")
    for axes in (top, bottom):
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)


def _curves(one: xr.Dataset) -> dict[str, NDArray[Any]]:
    """Spectra (W,) of one pixel or of a mean, by what they are."""
    curves: dict[str, NDArray[Any]] = {}
    for variable in ("cars", TRUTH):
        for title in (variable, f"{variable}_sd"):
            if title in one:
                curves[title.replace("_", " ")] = one[title].values
    for at, name in enumerate(one["remover"].values):
        for variable, words in (("raman", ""), ("uncertainty", " uncertainty"), ("raman_sd", " sd")):
            if variable in one and not np.isnan(one[variable].values[at]).all():
                curves[f"{name}{words}"] = one[variable].values[at]
    return curves


def _places(result: xr.Dataset) -> list[str]:
    """Pixels as text, (y, x)."""
    dims = [dim for dim in ("t", "z", "y", "x") if dim in result.coords]
    return [f"({', '.join(str(int(result[dim][at])) for dim in dims)})" for at in range(result.sizes["spectrum"])]


def _figure(value: float) -> str:
    return f"{'–' if np.isnan(value) else format(value, '.3f'):>8}"
