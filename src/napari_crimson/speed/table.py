"""A speed report as lines for a terminal, and as a record of a history in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from napari_crimson._version import __version__
from napari_crimson.errors import CrimsonError
from napari_crimson.printable import printable
from napari_crimson.speed.report import YARDSTICK, Report

__all__ = ["append_record", "check_history", "lines_of"]


def lines_of(report: Report) -> Iterator[str]:
    """The report as a person reads it."""
    machine = report.machine
    has = {"AVX-512": machine.avx512, "AVX-512 BF16": machine.avx512_bfloat16, "AMX": machine.amx}
    yield f"napari-crimson {__version__}, torch {machine.torch}, {printable(machine.processor)}, {machine.cores} cores"
    yield "processor: " + ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in has.items())
    yield f"networks: on {printable(machine.device)}, ours in {report.precision}" + (
        f" (in use: {machine.instructions(report.precision)})" if machine.device == "cpu" else ""
    )
    matrix = ", ".join(f"{name} {rate / 1e9:,.0f} GFLOP/s" for name, rate in report.matrix_per_s.items())
    yield f"measured: matrix product {matrix}; memory {report.bytes_per_s / 1e9:,.1f} GB/s"
    yield f"{report.spectra} spectra of {report.points} points, medians of {report.repeats} rounds in turn"
    yield ""
    yield (
        f"{'':<16}{'spectra/s':>10}{'slowest-fastest':>18}{'× ' + YARDSTICK:>11}{'in float32':>12}{'MFLOP':>8}{'parameters':>12}"
        f"{'precision':>11}{'batch':>7}{'of matrix':>11}{'of memory':>11}"
    )
    for row in report.rows:
        yield (
            f"{printable(row.name):<16}{row.spectra_per_s:>10,.0f}{f'{row.slowest:,.0f}-{row.fastest:,.0f}':>18}"
            f"{row.ratio:>11.2f}{row.ratio_float32:>12.2f}{_number(row.mflop, ',.1f'):>8}{_number(row.parameters, ','):>12}"
            f"{row.precision:>11}{_number(row.batch, 'd'):>7}{_number(row.matrix_share, '.1%'):>11}{_number(row.memory_share, '.1%'):>11}"
        )
    yield "MFLOP of the layers, a spectrum; of memory: as if all that layers read and write went through it, above 100 % caches serve it;"
    yield "published networks with random weights, in the number format and batch that were fastest here"
    yield ""
    yield f"{report.spectra_in_files} spectra, file to file:"
    yield f"{'':<16}{'uint16 in':<12}{'float32 out':<13}{'spectra/s':>10}{'× alone in memory':>20}"
    for file_row in report.file_rows:
        yield f"{printable(file_row.name):<16}{file_row.source:<12}{'Zarr':<13}{file_row.spectra_per_s:>10,.0f}{file_row.ratio:>20.2f}"


def check_history(path: Path) -> None:
    """Refuse, ahead of the work, a history that could not be written.

    Raises
    ------
    CrimsonError
        With the reason.
    """
    _append(path, "")


def append_record(report: Report, path: Path) -> None:
    """Append a report to a history: a line of JSON each, with the time, the version and the machine.

    Raises
    ------
    CrimsonError
        If it cannot be written.
    """
    record = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "version": __version__, **asdict(report)}
    _append(path, json.dumps(record, ensure_ascii=False) + "\n")


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CrimsonError(f"{path}: cannot be appended to ({error.strerror or error}); choose another file or folder") from error


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
