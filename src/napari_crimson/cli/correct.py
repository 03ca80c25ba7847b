"""``napari-crimson correct``."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_crimson.cli.app import DAMAGED, STOPPED, Device, Name, Wavenumber, app
from napari_crimson.cli.batch import Job, Order, Outcome, axis_from_option, orders_of, orders_to_come, pipeline_from_options
from napari_crimson.cli.terminal import complain, printable
from napari_crimson.errors import CrimsonError
from napari_crimson.memory import limit_memory

if TYPE_CHECKING:
    from napari_crimson.stream import Loop

__all__ = ["correct"]

_MOST_TOLD = 10  # damaged blocks of one stack

_SPECTRUM = "auto (the file's own), none, or a stack or two-column text file; auto if left out."


@app.command()
def correct(
    files: Annotated[list[Path], typer.Argument(help="Stacks to correct; with --watch, folders.")],
    out: Annotated[Path, typer.Option(help="Folder for the results, FILE.zarr each.", file_okay=False)],
    recipe: Annotated[
        Path | None, typer.Option(help="A .toml, or a result to repeat; what is given beside it takes the place of what it says.")
    ] = None,
    remover: Annotated[str | None, typer.Option(help="cnn, rnn, kk, mem, a name of yours, the path of a .safetensors; else cnn.")] = None,
    device: Device = "auto",
    precision: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16; auto if left out.")] = None,
    uncertainty: Annotated[
        bool | None, typer.Option("--uncertainty/--no-uncertainty", help="Also write the standard deviation; not if left out.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="Of the results: float32, or float16 for half the size and three digits; float32 if left out.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help=_SPECTRUM, metavar="FILE")] = None,
    dark: Annotated[str | None, typer.Option(help=_SPECTRUM, metavar="FILE")] = None,
    wavenumber: Wavenumber = None,
    name: Name = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a stopped run, or replace an earlier result.")] = True,
    redo_damaged: Annotated[
        bool, typer.Option("--redo-damaged", help="The stacks have been repaired: do those blocks again that could not be read.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option(help="Correct stacks as they arrive in the folders, until none has for so many minutes.", min=0.0, metavar="MINUTES"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell shape, output, free disk and time of each stack.")] = False,
    memory_limit: Annotated[
        float | None,
        typer.Option(
            help="Take no more than so many GB of memory for the work; a quarter of all there is if left out.",
            min=0.0,
            max=1e6,
            metavar="GB",
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Work on the workers of this dask.distributed scheduler, as tcp://host:8786.", metavar="ADDRESS")
    ] = None,
) -> None:
    """Remove the background from stacks, each into OUT/<file>.zarr; the same command goes on where a stopped one ended.

    Ends with 0 if all is done, 3 if parts of a stack could not be read and are NaN, 1 if a stack could not be done.
    """
    if redo_damaged and not resume:
        raise typer.BadParameter("--no-resume does all blocks again", param_hint="--redo-damaged")
    if watch is not None and dry_run:
        raise typer.BadParameter("it is not known what will arrive", param_hint="--dry-run")
    limit_memory(None if memory_limit is None else int(memory_limit * 1e9))
    axis = axis_from_option(wavenumber)
    pipeline = pipeline_from_options(
        recipe, remover=remover, precision=precision, uncertainty=uncertainty, dtype=dtype, reference=reference, dark=dark
    )
    orders = orders_of(files, out) if watch is None else _orders_of_arrivals(files, out, 60 * watch)
    with _loop(scheduler, device) as loop:
        job = Job(
            pipeline=pipeline,
            remover=pipeline.load_remover(device=device if scheduler is None else "cpu"),
            spectra=pipeline.read_spectra(axis),
            wavenumber=axis,
            name=name,
            resume="damaged" if redo_damaged else resume,
            loop=loop,
        )
        raise typer.Exit(_correct_all(job.estimate if dry_run else job.run, orders))


def _orders_of_arrivals(folders: list[Path], out: Path, idle_s: float) -> Iterator[Order]:
    """Order the correction of what arrives in some folders."""
    from napari_crimson.cli.arrivals import arrivals

    return orders_to_come(arrivals(folders, idle_s, apart_from=out), folders, out)


def _correct_all(correct_one: Callable[[Order], Outcome], orders: Iterable[Order]) -> int:
    """Correct stack after stack, or tell what it will take; return the exit code: what came of each file the last time."""
    codes: dict[Path, int] = {}
    try:
        for order in orders:
            codes[order.file] = _correct(correct_one, order)
            if codes[order.file] == STOPPED:
                return STOPPED
    except KeyboardInterrupt:  # while nothing arrived
        complain("stopped; the same command goes on from here")
        return STOPPED
    return 1 if 1 in codes.values() else max(codes.values(), default=0)


def _correct(correct_one: Callable[[Order], Outcome], order: Order) -> int:
    """Correct a stack, or tell what it will take; return what the exit code would be for it alone."""
    file = order.file
    try:
        done = correct_one(order)
    except CrimsonError as error:
        complain(error, file)
        return 1
    except KeyboardInterrupt:
        complain("stopped; the same command goes on from here", file)
        return STOPPED
    except Exception:  # a bug of ours in one stack must not cost a night's batch the others
        traceback.print_exc()
        complain("failed unexpectedly (see above); please report it", file)
        return 1
    typer.echo(f"{printable(file)} → {printable(order.target)}: {done.said}")
    if done.damaged:
        _tell_damage(file, done)
        return DAMAGED
    return 0


def _tell_damage(file: Path, done: Outcome) -> None:
    """Name the blocks that could not be read."""
    lost = sum(entry["pixels"] for entry in done.damaged)
    for entry in done.damaged[:_MOST_TOLD]:
        complain(f"block {entry['block']}, {entry['place']}: {entry['reason']}", file)
    more = len(done.damaged) - _MOST_TOLD
    listed = f"{more} more such blocks are listed in the result's attributes; " if more > 0 else ""
    complain(f"{listed}{lost:,} pixels are NaN; once the file is repaired, the same command with --redo-damaged does them again", file)


@contextmanager
def _loop(scheduler: str | None, device: str) -> Iterator[Loop]:
    """Who does the work: this process, or the workers of a scheduler."""
    if scheduler is None:
        from napari_crimson.stream import stream

        yield stream
        return
    from napari_crimson.cluster import Cluster

    with Cluster(scheduler, device=device) as cluster:
        yield cluster.stream
