"""An axis whose numbers stay apart where it is logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg

__all__ = ["ValueAxis"]

_TOLD = (1, 2, 5, 10)  # of each decade: all nine would stand on one another in a low plot
_TOLD_NEAR, _NEAR = (1, 2, 3, 5, 7, 10), 0.7  # where less than so many decades are seen


class ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """Like pyqtgraph's, with some numbers of each decade in place of all nine; linear as it is."""

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: Any) -> list[str]:  # noqa: N802 - pyqtgraph's name
        """Write the numbers of ticks at these logarithms."""
        texts = super().logTickStrings(values, scale, spacing)
        told = _TOLD_NEAR if self.range[1] - self.range[0] < _NEAR else _TOLD
        return [text if round(10 ** (value % 1.0)) in told else "" for value, text in zip(values, texts, strict=True)]
