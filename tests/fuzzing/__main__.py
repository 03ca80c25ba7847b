"""``python -m fuzzing``, in the folder of the tests: cases for each seed in turn until the time is up, then a table and what was found."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import closing

from fuzzing.campaign import Tally, Worker, as_text, fuzz, peak_text
from fuzzing.seeds import SEEDS

_ROUND = 200  # cases of a seed before the next has its turn


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Fuzz for a while; 1 if anything was found."""
    asked = argparse.ArgumentParser(prog="fuzzing", description=__doc__)
    asked.add_argument("--seconds", type=float, default=3600)
    asked.add_argument("--number", type=int, default=0, help="of the first round: another one gives other cases")
    asked.add_argument("--only", nargs="*", default=list(SEEDS), help="names of seeds")
    given = asked.parse_args()
    logging.getLogger("napari_crimson").setLevel(logging.ERROR)  # what is said of writing the good inputs
    tallies, start, number = {name: Tally() for name in given.only}, time.monotonic(), given.number
    until = start + given.seconds
    seen: set[str] = set()
    with closing(Worker()) as worker:
        while time.monotonic() < until:
            for name, tally in tallies.items():
                before = len(tally.finds)
                fuzz(name, worker, tally, cases=_ROUND, number=number, until=until, known=frozenset(seen))
                for find in tally.finds[before:]:
                    seen.add(f"{name}: {find.kind}")
                    _say(as_text(find))
            number += 1
    _say(f"\n{'seed':<20}{'cases':>9}{'opened':>9}{'finds':>7}{'worst s':>9}  worst memory")
    for name, tally in tallies.items():
        _say(f"{name:<20}{tally.cases:>9}{tally.opened:>9}{len(tally.finds):>7}{tally.seconds:>9.2f}  {peak_text(tally)}")
    total = sum(tally.cases for tally in tallies.values())
    finds = sum(len(tally.finds) for tally in tallies.values())
    _say(f"{total} cases in {(time.monotonic() - start) / 60:.1f} min, {finds} finds; rounds {given.number} to {number - 1}")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
