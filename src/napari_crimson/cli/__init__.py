"""The command line: one file a command, each of which registers itself with `app`.

What the user can mend is one line on stderr; nothing heavy is imported before a command that needs it runs.
"""

from napari_crimson.cli import analyse, benchmark, check, compare, convert, correct, demo, info, inspect, recipe, train  # noqa: F401
from napari_crimson.cli.app import app

__all__ = ["app"]
