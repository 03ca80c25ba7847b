"""A real napari window for benchmarks: stacks to open in it, the mouse, and how long the window stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPoint, Qt, QTimer
from qtpy.QtTest import QTest

SIZE = 512
PATIENCE_S = 120.0


class Heartbeat:
    """A timer of 10 ms on the main thread, and the longest it was late."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(10)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1e3 * (now - self._last))
        self._last = now

    def stop(self) -> str:
        """Stop, and say how it was."""
        self._timer.stop()
        gaps = np.array(self.gaps)
        return f"longest gap {gaps.max():.0f} ms, {(gaps > 50).sum()} of {gaps.size} beats above 50 ms"


class Painted(QObject):
    """When a widget was painted last, `at`, and what it `shows` since, by a function that tells."""

    def __init__(self, widget: Any, shown: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.at, self.shows, self._shown = 0.0, None, shown
        widget.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Note when a painting is through, and let it pass."""
        if event.type() == QEvent.Type.Paint:
            shown = self._shown()
            QTimer.singleShot(0, lambda: self._note(shown))
        return False

    def _note(self, shown: Any) -> None:
        self.at, self.shows = time.perf_counter(), shown


def wait_until(reached: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Let the window live until something is reached: in a loop of Qt's own, which leaves Python to the other threads while it waits."""
    end, loop, look = time.monotonic() + patience_s, QEventLoop(), QTimer()
    look.timeout.connect(lambda: loop.quit() if reached() or time.monotonic() > end else None)
    look.start(1)
    if not reached():
        loop.exec()
    look.stop()
    if not reached():
        raise TimeoutError


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


@contextmanager
def window(path: Path | None = None) -> Iterator[Any]:
    """A viewer of 1280 × 800, with a stack if a path is given."""
    import napari

    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1280, 800)
    if path is not None:
        viewer.open(path, plugin="napari-crimson")
    pause(0.5)
    try:
        yield viewer
    finally:
        viewer.close()
        pause(0.5)


def canvas(viewer: Any) -> Any:
    """The widget that shows the image."""
    return viewer.window._qt_viewer.canvas.native


def move_to(viewer: Any, y: int, x: int) -> None:
    """Move the mouse to a pixel of the first layer."""
    QTest.mouseMove(canvas(viewer), _place(viewer, y, x))


def _place(viewer: Any, y: int, x: int) -> QPoint:
    layer, camera, widget = viewer.layers[0], viewer.scene.camera, canvas(viewer)
    world = layer.data_to_world((*(0,) * (layer.ndim - 2), y, x))[-2:]
    middle = np.array([widget.height(), widget.width()]) / 2
    down, right = middle + (np.array(world) - camera.center[-2:]) * camera.zoom
    return QPoint(round(right), round(down))


def measured_stacks(folder: Path) -> list[Path]:
    """512 × 512 × 1000 uint16, a tissue of 64 × 64 pixels repeated, as HDF5 and as zarr; made where they are not there."""
    from napari_crimson import save_stack, simulate_stack
    from napari_crimson.stack import make_stack

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "tissue_512.h5", folder / "tissue_512.zarr"]
    missing = [path for path in paths if not path.exists()]
    if missing:
        small = simulate_stack((64, 64), seed=0)
        whole = da.tile(small["cars"].data, (SIZE // 64, SIZE // 64, 1))
        spectra = {name: small[name].values for name in ("dark", "reference")}
        stack = make_stack(whole, small["wavenumber"].values, **spectra, step_um={"y": 0.5, "x": 0.5}, source="tissue")
        for path in missing:
            save_stack(stack, path)
    return paths


def corrected_stack(folder: Path) -> Path:
    """The same corrected, by Kramers–Kronig as that is quickest; made where it is not there."""
    from napari_crimson import open_stack, remove_background

    path = folder / "result_512.zarr"
    if not path.exists():
        remove_background(open_stack(measured_stacks(folder)[1]), "kk", output=path)
    return path
