"""The whole line on a simulated stack: write it, open it, remove its background, compare with the truth.

What it prints is measured in that run; the stack is a phantom, so the figures say how the remover
does on data of its own kind, not on yours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import SubFigure

__all__ = ["draw_comparison", "run_demo", "show_in_napari"]

_SPECTRA = 3  # pixels drawn
_FIGURES = {"r_median": "median Pearson r", "nrmse": "nRMSE", "r2_median": "median R²", "mse_mean": "mean MSE", "slope": "slope"}
_RATIO = r"Im $\chi_R/\chi_{NR}$"
_COLOURS = ("#0072b2", "#d55e00", "#009e73")  # told apart by the colour-blind (Okabe and Ito)


def run_demo(
    folder: Path, *, remover: str = "cnn", shape: tuple[int, int] = (96, 96), show: bool = True, say: Callable[[str], Any]
) -> dict[str, float]:
    """Run the demo into `folder`: ``tissue.h5``, ``tissue.zarr``, ``demo.png``.

    Parameters
    ----------
    folder : Path
        Made if missing; the three files of an earlier demo in it are replaced.
    remover : str
        As for `load_remover`.
    shape : tuple of int
        Pixels (y, x) of the stack.
    show : bool
        Open napari on the result, where that can be done.
    say : callable
        Takes each line to print.

    Returns
    -------
    dict
        The figures of `score`.

    Raises
    ------
    CrimsonError
        If matplotlib is missing or the folder cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise CrimsonError('the demo draws with matplotlib, which is not installed; pip install "napari-crimson[all]"')
    from napari_crimson.io import open_stack, save_stack
    from napari_crimson.metrics import score
    from napari_crimson.phantom import simulate_stack
    from napari_crimson.remove import remove_background
    from napari_crimson.stream import Progress

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrimsonError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error
    measured, corrected, picture = folder / "tissue.h5", folder / "tissue.zarr", folder / "demo.png"
    phantom = simulate_stack(shape, seed=0)
    save_stack(phantom[["cars", "dark", "reference"]], measured, overwrite=True)
    stack = open_stack(measured)
    say(f"{measured}: {' × '.join(map(str, stack['cars'].shape))}, simulated, in the NIST layout with dark and reference")

    last: list[Progress] = []
    result = remove_background(stack, remover, output=corrected, resume=False, progress=last.append)
    say(f"{corrected}: background removed with {remover}, {last[-1].spectra_per_s:,.0f} spectra/s")

    truth, raman = phantom["raman"].values, result["raman"].values
    figures = score(truth, raman)
    say("against the truth: " + ", ".join(f"{words} {figures[name]:.3g}" for name, words in _FIGURES.items()))
    draw_comparison(picture, phantom, result)
    say(f"{picture}: image before and after, spectra of {_SPECTRA} pixels against the truth")
    if show:
        say(show_in_napari(measured, corrected, float(phantom["wavenumber"][telling_band(truth)])))
    return figures


def draw_comparison(path: Path, phantom: xr.Dataset, result: xr.Dataset) -> None:
    """Draw the image at one band before and after, and spectra of three pixels against the truth.

    Parameters
    ----------
    path : Path
        A .png or .svg.
    phantom, result : Dataset
        With ``cars`` and the true ``raman``; with the corrected ``raman``, on the same axis.
    """
    from matplotlib.figure import Figure

    axis = phantom["wavenumber"].values
    cars, truth, raman = phantom["cars"].values, phantom["raman"].values, result["raman"].values
    band = telling_band(truth)
    pixels = distinct_pixels(truth)

    figure = Figure(figsize=(10, 8), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 1.7))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_images(above, f"{axis[band]:.0f} cm⁻¹", (cars[..., band], raman[..., band], truth[..., band]), pixels)

    panels = below.subplots(_SPECTRA, 2, sharex=True)
    for (before, after), (y, x), colour in zip(panels, pixels, _COLOURS, strict=True):
        before.plot(axis, cars[y, x], color=colour, lw=0.9)
        before.set_ylabel("counts")
        after.plot(axis, raman[y, x], color=colour, lw=1.2, label="background removed")
        after.plot(axis, truth[y, x], color="black", lw=0.8, ls="--", label="truth")
        after.set_ylabel(_RATIO)
        for axes in (before, after):
            axes.axvline(axis[band], color="0.8", lw=0.8, zorder=0)
            axes.margins(x=0)
            axes.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_title("Measured")
    panels[0, 1].set_title("Background removed, and the truth")
    panels[0, 1].legend(frameon=False, fontsize=8, loc="upper left")
    for axes in panels[-1]:
        axes.set_xlabel("wavenumber (cm⁻¹)")
    figure.savefig(path, dpi=90)


def _draw_images(figure: SubFigure, where: str, images: tuple[NDArray[Any], ...], pixels: list[tuple[int, int]]) -> None:
    """Draw images (Y, X) of one band: measured, corrected, true; the last two on one scale."""
    low, high = (float(np.percentile(images[-1], share)) for share in (1, 99.5))
    titles = (f"Measured CARS at {where}", "Background removed", "Truth")
    for axes, title, image in zip(figure.subplots(1, 3), titles, images, strict=True):
        counts = image is images[0]
        shown = axes.imshow(image, cmap="gray") if counts else axes.imshow(image, cmap="magma", vmin=low, vmax=high)
        figure.colorbar(shown, ax=axes, shrink=0.9, label="counts" if counts else _RATIO)
        axes.set_title(title, fontsize=11)
        axes.set(xticks=[], yticks=[])
        for (y, x), colour in zip(pixels, _COLOURS, strict=True):
            axes.plot(x, y, "o", ms=9, mfc="none", mec="white", mew=3.5, clip_on=False)
            axes.plot(x, y, "o", ms=9, mfc="none", mec=colour, mew=2, clip_on=False)


def distinct_pixels(spectra: NDArray[Any]) -> list[tuple[int, int]]:
    """Choose three pixels (y, x) of `spectra` (Y, X, W): the strongest, then those least like the ones before."""
    flat = spectra.reshape(-1, spectra.shape[-1]).astype(np.float64)
    strength = np.linalg.norm(flat, axis=1)
    weight = strength / max(strength.max(), 1e-12)
    rest = flat / np.maximum(strength, 1e-12)[:, None] * np.sqrt(weight)[:, None]  # weak pixels are mostly noise to look at
    chosen = []
    for _ in range(_SPECTRA):
        at = int(np.argmax(np.linalg.norm(rest, axis=1)))
        chosen.append(at)
        direction = rest[at] / max(float(np.linalg.norm(rest[at])), 1e-12)
        rest = rest - np.outer(rest @ direction, direction)
    return [(at // spectra.shape[1], at % spectra.shape[1]) for at in chosen]


def telling_band(spectra: NDArray[Any]) -> int:
    """Find the band at which the pixels of `spectra` (Y, X, W) differ most."""
    return int(np.argmax(spectra.std(axis=(0, 1))))


def show_in_napari(stack: Path, result: Path, wavenumber: float) -> str:
    """Open napari on a stack and its result at `wavenumber` and wait until it is closed; where it cannot be, say why."""
    if find_spec("napari") is None or not any(find_spec(binding) for binding in ("PySide6", "PyQt6", "PyQt5")):
        return 'napari is not opened: no Qt binding here; pip install "napari-crimson[all]"'
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "napari is not opened: there is no display here"
    # in a process of its own, as nothing outside plugin/ imports napari; the paths are ours
    command = [sys.executable, "-m", "napari_crimson.plugin.show", str(wavenumber), str(stack), str(result)]
    code = subprocess.run(command, check=False).returncode  # noqa: S603
    return "napari was shown and closed" if code == 0 else f"napari ended with code {code}; open {stack} and {result} in it by hand"
