"""``napari-crimson benchmark``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from napari_crimson.cli.app import Device, app
from napari_crimson.cli.terminal import check_names, printable
from napari_crimson.errors import CrimsonError

__all__ = ["benchmark"]

_COLUMNS = {
    "mse_mean": ("MSE", ".3g"),
    "mse_median": ("median", ".3g"),
    "r2_median": ("R²", ".4f"),
    "r_median": ("r", ".4f"),
    "r_p5": ("r 5 %", ".4f"),
    "r_over_98": ("r>0.98", ".3f"),
    "slope": ("slope", ".3f"),
    "found": ("found", ".2f"),
    "missed": ("missed", ".2f"),
    "invented": ("invented", ".2f"),
    "within_1sd": ("±1σ", ".2f"),
    "within_2sd": ("±2σ", ".2f"),
    "spectra_per_s": ("spectra/s", ",.0f"),
}


@app.command()
def benchmark(
    removers: Annotated[str, typer.Option(help="Names or paths, with commas between; left out all, with --speed cnn,rnn,kk,mem.")] = "",
    sets: Annotated[str, typer.Option(help="Beginnings of the names of sets, with commas between: crimson, specnet, vector, wide.")] = "",
    spectra: Annotated[int, typer.Option(help="Spectra of each set.", min=8)] = 1000,
    device: Device = "auto",
    table: Annotated[Path | None, typer.Option("--csv", help="Also write the table to this file.", dir_okay=False)] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Time them instead, beside published networks and this machine.")] = False,
    repeats: Annotated[int, typer.Option(help="With --speed: rounds, of which medians are taken.", min=1)] = 5,
    history: Annotated[
        Path | None, typer.Option("--json", help="With --speed: append a record to this file, a line each.", dir_okay=False)
    ] = None,
) -> None:
    """Compare removers on simulated spectra with fixed seeds: errors, lines, coverage of the uncertainty, speed."""
    if speed:
        if sets or table is not None:
            raise CrimsonError("--sets and --csv are of the accuracy; leave them out with --speed, which has --json")
        _time_removers(removers or "cnn,rnn,kk,mem", spectra, repeats, device, history)
        return
    if history is not None:
        raise CrimsonError("--json keeps the history of speeds; add --speed, or take --csv")
    from napari_crimson import weights
    from napari_crimson.benchmark import benchmark as rows_of
    from napari_crimson.benchmark import dilution, silent_region
    from napari_crimson.remover import load_remover
    from napari_crimson.remover import removers as there

    if table is not None and not table.absolute().parent.is_dir():
        raise CrimsonError(f"--csv {table}: there is no folder {table.parent}; make it first")
    chosen = [name.strip() for name in removers.split(",")] if removers else [*there(), str(weights.BASELINE)]
    check_names(chosen)
    loaded = [load_remover(name, device=device) for name in chosen]
    written: list[dict[str, object]] = []
    typer.echo(f"{'set':<22}{'remover':<14}" + "".join(f"{title:>10}" for title, _ in _COLUMNS.values()))
    for row in rows_of(loaded, _set_names(sets) if sets else None, spectra=spectra):
        cells = "".join(f"{format(row.figures[key], form) if key in row.figures else '–':>10}" for key, (_, form) in _COLUMNS.items())
        typer.echo(f"{row.set:<22}{printable(row.remover) + ('*' if row.scaled else ''):<14}{cells}")
        written.append({"set": row.set, "remover": row.remover, "scaled": row.scaled, **row.figures})
    typer.echo("* of the other convention: each spectrum scaled to its truth by least squares")
    relative = [remover for remover in loaded if remover.convention == "relative"]
    if relative and not sets:
        typer.echo(f"\n{'':<22}{'remover':<14}{'dilution R²':>12}{'slope':>8}{'lines invented in the silent region, a spectrum':>50}")
        for remover in relative:
            line, silent = dilution(remover), silent_region(remover)
            typer.echo(f"{'':<22}{printable(remover.name):<14}{line['linearity']:>12.4f}{line['slope']:>8.3f}{silent['invented']:>50.3f}")
    if networks := [name for name, remover in zip(chosen, loaded, strict=True) if "network" in remover.provenance]:
        _tell_networks(networks)
    if table is not None:
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for line in written for key in line)))
            writer.writeheader()
            writer.writerows(written)


def _tell_networks(names: list[str]) -> None:
    """What networks consist of, and how near they came to what they learnt from and to what was held out."""
    from napari_crimson.inspect_network import load_network, network_facts

    typer.echo(f"\n{'':<22}{'network':<14}{'parameters':>12}{'MFLOP':>8}{'learnt from':>14}{'training error':>16}{'validation error':>18}")
    for name in names:
        network, card = load_network(name)
        facts, validation = network_facts(network), card.get("validation", {})
        spectra = f"{card['spectra']:,}" if "spectra" in card else "–"
        training, held_out = (f"{validation[key]:.3g}" if key in validation else "–" for key in ("loss", "error"))
        typer.echo(
            f"{'':<22}{printable(Path(name).stem):<14}{facts.parameters:>12,}{facts.mflop:>8.1f}{spectra:>14}{training:>16}{held_out:>18}"
        )
    typer.echo(
        "errors: squared, mean, on spectra of the prior of each, in units of 0.01 + max|χ_R|/χ_NR, or where Im χ_R is answered of "
        "5·(its root mean square + 0.02); in training linear beyond 1"
    )


def _time_removers(removers: str, spectra: int, repeats: int, device: str, history: Path | None) -> None:
    """What ``--speed`` does."""
    from napari_crimson.remover import load_remover
    from napari_crimson.speed import append_record, check_history, lines_of, measure_speed

    if history is not None:
        check_history(history)
    loaded = [load_remover(name.strip(), device=device) for name in removers.split(",")]
    report = measure_speed(loaded, spectra=spectra, repeats=repeats, device=device, progress=lambda line: typer.echo(line, err=True))
    for line in lines_of(report):
        typer.echo(line)
    if history is not None:
        append_record(report, history)


def _set_names(sets: str) -> list[str]:
    """Take names apart at the commas between them, of which some have one inside."""
    from napari_crimson.benchmark import SETS

    names: list[str] = []
    for part in map(str.strip, sets.split(",")):
        joined = f"{names[-1]}, {part}" if names else part
        if names and any(name.startswith(joined) for name in SETS):
            names[-1] = joined
        else:
            names.append(part)
    return names
