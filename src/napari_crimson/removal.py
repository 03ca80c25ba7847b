"""A removal that is planned: its loop, and what is known once it has been through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from napari_crimson.blocks import Region, pixels
from napari_crimson.correction import Correction
from napari_crimson.errors import CrimsonError, UnreachableError
from napari_crimson.printable import printable
from napari_crimson.remover import Remover
from napari_crimson.results.origin import changes
from napari_crimson.stream import Loop, Progress, Sink, stream

__all__ = ["Removal"]

_log = logging.getLogger(__name__)

_MOST_TOLD = 10  # damaged blocks in a line of history


@dataclass(kw_only=True)
class Removal:
    """A job ready to run, of `plan_removal`.

    Attributes
    ----------
    dataset : xarray.Dataset
        The stack with the results in the sink: NaN where no block has been written yet.
    remover : Remover
    sink : Sink
    regions : list
        The blocks of pixels, in the order of work.
    correction : Correction
        What is done to each spectrum.
    """

    dataset: xr.Dataset
    remover: Remover
    sink: Sink
    regions: list[Region]
    correction: Correction
    _files: Callable[[], Mapping[str, Any]]
    _started: bool = field(default=False, init=False)

    @property
    def damaged(self) -> list[dict[str, Any]]:
        """The blocks that could not be read, as far as there are results: number, pixels, place and reason of each."""
        return [
            {"block": block, "pixels": pixels(self.regions[block]), "place": self._place(block), "reason": reason}
            for block, reason in sorted(self.sink.damaged().items())
        ]

    def run(self, loop: Loop = stream) -> Generator[Progress, None, None]:
        """Do the work, once. Closing the generator stops within a block and keeps what has been written.

        `loop` is who does it: `stream` here, or ``Cluster.stream`` elsewhere.
        """
        if self._started:
            raise CrimsonError("this job has been run; plan it again, with the same output it goes on where it stopped")
        self._started = True
        before = self._files()
        with closing(self.sink):
            with closing(loop(self.dataset["cars"].data, self.correction, self.sink, self.regions)) as steps:
                told = yield from steps
            learnt = {**self.remover.provenance, **(told or {})}  # some of it only when at work
            for name in self.correction.names:
                self.dataset[name].attrs.update(learnt)
            self.dataset.attrs["history"][-1] += self._losses() + self._changes(before)
            damaged = {"damaged": self.damaged} if self.damaged else {}
            self.sink.complete({**learnt, "history": self.dataset.attrs["history"], **damaged})

    def _losses(self) -> str:
        """What the history says of pixels without a result."""
        bad = sum(self.sink.finished().values())
        said = f"; {bad} of {sum(map(pixels, self.regions))} pixels hold no spectrum" if bad else ""
        places = [f"{entry['place']} ({entry['reason']})" for entry in self.damaged[:_MOST_TOLD]]
        more = f"; and {len(self.damaged) - _MOST_TOLD} more" if len(self.damaged) > _MOST_TOLD else ""
        return f"{said}; could not be read: {'; '.join(places)}{more}" if places else said

    def _changes(self, before: Mapping[str, Any]) -> str:
        """What the history says, and a warning, of a stack that was written to while it was read."""
        found = ""
        with suppress(UnreachableError):  # all has been read
            found = changes(before, self._files())
        if found:
            _log.warning("%s changed while it was read (%s)", printable(self.dataset.attrs["source"]), found)
        return f"; changed while it was read ({found})" if found else ""

    def _place(self, block: int) -> str:
        """Where a block lies, in words."""
        spans = zip(self.dataset["cars"].dims, self.regions[block], strict=False)
        return ", ".join(f"{dim} {cut.start} to {cut.stop - 1}" for dim, cut in spans)
