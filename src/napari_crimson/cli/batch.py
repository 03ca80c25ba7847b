"""Many stacks in one call: the job they share, the recipe it follows, the names of the results."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.cli.terminal import duration, printable, progress_bar, warn
from napari_crimson.errors import CrimsonError, UnreachableError
from napari_crimson.faults import persist

if TYPE_CHECKING:
    import xarray as xr

    from napari_crimson.pipeline import Pipeline
    from napari_crimson.remove import Removal
    from napari_crimson.remover import Remover
    from napari_crimson.results.sinks import Resume
    from napari_crimson.stream import Loop

__all__ = [
    "Job",
    "Order",
    "Outcome",
    "axis_from_option",
    "orders_of",
    "orders_to_come",
    "output_paths",
    "pipeline_from_options",
    "spectrum_from_option",
]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A stack to correct, where to, and which of how many it is; `seen` tells that it was there, so that it may come back."""

    file: Path
    target: Path
    label: str
    seen: bool


@dataclass(frozen=True)
class Outcome:
    """What there is to say of a stack that was corrected, and its blocks that could not be read, as `Removal.damaged` gives them."""

    said: str
    damaged: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is the same for every stack of one call, the remover and the spectra of its pipeline loaded once.

    `loop` is who does the work, see `Removal.run`.
    """

    pipeline: Pipeline
    remover: Remover
    spectra: dict[str, xr.DataArray]
    wavenumber: Any
    name: str | None
    resume: Resume
    loop: Loop

    def run(self, order: Order) -> Outcome:
        """Correct a stack behind a progress bar; return what there is to say of it."""
        step = None
        with progress_bar() as bar:
            task = bar.add_task(order.label, total=None, rate="", left="")
            removal = persist(lambda: self._plan(order, lambda name, part: bar.update(task, completed=part, total=1, rate=name)))
            if doubts := removal.correction.doubts:
                warn(doubts, order.file)
                warnings.filterwarnings("ignore", re.escape(doubts))  # which tells it of the first stack alone
            with closing(removal.run(self.loop)) as steps:  # closing ends the loop and keeps what is written
                for step in steps:
                    rate, left = f"{step.spectra_per_s:,.0f} spectra/s", f"{duration(step.seconds_left)} left"
                    bar.update(task, completed=step.pixels_done, total=step.pixels, rate=rate, left=left)
        if step is None:
            return Outcome("was complete already", removal.damaged)
        bad = f", {step.bad_pixels:,} without a spectrum (NaN)" if step.bad_pixels else ""
        return Outcome(f"{step.pixels:,} spectra{bad}, {step.spectra_per_s:,.0f} spectra/s", removal.damaged)

    def estimate(self, order: Order) -> Outcome:
        """Tell what correcting a stack will take; nothing is written. On a cluster the time stays open."""
        from napari_crimson.estimate import estimate_removal, measure_speed
        from napari_crimson.stream import stream

        removal = self._plan(order, lambda name, part: None, dry_run=True)
        speed = measure_speed(removal) if self.loop is stream else None
        ahead = [step.kind.title for step in self.pipeline.steps if step.kind.reads_stack]
        return Outcome("; ".join(estimate_removal(removal, ahead=ahead, spectra_per_s=speed).describe()), [])

    def _plan(self, order: Order, progress: Callable[[str, float], object], *, dry_run: bool = False) -> Removal:
        """Open a stack and plan its removal; a file that was there is waited for, as a share may come back."""
        from napari_crimson.io import open_stack

        try:
            stack = open_stack(order.file, wavenumber=self.wavenumber, name=self.name)
        except CrimsonError as error:
            if order.seen and not order.file.exists():
                raise UnreachableError(str(error)) from error
            raise
        return self.pipeline.plan(
            stack,
            output=order.target,
            resume=self.resume,
            remover=self.remover,
            spectra=self.spectra,
            progress=progress,
            dry_run=dry_run,
        )


def orders_of(files: list[Path], folder: Path) -> list[Order]:
    """Order the correction of some files into a folder, see `output_paths`."""
    targets = output_paths(files, folder)
    return [
        Order(file=file, target=target, label=f"{number}/{len(targets)} {printable(file.name)}", seen=file.exists())
        for number, (file, target) in enumerate(targets.items(), start=1)
    ]


def orders_to_come(files: Iterable[Path], folders: list[Path], out: Path) -> Iterator[Order]:
    """Order the correction of what comes in some folders, each into a .zarr of its whole name, whatever came before it.

    Of several folders the names are joined to those of the folders, or where these have one name, to as much of their paths as it takes.
    """
    several = output_paths(folders, out) if len(folders) > 1 else {}
    for number, file in enumerate(files, start=1):
        ahead = f"{several[file.parent].stem}_" if several else ""
        yield Order(file=file, target=out / f"{ahead}{file.name}.zarr", label=f"{number} {printable(file.name)}", seen=True)


def output_paths(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Name a .zarr in `folder` for each file: by its stem; where stems meet, by its whole name; then with its parent folders.

    Names are compared without case, as Windows and macOS do; a file given twice counts once.

    Raises
    ------
    CrimsonError
        If two files cannot be told apart, or a result would take the place of its own input.
    """
    absolute = {file.resolve(): file for file in files}
    parts = {path: (path.stem, path.name, *reversed(path.parts[1:-1])) for path in absolute}
    depth = dict.fromkeys(absolute, 1)
    while True:
        names = {path: "_".join(reversed(parts[path][depth[path] > 1 : depth[path]])) for path in absolute}
        count = Counter(name.casefold() for name in names.values())
        shared = [path for path in absolute if count[names[path].casefold()] > 1]
        if not shared:
            break
        if all(depth[path] == len(parts[path]) for path in shared):
            raise CrimsonError(
                f"{', '.join(map(str, shared))}: their results would have one name; correct them in separate calls, each with its --out"
            )
        for path in shared:
            depth[path] = min(depth[path] + 1, len(parts[path]))
    targets = {file: folder / f"{names[path]}.zarr" for path, file in absolute.items()}
    for path, file in absolute.items():
        if targets[file].resolve() in (path, *path.parents):
            raise CrimsonError(f"{file}: its result {targets[file]} would take its place; give another --out")
    return targets


def axis_from_option(option: str | None) -> tuple[float, float] | str | None:
    """Read ``START,STOP`` as numbers; leave the path of an axis file as it is."""
    start, comma, stop = (option or "").partition(",")
    try:
        return (float(start), float(stop)) if comma else option
    except ValueError:
        return option


def pipeline_from_options(recipe: Path | None, **options: Any) -> Pipeline:
    """Read a recipe, or take an empty one, and put the options that were given in place of what it says.

    Paths become absolute, so that the recipe in a result can be repeated from anywhere.
    """
    from napari_crimson.pipeline import Pipeline, read_pipeline

    for name in ("reference", "dark"):
        if options.get(name) not in (None, "auto", "none"):
            options[name] = str(Path(options[name]).expanduser().absolute())
    if str(options.get("remover")).endswith(".safetensors"):
        options["remover"] = str(Path(options["remover"]).expanduser().absolute())
    return (Pipeline() if recipe is None else read_pipeline(recipe)).with_changes(**options)


def spectrum_from_option(option: str, wavenumber: Any = None) -> Any:
    """Return ``"auto"``, None for ``none``, or the spectrum (W,) in a file as `io.spectrum.read_spectrum` gives it."""
    if option in ("auto", "none"):
        return option if option == "auto" else None
    from napari_crimson.io.spectrum import read_spectrum

    return read_spectrum(option, wavenumber)
