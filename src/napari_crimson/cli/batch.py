"""Many stacks in one call: the job they share, the spectra it takes from elsewhere, the names of the results."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_crimson.cli.terminal import duration, progress_bar
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    from napari_crimson.remover import Remover

__all__ = ["Job", "axis_from_option", "output_paths", "spectrum_from_option"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is the same for every stack of one call."""

    remover: Remover
    reference: Any
    dark: Any
    wavenumber: Any
    name: str | None
    uncertainty: bool
    resume: bool

    def run(self, file: Path, target: Path, label: str) -> str:
        """Correct `file` into `target` behind a progress bar; return what there is to say of it."""
        from napari_crimson.io import open_stack
        from napari_crimson.remove import plan_removal

        stack = open_stack(file, wavenumber=self.wavenumber, name=self.name)
        removal = plan_removal(
            stack,
            self.remover,
            reference=self.reference,
            dark=self.dark,
            output=target,
            uncertainty=self.uncertainty,
            resume=self.resume,
        )
        step = None
        with progress_bar() as bar, closing(removal.run()) as steps:  # closing ends the loop and keeps what is written
            task = bar.add_task(label, total=None, rate="", left="")
            for step in steps:
                rate, left = f"{step.spectra_per_s:,.0f} spectra/s", f"{duration(step.seconds_left)} left"
                bar.update(task, completed=step.pixels_done, total=step.pixels, rate=rate, left=left)
        if step is None:
            return "was complete already"
        bad = f", {step.bad_pixels:,} without a spectrum (NaN)" if step.bad_pixels else ""
        return f"{step.pixels:,} spectra{bad}, {step.spectra_per_s:,.0f} spectra/s"


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


def spectrum_from_option(option: str, wavenumber: Any = None) -> Any:
    """Return ``"auto"``, None for ``none``, or the spectrum (W,) in a file with its own axis as a DataArray.

    A text file has two columns, wavenumber in cm⁻¹ and counts; of a stack the mean over its pixels is taken.
    A stack that does not tell its axis gets `wavenumber`, the one given for the stacks to correct.
    """
    if option in ("auto", "none"):
        return option if option == "auto" else None
    path = Path(option)
    if path.suffix.lower() not in (".txt", ".csv", ".dat"):
        from napari_crimson.io import open_stack

        try:
            cars = open_stack(path)["cars"]
        except CrimsonError:
            if wavenumber is None:
                raise
            cars = open_stack(path, wavenumber=wavenumber)["cars"]
        return cars.mean(cars.dims[:-1], dtype="float64").compute()

    import numpy as np
    import xarray as xr

    try:
        rows = [re.split(r"[\s,;]+", line.strip()) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip("# \t")]
        start = 0 if rows and re.match(r"[-+.\d]", rows[0][0]) else 1  # a line of column names
        table = np.array(rows[start:], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise CrimsonError(f"{path}: cannot be read as two columns of numbers ({error}); give wavenumber in cm⁻¹ and counts") from error
    if table.ndim != 2 or table.shape[1] != 2:
        raise CrimsonError(f"{path}: numbers of shape {table.shape}, expected two columns, wavenumber in cm⁻¹ and counts")
    table = table[np.argsort(table[:, 0])]
    return xr.DataArray(table[:, 1], {"wavenumber": table[:, 0]}, "wavenumber")
