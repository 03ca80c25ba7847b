"""The one exception type of this package."""

from __future__ import annotations

__all__ = ["CrimsonError"]


class CrimsonError(Exception):
    """Something the user can mend: the message names what was found, what was allowed and the cure.

    The command line prints it as one line, the napari plugin as a notification; any other
    exception is a bug of ours and keeps its traceback.
    """
