"""Picture of the window that asks for a wavenumber axis, clicked through on a scan that brings none."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tifffile
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest
from window import click, keep, open_dock, settle, wait_until, window

from napari_crimson import simulate_stack
from napari_crimson.plugin.axis.dialog import AxisDialog

__all__ = ["AXIS"]

SEEN_CM1 = {2850: "2850", 2913: "2913"}  # lines that are clicked, and what is said of them


def take_axis(name: str) -> None:
    """Liquids, scanned through the C–H stretch and kept as a TIFF; two of their lines clicked."""
    axis = np.linspace(2750.0, 3150.0, 120)
    planes = np.moveaxis(simulate_stack((96, 96), sample="liquids", wavenumber=axis)["cars"].values, -1, 0)
    with tempfile.TemporaryDirectory() as folder, window(sample=None) as viewer:
        tifffile.imwrite(Path(folder) / "scan.tif", planes)
        dock = open_dock(viewer, "Open stack")
        dock.path.value = Path(folder) / "scan.tif"
        click(dock.open_button.native)
        (dialog,) = viewer.window.main_menu.window().findChildren(AxisDialog)
        wait_until(lambda: "mean" in dialog.plots.planes.lines)
        view = dialog.plots.planes.view
        box = view.getPlotItem().vb
        for (shift, said), typed in zip(SEEN_CM1.items(), dialog.lines.shifts, strict=True):
            settle(1.0)  # two clicks in a row would show all
            at = QPointF(float(np.interp(shift, axis, np.arange(axis.size))), float(np.mean(box.viewRange()[1])))
            QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.mapFromScene(box.mapViewToScene(at)))
            typed.setEditText(said)
        settle()
        keep(dialog, name)
        click(dialog.buttons.button(dialog.buttons.StandardButton.Cancel))


AXIS = {"axis_dark": take_axis}
