"""``python -m napari_crimson.plugin.show WAVENUMBER STACK RESULT``: a viewer on a stack and its result, at a band worth seeing.

A program of its own, so that what has no window (the command line) can show one without importing napari.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_crimson.io import open_stack
from napari_crimson.plugin.layers import layer_data_from_stack
from napari_crimson.plugin.readout import show_wavenumber

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["add_pair"]


def add_pair(viewer: ViewerModel, stack: Path, result: Path, wavenumber: float) -> None:
    """Add the layers of `stack` and `result`, named after the source and the remover, and go to `wavenumber` in cm⁻¹."""
    from napari.layers import Layer

    measured, corrected = open_stack(stack), open_stack(result)
    name = f"{stack.stem} · {corrected.attrs.get('remover', 'corrected')}"
    for layer in (*layer_data_from_stack(measured), *layer_data_from_stack(corrected, name=name)):
        viewer.add_layer(Layer.create(*layer))
    show_wavenumber(viewer)
    viewer.dims.set_point(0, wavenumber)
    for added in viewer.layers:
        added.reset_contrast_limits(mode="slice")  # limits for all bands leave one band dull


if __name__ == "__main__":
    import napari

    window = napari.Viewer()
    add_pair(window, Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[1]))
    napari.run()
