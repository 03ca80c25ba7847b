"""The door of the command line: ``napari-crimson`` and ``python -m napari_crimson``."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, or 1 after one line for each thing the user can mend."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a Windows pipe speaks cp1252, which has no superscripts
    from napari_crimson.cli import app
    from napari_crimson.cli.terminal import complain
    from napari_crimson.errors import CrimsonError

    try:
        app(args=None if arguments is None else list(arguments), prog_name="napari-crimson")
    except CrimsonError as error:
        complain(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
