"""``python -m napari_crimson.training``."""

from __future__ import annotations

import sys
from dataclasses import asdict

from napari_crimson.errors import CrimsonError
from napari_crimson.training import Validation, train


def main(arguments: list[str]) -> int:
    """Train from the command line of a bare machine, one line a validation."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m napari_crimson.training RECIPE.toml [FOLDER]\n")
        return 2

    def report(validation: Validation) -> None:
        sys.stdout.write("  ".join(f"{k} {v:.5g}" for k, v in asdict(validation).items()) + "\n")
        sys.stdout.flush()

    try:
        path = train(*arguments, progress=report)
    except CrimsonError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
