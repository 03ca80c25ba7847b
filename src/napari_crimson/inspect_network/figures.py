"""Figures of what `look_inside` saw, drawn with matplotlib."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_crimson.errors import CrimsonError
from napari_crimson.inspect_network.inspection import Inspection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_matplotlib", "draw_field", "draw_filters", "draw_maps", "draw_peak", "draw_training", "save_figures"]

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by the colour-blind (Okabe and Ito)
_AXIS = "wavenumber (cm⁻¹)"
_LEAST_INFLUENCE = 1e-3
_NEAR_CM1 = (100.0, 250.0)  # least and most to either side of a peak in its close-up
_ANSWERS = {"relative": r"Im $\chi_R/\chi_{NR}$", "susceptibility": r"Im $\chi_R$"}


def check_matplotlib() -> None:
    """Raise `CrimsonError` where matplotlib is missing; call it ahead of any work."""
    if find_spec("matplotlib") is None:
        raise CrimsonError('the figures are drawn with matplotlib, which is not installed; pip install "napari-crimson[all]"')


def save_figures(seen: Inspection, folder: str | Path) -> list[Path]:
    """Write ``FOLDER/NAME-….png`` of training (where there is a loss curve), field, filters, maps and peak.

    Raises
    ------
    CrimsonError
        If matplotlib is missing or the folder cannot be written.
    """
    check_matplotlib()
    draw = {"training": draw_training, "field": draw_field, "filters": draw_filters, "maps": draw_maps, "peak": draw_peak}
    if not seen.curve:
        del draw["training"]
    paths = [Path(folder) / f"{seen.card['name']}-{what}.png" for what in draw]
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path, one in zip(paths, draw.values(), strict=True):
            one(seen).savefig(path, dpi=110)
    except OSError as error:
        raise CrimsonError(f"cannot write into {folder}: {error.strerror or error}; choose another folder") from error
    return paths


def draw_training(seen: Inspection) -> Figure:
    """Errors of training and validation, and the other figures of each validation, against the step."""
    figure = _figure(f"{seen.card['name']}: training", 10, 4)
    errors, others = figure.subplots(1, 2)
    step = seen.curve["step"] / 1000
    for key, colour, words in (("loss", _ORANGE, "training, spectra new at every step"), ("error", _BLUE, "validation, averaged weights")):
        errors.plot(step, seen.curve[key], color=colour, label=words)
    errors.set(yscale="log", ylabel="mean squared error", xlabel="thousand steps", title="Error, relative to the strongest line")
    for key, colour, words in (
        ("pearson", _BLUE, "median Pearson r"),
        ("slope", _ORANGE, "slope against the truth"),
        ("within_1sd", _GREEN, "share within one deviation"),
    ):
        others.plot(step, seen.curve[key], color=colour, label=words)
    others.axhline(0.683, color=_GREEN, lw=0.8, ls=":")
    others.set(xlabel="thousand steps", title="Validation; 1 is best, 0.68 for the dotted one", ylim=(0, 1.05))
    for axes in (errors, others):
        axes.legend(frameon=False, fontsize=9)
    return figure


def draw_field(seen: Inspection) -> Figure:
    """How much an input point moves an output point, against the distance between them."""
    figure = _figure(f"{seen.card['name']}: receptive field", 9, 5)
    axes = figure.subplots()
    step = seen.spectrum.step_cm1
    half = np.inf if seen.theory is None else seen.theory * step / 2
    farthest = float(seen.field.offset_cm1[-1])
    words = "the whole spectrum" if seen.theory is None else f"{seen.theory} points"
    axes.axvspan(-min(half, farthest), min(half, farthest), color="0.93", label=f"layers, as built: {words}")
    for field, colour, words in (
        (seen.layers_field, _ORANGE, "layers, of their channels"),
        (seen.field, _BLUE, "whole network, of the measured intensity"),
    ):
        label = f"{words}: {field.points(0.1)} points above 10 %"
        axes.plot(field.offset_cm1, field.influence.clip(_LEAST_INFLUENCE), color=colour, lw=1.1, label=label)
    axes.axhline(0.1, color="0.5", lw=0.8, ls=":")
    axes.set(yscale="log", ylim=(_LEAST_INFLUENCE, 1), ylabel="influence, relative to the largest")
    axes.set_xlabel("distance of input from output (cm⁻¹)")
    to_points = (lambda cm1: np.asarray(cm1) / step, lambda points: np.asarray(points) * step)
    axes.secondary_xaxis("top", functions=to_points).set_xlabel("points")
    axes.margins(x=0)
    figure.legend(frameon=False, fontsize=9, loc="outside lower center")
    return figure


def draw_filters(seen: Inspection) -> Figure:
    """Weights of the first layer, a panel each input channel, and how strong each is."""
    figure = _figure(f"{seen.card['name']}: first layer, {len(seen.filters)} filters of {seen.filters.shape[2]} points", 11, 7.5)
    strength = np.sqrt((seen.filters**2).mean(axis=2))  # (filters, channels)
    order = np.lexsort((-strength.max(axis=1), strength.argmax(axis=1)))  # those that listen to one channel together
    limit = float(np.percentile(np.abs(seen.filters), 99.5)) or 1.0
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 2.6))
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    bars = left.subplots()
    bars.barh(range(len(seen.channels)), strength.mean(axis=0), color=_BLUE)
    bars.set_yticks(range(len(seen.channels)), seen.channels)
    bars.invert_yaxis()
    fresh = 1 / np.sqrt(3 * seen.filters[0].size)  # uniform up to 1/√inputs, as torch draws them
    bars.axvline(fresh, color="0.4", lw=1, ls=":", label="as drawn, before training")
    bars.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.08))
    bars.set(xlabel="rms weight", title="How strong")
    bars.spines[["top", "right"]].set_visible(False)
    panels = right.subplots(3, 3, sharex=True, sharey=True)
    for axes, name, weight in zip(panels.flat, seen.channels, seen.filters[order].transpose(1, 0, 2), strict=True):
        shown = axes.imshow(weight, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_title(name, fontsize=10)
    for axes in panels[:, 0]:
        axes.set_ylabel("filter")
    for axes in panels[-1]:
        axes.set_xlabel("point")
    right.colorbar(shown, ax=panels, label="weight", shrink=0.6)
    return figure


def draw_maps(seen: Inspection) -> Figure:
    """The spectrum, and what each layer or block makes of it, first to last."""
    names = list(seen.maps)
    rows = -(-len(names) // 2)
    title = f"{seen.card['name']}: what the layers make of {seen.spectrum.source or 'a spectrum'}"
    figure = _figure(title, 11, 2.6 + 0.95 * rows)
    panels = figure.subplots(rows + 1, 2, squeeze=False, height_ratios=(2.0, *[1.0] * rows))
    for axes, values, words in zip(panels[0], (seen.spectrum.cars, seen.peak.answer), ("measured", f"answer, {_unit(seen)}"), strict=True):
        axes.plot(seen.spectrum.wavenumber, values, color="black", lw=0.9)
        axes.set_xlim(*seen.spectrum.wavenumber[[0, -1]])
        axes.set_title(words, fontsize=10)
    below = panels[1:].T.reshape(-1)  # down the left column first
    for axes, name in zip(below, names, strict=False):
        _draw_map(axes, name, seen.maps[name], seen)
    for axes in below[len(names) :]:
        axes.set_visible(False)
    for bottom in (rows - 1, len(names) - 1):
        below[bottom].set_xlabel(_AXIS if seen.maps[names[bottom]].shape[1] > 1 else "unit")
        below[bottom].tick_params(labelbottom=True)
    return figure


def _draw_map(axes: Axes, name: str, values: NDArray[np.float64], seen: Inspection) -> None:
    """One map (features, length), each feature less its mean along the axis, the features in the order of their centres."""
    if values.shape[1] == 1:  # no axis any more: one row of units
        shown, extent, words = values.T, None, f"{name}: {len(values)} units"
    else:
        shown = values - values.mean(axis=1, keepdims=True)
        shown = shown / np.abs(shown).max(axis=1, keepdims=True).clip(1e-12)
        energy = shown**2
        shown = shown[np.argsort((energy * np.arange(values.shape[1])).sum(axis=1) / energy.sum(axis=1).clip(1e-12))]
        points = seen.spectrum.grid.numel()
        padded = -(-points // seen.stride) * seen.stride
        start = seen.spectrum.wavenumber[0]
        extent = (start, start + padded * seen.spectrum.step_cm1, 0, len(values))
        words = f"{name}: {values.shape[0]} × {values.shape[1]}"
    limit = float(np.abs(shown).max()) or 1.0
    axes.imshow(shown, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, extent=extent, origin="lower", interpolation="nearest")
    if extent is not None:
        axes.set_xlim(*seen.spectrum.wavenumber[[0, -1]])
        axes.tick_params(labelbottom=False)  # one axis for all of a column
    axes.set_yticks([])
    axes.set_title(words, fontsize=9, pad=3)


def draw_peak(seen: Inspection) -> Figure:
    """The measured spectrum, the answer with the peak that is looked at, and what each input point gave to it; whole, and near the peak."""
    peak, axis = seen.peak, seen.spectrum.wavenumber
    height = float(np.interp(peak.at_cm1, axis, peak.answer))
    title = (
        f"{seen.card['name']}: what made the answer of {height:.3g} at {peak.at_cm1:.0f} cm⁻¹\n"
        f"{peak.start:.2g} without lines, {peak.made_by.sum():.3g} made by the points, half of that within ±{peak.half_within_cm1:.0f} cm⁻¹"
    )
    figure = _figure(title, 11, 8.5)
    panels = figure.subplots(4, 2, sharex="col", width_ratios=(1.5, 1))
    near = min(max(_NEAR_CM1[0], 4 * peak.half_within_cm1), _NEAR_CM1[1])
    whole, close = np.arange(axis.size), np.flatnonzero(np.abs(axis - peak.at_cm1) <= near)
    for (measured, answer, made, slope), part in zip(panels.T, (whole, close), strict=True):
        measured.plot(axis[part], seen.spectrum.cars[part], color="black", lw=0.9, label="measured")
        measured.plot(axis[part], peak.without_lines[part], color=_ORANGE, lw=1, ls="--", label="without lines: where the integral starts")
        answer.plot(axis[part], peak.answer[part], color=_BLUE, lw=1)
        answer.plot(peak.at_cm1, height, "o", ms=8, mfc="none", mec=_ORANGE, mew=1.8)
        made.fill_between(axis[part], peak.made_by[part], step="mid", color=_BLUE, lw=0)
        slope.fill_between(axis[part], 0.01 * peak.gradient[part], step="mid", color=_GREEN, lw=0)
        slope.set_xlabel(_AXIS)
    words = ("counts", f"answer\n{_unit(seen)}", "made by each point", "change for +1 %\nof one point")
    for axes, word in zip(panels[:, 0], words, strict=True):
        axes.set_ylabel(word)
    panels[0, 0].legend(frameon=False, fontsize=9)
    for axes in panels.flat:
        axes.axvline(peak.at_cm1, color="0.75", lw=0.8, zorder=0)
        axes.margins(x=0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _unit(seen: Inspection) -> str:
    return _ANSWERS.get(str(seen.card["convention"]), "")


def _figure(title: str, width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    return figure
