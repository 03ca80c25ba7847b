# ruff: noqa: T201 - a script that prints its tables
"""The spectrum dock in a real window: from cursor to spectrum, how long the window stands still, what closing leaves behind.

python benchmarks/spectrum_dock.py cursor [--folder FOLDER]    512 × 512 × 1000 uint16 on disk, HDF5 and zarr (900 MB, made if absent)
python benchmarks/spectrum_dock.py docks [--times 200]         opens and closes the dock

Without a display: ``QT_QPA_PLATFORM=xcb xvfb-run -a -s '-screen 0 1280x1024x24' python …``. Moves are real mouse moves over the
canvas. A spectrum is drawn when the lower plot has been painted with the corrected spectrum of that pixel.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import psutil
from qtpy.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

SIZE, JUMPS, SWEEP_S = 512, 100, 8.0
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
    """When a plot was painted last."""

    def __init__(self, plot: Any) -> None:
        super().__init__()
        self.at = 0.0
        plot.view.viewport().installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Note when a painting is through, and let it pass."""
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._note)
        return False

    def _note(self) -> None:
        self.at = time.perf_counter()


def wait_until(reached: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Let the window live until something is reached."""
    end = time.monotonic() + patience_s
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.0005)


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


@contextmanager
def window(path: Path) -> Iterator[tuple[Any, Any]]:
    """A viewer with a stack and the dock."""
    import napari

    from napari_crimson.io import open_stack
    from napari_crimson.plugin.layers import layer_data_from_stack

    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1280, 800)
    data, attributes, _ = layer_data_from_stack(open_stack(path))[0]
    viewer.add_image(data, **attributes)
    _, dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")
    pause(1)
    viewer.reset_view()  # the whole image in what the dock has left
    pause(0.5)
    try:
        yield viewer, dock
    finally:
        dock.newest.close()
        pause(0.2)
        viewer.close()
        pause(0.5)


def place(viewer: Any, y: int, x: int) -> tuple[Any, QPoint]:
    """The canvas, and where on it a pixel is."""
    canvas = viewer.window._qt_viewer.canvas.native
    layer, camera = viewer.layers[0], viewer.scene.camera
    world = layer.data_to_world((0, y, x))[-2:]
    middle = np.array([canvas.height(), canvas.width()]) / 2
    down, right = middle + (np.array(world) - camera.center[-2:]) * camera.zoom
    return canvas, QPoint(round(right), round(down))


def drawn(dock: Any) -> bool:
    """Whether the dock shows a corrected spectrum."""
    return dock.looked is not None and "cnn" in dock.looked.corrected


def jumps(viewer: Any, dock: Any, painted: Painted) -> list[float]:
    """Milliseconds from the move to the painted spectrum, of single moves to pixels far apart."""
    rng, found = np.random.default_rng(0), []
    for _ in range(JUMPS):
        pause(0.08)
        y, x = (int(at) for at in rng.integers(40, SIZE - 40, 2))
        canvas, point = place(viewer, y, x)
        before, begun = dock.looked, time.perf_counter()
        QTest.mouseMove(canvas, point)
        wait_until(lambda before=before: dock.looked is not before and drawn(dock))
        answered = time.perf_counter()
        wait_until(lambda answered=answered: painted.at >= answered, 10.0)
        found.append(1e3 * (painted.at - begun))
    return found


def sweep(viewer: Any, dock: Any, painted: Painted) -> list[float]:
    """Milliseconds by which painted spectra are behind the cursor, which moves every 8 ms along a curve."""
    moved: dict[tuple[int, ...], float] = {}
    found: list[float] = []
    last, begun = dock.looked, time.perf_counter()
    while (now := time.perf_counter() - begun) < SWEEP_S:
        y, x = 256 + 200 * np.sin(0.7 * now), 256 + 200 * np.cos(0.9 * now)
        QTest.mouseMove(*place(viewer, round(y), round(x)))
        step = time.perf_counter()
        if dock.mouse.position is not None:
            at = viewer.layers[0].world_to_data(dock.mouse.position[-3:])[1:]
            moved[tuple(round(float(one)) for one in at)] = step
        while time.perf_counter() - step < 0.008:
            QApplication.processEvents()
            if dock.looked is not last and drawn(dock):
                seen = time.perf_counter()
                wait_until(lambda seen=seen: painted.at >= seen, 10.0)
                last = dock.looked
                if last.pixel in moved:
                    found.append(1e3 * (painted.at - moved[last.pixel]))
    return found


def paintings(dock: Any) -> float:
    """Milliseconds that one painting of the window takes, whatever is in it: all that is drawn waits for one."""
    found = []
    for _ in range(30):
        begun = time.perf_counter()
        dock.controls.status.repaint()
        found.append(1e3 * (time.perf_counter() - begun))
        pause(0.02)
    return float(np.median(found))


def tell(what: str, times: list[float], heartbeat: Heartbeat) -> None:
    """Print a row."""
    middle, most = np.median(times), np.percentile(times, 95)
    print(f"  {what:34} median {middle:5.1f} ms, 95 % {most:5.1f} ms, {len(times):4} spectra; {heartbeat.stop()}")


def cursor(folder: Path) -> None:
    """Times and heartbeat on both formats, idle and while a correction runs."""
    for path in make_stacks(folder):
        print(path.name)
        with window(path) as (viewer, dock):
            painted, heartbeat = Painted(dock.plots.raman), Heartbeat()
            QTest.mouseMove(*place(viewer, 100, 100))
            wait_until(lambda dock=dock: drawn(dock))
            print(f"  the first spectrum, loading the remover: {heartbeat.stop()}")
            print(f"  one painting of the window: median {paintings(dock):.1f} ms; load average {psutil.getloadavg()[0]:.1f}")
            for what, measure in (("jumps", jumps), ("sweep", sweep)):
                heartbeat = Heartbeat()
                tell(what, measure(viewer, dock, painted), heartbeat)
            _, remove = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")
            remove.output.value = remove.output.choices[1]
            with tempfile.TemporaryDirectory() as out:
                remove.folder.value = Path(out) / "out"
                remove.run()
                wait_until(lambda remove=remove: remove.bar.value > 0)
                for what, measure in (("jumps while a correction runs", jumps), ("sweep while a correction runs", sweep)):
                    heartbeat = Heartbeat()
                    tell(what, measure(viewer, dock, painted), heartbeat)
                print(f"  the correction is {'still running' if remove.running else 'at its end'}")
                remove.cancel()
                wait_until(lambda remove=remove: not remove.running)


def docks(times: int) -> None:
    """What is left after the dock has been opened and closed many times, each time with a spectrum under way."""
    import napari

    viewer: Any = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-crimson", "tissue_small")
    events = (viewer.dims.events.current_step, viewer.layers.events.removed, viewer.layers.events.inserted, viewer.events.theme)
    process = psutil.Process()

    def census() -> dict[str, int]:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # which only a loop of Qt's own does unasked
        gc.collect()
        return {
            "widgets": len(QApplication.allWidgets()),
            "callbacks": sum(len(event.callbacks) for event in events) + len(viewer.mouse_move_callbacks),
            "threads": threading.active_count(),
            "files": len(process.open_files()),
            "docks": sum(type(one).__name__ == "SpectrumWidget" for one in gc.get_objects()),
        }

    for number in range(times + 2):
        if number == 2:  # the first ones load what stays
            before = census()
        panel, _ = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")
        QTest.mouseMove(*place(viewer, 10 + number % 8, 20))
        pause(0.05)
        panel.destroyOnClose()
        del panel, _
        pause(0.05)
    pause(1)
    print(f"before {before}\nafter {times} docks {census()}")
    viewer.close()


def make_stacks(folder: Path) -> list[Path]:
    """The same tissue, 64 × 64 pixels repeated, as HDF5 and as zarr."""
    from napari_crimson import save_stack, simulate_stack
    from napari_crimson.stack import make_stack

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "tissue_512.h5", folder / "tissue_512.zarr"]
    if not all(path.exists() for path in paths):
        small = simulate_stack((64, 64), seed=0)
        whole = da.tile(small["cars"].data, (SIZE // 64, SIZE // 64, 1))
        spectra = {name: small[name].values for name in ("dark", "reference")}
        stack = make_stack(whole, small["wavenumber"].values, **spectra, step_um={"y": 0.5, "x": 0.5}, source="tissue")
        for path in paths:
            save_stack(stack, path)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cursor", "docks"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "crimson_spectrum_dock")
    parser.add_argument("--times", type=int, default=200)
    arguments = parser.parse_args()
    cursor(arguments.folder) if arguments.what == "cursor" else docks(arguments.times)
