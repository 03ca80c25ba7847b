"""How fast: our removers beside the published networks and beside what this machine can do, in one run.

- `published`: their architectures; `contender`: one of them made ready to be timed, `cost`: what is counted of a network;
- `machine`: the processor, its matrix rate and the bandwidth of its memory; `measure`: timing in turn;
- `files`: from file to file; `report`: all of it; `table`: as lines, and as a record of a history.
"""

from __future__ import annotations

from napari_crimson.speed.report import Report, measure_speed
from napari_crimson.speed.table import append_record, check_history, lines_of

__all__ = ["Report", "append_record", "check_history", "lines_of", "measure_speed"]
