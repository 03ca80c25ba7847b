"""A box to choose a layer in, which keeps up with the viewer's list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LayerBox"]


class LayerBox(QComboBox):
    """Offers the layers of a kind, the newest last; begins with the one selected, and keeps its choice while that is there.

    Parameters
    ----------
    viewer : napari viewer
    fits : callable
        Which layers are offered.
    none : str, optional
        Text of a first entry that chooses none.

    Attributes
    ----------
    chosen : Signal
        Another layer is chosen, by the user, or because the last one has gone.
    """

    chosen = Signal()

    def __init__(self, viewer: ViewerModel, fits: Callable[[Any], bool], *, none: str | None = None) -> None:
        super().__init__()
        self._viewer, self._fits, self._none = viewer, fits, none
        self._layers: list[Layer | None] = []
        self._last: Layer | None = None
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.currentIndexChanged.connect(self._index_changed)
        self._events = [getattr(viewer.layers.events, name) for name in ("inserted", "removed", "reordered", "renamed")]
        for event in self._events:
            event.connect(self._fill)
        viewer.layers.events.connect(self._told)
        self._fill()

    @property
    def layer(self) -> Any:
        """The layer chosen, or None."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def let_go(self) -> None:
        """Let go of the viewer."""
        for event in self._events:
            event.disconnect(self._fill)
        self._viewer.layers.events.disconnect(self._told)
        self._layers, self._last = [], None

    def _told(self, event: Any) -> None:
        """Look again where a layer has got an axis, or has become a result."""
        if event.type == "metadata":
            self._fill()

    def _fill(self, _: Any = None) -> None:
        before = self._last
        fitting = [layer for layer in self._viewer.layers if self._fits(layer)]
        self._layers = [*([None] if self._none is not None else []), *fitting]
        self.blockSignals(True)
        self.clear()
        self.addItems([self._none or "" if layer is None else layer.name for layer in self._layers])
        self.setCurrentIndex(self._layers.index(before) if before in self._layers else self._first())
        self.blockSignals(False)
        self._index_changed()

    def _first(self) -> int:
        """Where to begin: with none if that may be, else with the layer that is selected, or the first that is seen."""
        if self._none is not None or not self._layers:
            return min(0, len(self._layers) - 1)
        active = self._viewer.layers.selection.active
        seen = next((place for place, layer in enumerate(self._layers) if layer is not None and layer.visible), 0)
        return self._layers.index(active) if active in self._layers else seen

    def _index_changed(self, _: int = 0) -> None:
        if self.layer is not self._last:
            self._last = self.layer
            self.chosen.emit()
