"""A small grey image of one value a pixel, in a dock or a dialog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QWidget

from napari_crimson.plugin.contrast import limits

__all__ = ["MapView"]

_LEAST_PX = 160


class MapView(QWidget):
    """Shows an image (Y, X) as large as there is room, its shape kept; black to white, NaN left free."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self.setMinimumSize(_LEAST_PX, _LEAST_PX)

    def set_map(self, values: NDArray[np.float32]) -> None:
        """Show other values (Y, X)."""
        low, high = limits(values)
        grey = np.nan_to_num(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
        rgba = np.stack([grey, grey, grey, np.where(np.isfinite(values), 255, 0).astype(np.uint8)], axis=-1)
        height, width = values.shape
        self._pixmap = QPixmap.fromImage(QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy())
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  (Qt's name)
        """Draw the image in the middle."""
        if self._pixmap.isNull():
            return
        scaled = self._pixmap.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation)
        painter = QPainter(self)
        painter.drawPixmap((self.width() - scaled.width()) // 2, (self.height() - scaled.height()) // 2, scaled)
        painter.end()
