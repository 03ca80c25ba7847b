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
    top_px : float
        Kept free above, for texts, on the screen; at most half of the height.
    expected : (float, float), optional
        What is seen along x while nothing is drawn.
    """

    def __init__(self, **options: Any) -> None:
        self._fit, self._top_px = True, 0.0
        self._expected: tuple[float, float] | None = None
        self._settled: Any = None  # bounds along x of what was drawn when the view last followed, and the view's
        super().__init__(**options)

    @property
    def top_px(self) -> float:
        """As above."""
        return self._top_px

    @top_px.setter
    def top_px(self, room: float) -> None:
        if room != self._top_px:
            self._top_px = room
            self.queueUpdateAutoRange()

    @property
    def expected(self) -> tuple[float, float] | None:
        """As above."""
        return self._expected

    @expected.setter
    def expected(self, ends: tuple[float, float] | None) -> None:
        if ends != self._expected:
            self._expected = ends
            self.queueUpdateAutoRange()

    def fit(self) -> None:
        """Follow anew, and closely."""
        self._fit = True
        self.enableAutoRange()

    def childrenBounds(self, *args: Any, **options: Any) -> Any:  # noqa: N802 - pyqtgraph's name
        """Bounds of what is drawn, with the room above it, or of what is expected."""
        bounds = super().childrenBounds(*args, **options)
        if bounds[1] is not None:
            low, high = bounds[1]
            room = self._top_px / max(self.height() - self._top_px, self._top_px, 1.0)
            bounds[1] = [low, high + room * (high - low)]
        if bounds[0] is None and self._expected is not None:
            bounds[0] = list(self._expected)
        return bounds

    def updateAutoRange(self) -> None:  # noqa: N802 - pyqtgraph's name
        """Follow along x, and along y if need be; mostly neither is."""
        follows, drawn = tuple(self.state["autoRange"]), self.childrenBounds()
        if not self._fit and self._suits(drawn[1]):
            self.state["autoRange"][1] = False
            if self._settled == (drawn[0], self.viewRange()[0]):
                self.state["autoRange"][0] = False
        try:
            super().updateAutoRange()
        finally:
            self.state["autoRange"][:] = follows
        self._fit = False
        self._settled = (drawn[0], self.viewRange()[0])

    def _suits(self, drawn: Any) -> bool:
        """Whether what is drawn along y lies in the view and fills enough of it."""
        low, high = self.viewRange()[1]
        return drawn is None or bool(low <= drawn[0] and drawn[1] <= high and drawn[1] - drawn[0] >= _LEAST_FILLED * (high - low))
