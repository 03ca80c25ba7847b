"""``napari-crimson inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import Name, Wavenumber, app
from napari_crimson.cli.batch import axis_from_option
from napari_crimson.cli.terminal import check_names, duration, printable
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    from napari_crimson.inspect_network import Field, Inspection, Spectrum

__all__ = ["inspect"]


@app.command()
def inspect(
    networks: Annotated[str, typer.Argument(help="Names, or paths of your own .safetensors, with commas between.")],
    file: Annotated[Path | None, typer.Argument(help="A stack to take the spectrum from; simulated tissue if left out.")] = None,
    pixel: Annotated[
        str | None, typer.Option(help="Pixel of FILE, counted from 0: Y,X or Z,Y,X; a bright one if left out.", metavar="Y,X")
    ] = None,
    peak: Annotated[float | None, typer.Option(help="Where to attribute the answer, in cm⁻¹; its highest point if left out.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures.", file_okay=False)] = Path("inspect"),
    wavenumber: Wavenumber = None,
    name: Name = None,
) -> None:
    """Look inside networks: size, training, receptive field, filters, feature maps, and which points made a peak."""
    from napari_crimson.inspect_network import look_inside
    from napari_crimson.inspect_network.figures import check_matplotlib, save_figures

    if file is None and (pixel, wavenumber, name) != (None, None, None):
        raise typer.BadParameter("--pixel, --wavenumber and --name are of a FILE", param_hint="FILE")
    check_matplotlib()
    chosen = [one.strip() for one in networks.split(",")]
    check_names(chosen)
    for number, network in enumerate(chosen):
        spectrum = None if file is None else _spectrum(network, file, pixel, axis_from_option(wavenumber), name)
        seen = look_inside(network, spectrum, at_cm1=peak)
        typer.echo(("\n" if number else "") + printable(network))
        for field, value in _rows(seen):
            typer.echo(f"  {field:<24}{printable(value)}")
        typer.echo(f"  {'figures':<24}{printable(', '.join(map(str, save_figures(seen, out))))}")


def _spectrum(network: str, file: Path, pixel: str | None, axis: tuple[float, float] | str | None, name: str | None) -> Spectrum:
    """One spectrum of a file, prepared as for its correction: dark taken off, bands without light left out."""
    import numpy as np

    from napari_crimson.correction import Settings, plan_correction
    from napari_crimson.inspect_network import Spectrum
    from napari_crimson.io import open_stack
    from napari_crimson.pixels import Pixels, choose_pixels, read_spectra
    from napari_crimson.remover import load_remover

    stack = open_stack(file, wavenumber=axis, name=name)
    if "cars" not in stack:
        raise CrimsonError(f"{file}: a result, whose background is removed already; give the stack it was made from")
    stack, plan = plan_correction(stack, load_remover(network, device="cpu"), Settings())
    chosen = Pixels.of([_numbers(pixel)] if pixel else choose_pixels(stack).index[:1], stack)
    stored = read_spectra(stack["cars"], chosen)
    source = f"{file.name}, {chosen.chosen}"
    if not np.isfinite(plan(stored)["raman"][:, plan.lit]).all():  # as stored, where saturation shows
        raise CrimsonError(f"{source}: it is saturated, clipped or constant, and gets no answer; choose another with --pixel Y,X")
    cars = stored[0].astype(float)
    return Spectrum(
        cars=(cars if plan.dark is None else cars - plan.dark)[plan.lit],
        wavenumber=plan.wavenumber[plan.lit],
        reference=None if plan.reference is None else plan.reference[plan.lit].astype(float),
        source=source,
    )


def _numbers(pixel: str) -> tuple[int, ...]:
    """Read ``Y,X`` as whole numbers."""
    try:
        return tuple(int(part) for part in pixel.split(","))
    except ValueError:
        raise CrimsonError(f"--pixel {pixel}: give whole numbers with ',' between, as 10,20") from None


def _rows(seen: Inspection) -> list[tuple[str, str]]:
    """What is printed of a network."""
    card, step, peak = seen.card, seen.spectrum.step_cm1, seen.peak
    recipe, prior = card.get("recipe", {}), card.get("prior", {})
    theory = "the whole spectrum" if seen.theory is None else f"{seen.theory} points, {seen.theory * step:,.0f} cm⁻¹"
    steps = int(seen.curve["step"][-1]) if seen.curve else recipe.get("steps", 0)
    rows = [
        ("network", f"{card['network']}, {card['convention']} convention"),
        ("parameters", f"{seen.facts.parameters:,}"),
        ("MFLOP", f"{seen.facts.mflop:.3g} for a spectrum of {seen.facts.points} points"),
        ("trained on", f"{prior.get('name', 'not told')}, {card.get('spectra', 0):,} spectra, {steps:,} steps"),
        ("trained by", f"{card.get('hardware', 'not told')} in {duration(card.get('seconds', 0))}"),
    ]
    if seen.curve:
        kept = card.get("validation", {}).get("step")  # parts of a training have held-out spectra of their own: errors alone do not tell
        best = int((seen.curve["step"] == kept).argmax()) if kept in seen.curve["step"] else int(seen.curve["error"].argmin())
        step_at, loss, error, r, slope = (float(seen.curve[key][best]) for key in ("step", "loss", "error", "pearson", "slope"))
        rows += [
            ("training error", f"{loss:.3g}"),
            ("validation error", f"{error:.3g} at step {step_at:,.0f}, median r {r:.3f}, slope {slope:.2f}"),
        ]
    answer = float(peak.answer[abs(seen.spectrum.wavenumber - peak.at_cm1).argmin()])
    return [
        *rows,
        ("layers can see", theory),
        ("layers do see", _span(seen.layers_field)),
        ("intensity that counts", _span(seen.field)),
        ("spectrum", seen.spectrum.source),
        (f"peak at {peak.at_cm1:.0f} cm⁻¹", f"{answer:.3g}, half of it made within ±{peak.half_within_cm1:.0f} cm⁻¹"),
    ]


def _span(field: Field) -> str:
    """Points of a field above 10 and 1 %."""
    return "; ".join(f"{field.points(share)} points ({field.span_cm1(share):,.0f} cm⁻¹) above {100 * share:g} %" for share in (0.1, 0.01))
