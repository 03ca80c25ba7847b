"""Colours of a plot: lines that the colour-blind tell apart, on the background of the viewer's theme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakMethod

import numpy as np
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["PAPER", "Colours", "follow_theme", "legible"]

_CONTRAST = 3.0

# after Okabe and Ito (2008), one shade for dark paper and one for light: as clear on either
_ON_DARK = ("#56b4e9", "#e69f00", "#2bc99b", "#e08fc0", "#f0e442", "#ff7f50", "#b7a4ff")
_ON_LIGHT = ("#0072b2", "#d55e00", "#00805f", "#b3478a", "#8f7a00", "#7a2f00", "#5b4bb5")


@dataclass(frozen=True, kw_only=True)
class Colours:
    """What a plot is drawn in, as ``#rrggbb``; `lines` are taken in turn."""

    background: str
    text: str
    faint: str
    lines: tuple[str, ...]
    width_px: float = 1.0  # Qt draws wider lines several times slower: too slow for one that follows the cursor


PAPER = Colours(background="#ffffff", text="#000000", faint="#999999", lines=_ON_LIGHT, width_px=2.0)  # for pictures that are saved


def colours_of_theme(name: str) -> Colours:
    """Colours that fit a theme of napari."""
    theme = get_theme(name)
    return Colours(
        background=_rrggbb(theme.background),
        text=_rrggbb(theme.text),
        faint=_rrggbb(theme.secondary),
        lines=_ON_DARK if theme.type == "dark" else _ON_LIGHT,
    )


def follow_theme(viewer: ViewerModel | None, recolour: Callable[[Colours], None]) -> Callable[[], None]:
    """Call the method `recolour` now and whenever the viewer's theme changes, until the function returned is called.

    The viewer does not keep the owner of the method alive.
    """
    method = WeakMethod(recolour)

    def changed(_: object = None) -> None:
        alive = method()
        if alive:
            alive(colours_of_theme(viewer.theme if viewer else "dark"))

    changed()
    if viewer is None:
        return lambda: None
    viewer.events.theme.connect(changed)
    return lambda: viewer.events.theme.disconnect(changed)


def legible(colour: str, colours: Colours) -> str:
    """A colour that somebody chose as ``#rrggbb``, nearer to that of text where it could not be told from the background.

    Contrast as in the Web Content Accessibility Guidelines 2.2, of which a line needs 3.
    """
    rgb, text, back = (np.array([one.red(), one.green(), one.blue()]) for one in map(QColor, (colour, colours.text, colours.background)))
    for share in np.linspace(0.0, 1.0, 11):
        mixed = np.round((1 - share) * rgb + share * text).astype(int)
        low, high = sorted((_luminance(mixed), _luminance(back)))
        if (high + 0.05) / (low + 0.05) >= _CONTRAST:
            break
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _luminance(rgb: NDArray[np.int64]) -> float:
    parts = rgb / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _rrggbb(colour: object) -> str:
    red, green, blue = colour.as_rgb_tuple(alpha=False)  # type: ignore[attr-defined]
    return f"#{red:02x}{green:02x}{blue:02x}"
