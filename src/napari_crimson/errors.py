"""What a user meets: `CrimsonError`, and the kinds of it that somebody can go on after."""

from __future__ import annotations

from typing import Any

from napari_crimson.printable import printable

__all__ = ["CrimsonError", "DamagedError", "NoAxisError", "UnreachableError"]

_MOST_CHARACTERS = 2000


class CrimsonError(Exception):
    """Something the user can mend: the message names what was found, what was allowed and the cure.

    The command line prints it as one line, the napari plugin as a notification; any other
    exception is a bug of ours and keeps its traceback. The message is made one line that a terminal
    can be trusted with: names and values in it come from files from anywhere.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(message, _MOST_CHARACTERS))


class DamagedError(CrimsonError):
    """Bytes that are there but cannot be what they should be; what lies beside them may be sound."""


class NoAxisError(CrimsonError):
    """A stack whose wavenumbers neither it nor a file beside it tells: they are for the user to give.

    Attributes
    ----------
    wavelength_nm : ndarray, shape (W,), optional
        What it does tell, in the order of its bands.
    """

    def __init__(self, message: str, *, wavelength_nm: Any = None) -> None:
        super().__init__(message)
        self.wavelength_nm = wavelength_nm


class UnreachableError(CrimsonError):
    """A file, disk or share that does not answer now and may do so again.

    Attributes
    ----------
    one_spot : bool
        The rest of the file does answer.
    """

    def __init__(self, message: str, *, one_spot: bool = False) -> None:
        super().__init__(message)
        self.one_spot = one_spot
