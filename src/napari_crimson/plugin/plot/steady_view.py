"""Where a plot looks: all of x, and a height that stays where it is while it suits what is drawn."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg

__all__ = ["SteadyView"]

_LEAST_FILLED = 0.5  # of the height


class SteadyView(pg.ViewBox):  # type: ignore[misc]
    """Follows what is drawn along y only where that leaves the view or takes less than half of it.

    Under a moving cursor spectra can be compared then, while an axis that jumps with each of them could not be read, and costs some
    milliseconds to draw anew.

    Attributes
    ----------
    top_room : float
        Kept free above, for texts, in heights of what is drawn.
    """

    top_room = 0.0

    def __init__(self, **options: Any) -> None:
        self._fit = True
        super().__init__(**options)

    def fit(self) -> None:
        """Follow anew, and closely."""
        self._fit = True
        self.enableAutoRange()

    def childrenBounds(self, *args: Any, **options: Any) -> Any:  # noqa: N802 - pyqtgraph's name
        """Bounds of what is drawn, with the room above it."""
        bounds = super().childrenBounds(*args, **options)
        if bounds[1] is not None:
            low, high = bounds[1]
            bounds[1] = [low, high + self.top_room * (high - low)]
        return bounds

    def updateAutoRange(self) -> None:  # noqa: N802 - pyqtgraph's name
        """Follow along x, and along y if need be."""
        follows = self.state["autoRange"][1]
        if follows and not self._fit and self._suits():
            self.state["autoRange"][1] = False
            try:
                super().updateAutoRange()
            finally:
                self.state["autoRange"][1] = follows
        else:
            super().updateAutoRange()
            self._fit = False

    def _suits(self) -> bool:
        """Whether what is drawn lies in the view and fills enough of it."""
        drawn, (low, high) = self.childrenBounds()[1], self.viewRange()[1]
        if drawn is None:
            return True
        return bool(low <= drawn[0] and drawn[1] <= high and drawn[1] - drawn[0] >= _LEAST_FILLED * (high - low))
