# ruff: noqa: T201 - a script that prints its tables
"""The plugin in a real window: how quick it answers, how long the window stands still, what closing leaves behind.

python benchmarks/viewer.py cursor      from the cursor to the painted spectrum, idle and while a correction runs
python benchmarks/viewer.py slider      from a step of the slider to the painted plane of a corrected stack
python benchmarks/viewer.py opening     from the call to the painted first plane
python benchmarks/viewer.py docks       what is left after every dock has been opened and closed many times (--times 200)
python benchmarks/viewer.py repaints    10,000 paintings of the spectrum dock

Stacks are 512 × 512 × 1000 on disk, measured ones uint16; they are made in --folder if they are not there (1.4 GB). Without a
display: ``QT_QPA_PLATFORM=xcb xvfb-run -a -s '-screen 0 1280x1024x24' python …``. Moves are real moves of the mouse. A spectrum is drawn
when the lower plot has been painted with the corrected spectrum of that pixel.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from window import SIZE, Heartbeat, Painted, canvas, corrected_stack, measured_stacks, move_to, pause, wait_until, window

JUMPS, SWEEP_S, STEPS, REPAINTS = 100, 8.0, 200, 10_000


def corrected(looked: Any) -> bool:
    """Whether what has been looked at is there with its background removed."""
    return looked is not None and "cnn" in looked.corrected


def jumps(viewer: Any, _: Any, painted: Painted) -> list[float]:
    """Milliseconds from the move to the painted spectrum, of single moves to pixels far apart."""
    rng, found = np.random.default_rng(0), []
    for _ in range(JUMPS):
        pause(0.08)
        y, x = (int(at) for at in rng.integers(40, SIZE - 40, 2))
        before, begun = painted.shows, time.perf_counter()
        move_to(viewer, y, x)
        wait_until(lambda before=before: painted.shows is not before and corrected(painted.shows))
        found.append(1e3 * (painted.at - begun))
    return found


def sweep(viewer: Any, dock: Any, painted: Painted) -> list[float]:
    """Milliseconds by which painted spectra are behind the cursor, which moves every 8 ms along a curve."""
    moved: dict[tuple[int, ...], float] = {}
    found: list[float] = []
    last, begun = painted.shows, time.perf_counter()
    while (now := time.perf_counter() - begun) < SWEEP_S:
        y, x = 256 + 200 * np.sin(0.7 * now), 256 + 200 * np.cos(0.9 * now)
        move_to(viewer, round(y), round(x))
        step = time.perf_counter()
        if dock.mouse.position is not None:
            at = viewer.layers[0].world_to_data(dock.mouse.position[-3:])[1:]
            moved[tuple(round(float(one)) for one in at)] = step
        pause(0.008)
        if painted.shows is not last and corrected(painted.shows):
            last = painted.shows
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
    print(f"  {what:34} median {middle:5.1f} ms, 95 % {most:5.1f} ms, {len(times):4} times; {heartbeat.stop()}", flush=True)


def spectrum_dock(viewer: Any) -> tuple[Any, Painted]:
    """Open the spectrum dock, with the whole image in what it leaves of the window, and look at a first pixel."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-crimson", "Spectrum")
    pause(1)
    viewer.reset_view()
    pause(0.5)
    heartbeat = Heartbeat()
    move_to(viewer, 100, 100)
    wait_until(lambda: corrected(dock.looked))
    print(f"  the first spectrum, loading the remover: {heartbeat.stop()}")
    return dock, Painted(dock.plots.raman.view.viewport(), lambda: dock.looked)


def cursor(folder: Path) -> None:
    """Times and heartbeat on both formats, idle and while a correction runs."""
    for path in measured_stacks(folder):
        print(path.name)
        with window(path) as viewer, tempfile.TemporaryDirectory() as out:
            dock, painted = spectrum_dock(viewer)
            print(f"  one painting of the window: median {paintings(dock):.1f} ms; load average {psutil.getloadavg()[0]:.1f}")
            for what, measure in (("jumps", jumps), ("sweep", sweep)):
                heartbeat = Heartbeat()
                tell(what, measure(viewer, dock, painted), heartbeat)
            _, remove = viewer.window.add_plugin_dock_widget("napari-crimson", "Remove background")
            remove.output.value = remove.output.choices[1]
            remove.folder.value = Path(out) / "out"
            remove.run()
            wait_until(lambda remove=remove: remove.bar.value > 0)
            for what, measure in (("jumps while a correction runs", jumps), ("sweep while a correction runs", sweep)):
                heartbeat = Heartbeat()
                tell(what, measure(viewer, dock, painted), heartbeat)
            print(f"  the correction is {'still running' if remove.running else 'at its end'}")
            remove.cancel()
            wait_until(lambda remove=remove: not remove.running)
            dock.newest.close()
            pause(0.2)


def slider(folder: Path) -> None:
    """Steps and jumps of the slider on a corrected stack."""
    path = corrected_stack(folder)
    with window(path) as viewer:
        painted, bands = Painted(canvas(viewer)), viewer.layers[0].data.shape[0]
        rng = np.random.default_rng(0)
        for what, planes in (
            ("steps upwards", range(100, 100 + STEPS)),
            ("steps downwards", range(700, 700 - STEPS, -1)),
            ("jumps", rng.integers(0, bands, STEPS // 4)),
        ):
            heartbeat, found = Heartbeat(), []
            for plane in planes:
                begun = time.perf_counter()
                viewer.dims.set_current_step(0, int(plane))
                wait_until(lambda begun=begun: painted.at > begun, 10.0)
                found.append(1e3 * (painted.at - begun))
                pause(0.03)
            tell(f"{what} of {path.name}", found, heartbeat)


def opening(folder: Path) -> None:
    """Opening each stack, the first time in this process and again."""
    paths = [*measured_stacks(folder), corrected_stack(folder)]
    with window() as viewer:
        painted = Painted(canvas(viewer))
        for path in (*paths, *paths):
            begun = time.perf_counter()
            viewer.open(path, plugin="napari-crimson")
            opened = time.perf_counter()
            wait_until(lambda opened=opened: painted.at > opened, 30.0)
            print(f"  {path.name:18} {painted.at - begun:.2f} s to the first image", flush=True)
            viewer.layers.clear()
            pause(1)


def docks(times: int) -> None:
    """What is left after each dock has been opened and closed many times; of the spectrum dock with a spectrum under way."""
    import npe2

    widgets = [one.display_name for one in npe2.PluginManifest.from_distribution("napari-crimson").contributions.widgets or ()]
    with window() as viewer:
        viewer.open_sample("napari-crimson", "tissue_small")
        pause(1)
        for name in widgets:
            for number in range(times + 3):
                if number == 3:  # the first ones load what stays
                    before = census(viewer)
                panel, _ = viewer.window.add_plugin_dock_widget("napari-crimson", name)
                move_to(viewer, 10 + number % 8, 20)
                pause(0.03)
                panel.destroyOnClose()
                del panel, _
                pause(0.03)
            pause(1)
            after = census(viewer)
            left = {what: after[what] - before[what] for what in after if after[what] > before[what]}
            print(f"  {name:20} opened and closed {times} times: {f'left {left}' if left else 'nothing left'}", flush=True)


def census(viewer: Any) -> dict[str, int]:
    """What could be left behind, counted."""
    pause(0.3)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # which only a loop of Qt's own does unasked
    gc.collect()
    groups = [viewer.events, viewer.dims.events, viewer.layers.events, viewer.layers.selection.events, viewer.scene.camera.events]
    groups += [layer.events for layer in viewer.layers]
    return {
        "widgets": len(QApplication.allWidgets()),
        "callbacks": sum(_alive(one) for group in groups for emitter in group.emitters.values() for one in emitter.callbacks)
        + len(viewer.mouse_move_callbacks)
        + len(viewer.mouse_drag_callbacks),
        "threads": threading.active_count(),
        "files": len(psutil.Process().open_files()),
        "docks": sum(_is_dock(one) for one in gc.get_objects()),
    }


def _alive(callback: Any) -> bool:
    """Whether a callback is still there; of a method napari keeps a weak reference, and clears it away with the next event."""
    return not isinstance(callback, tuple) or callback[0]() is not None


def _is_dock(thing: Any) -> bool:
    kind = type(thing)
    return str(kind.__module__).startswith("napari_crimson.plugin") and kind.__name__.endswith("Widget")


def repaints(folder: Path) -> None:
    """Paintings of the spectrum dock, each with another spectrum."""
    with window(measured_stacks(folder)[0]) as viewer:
        dock, _ = spectrum_dock(viewer)
        spectra = [np.random.default_rng(seed).random(dock.plots.raman.lines["cnn"].x.size) for seed in range(50)]
        x = dock.plots.raman.lines["cnn"].x
        begun = time.perf_counter()
        for number in range(REPAINTS):
            for plot in (dock.plots.measured, dock.plots.raman):
                plot.set_line("cnn", x, spectra[number % 50], colour="text")
                plot.view.viewport().repaint()
            if number % 100 == 0:
                QApplication.processEvents()
        print(f"  {REPAINTS} paintings of both plots in {time.perf_counter() - begun:.0f} s; still alive")
        dock.newest.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cursor", "slider", "opening", "docks", "repaints"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "crimson_viewer")
    parser.add_argument("--times", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.what == "docks":
        docks(arguments.times)
    else:
        {"cursor": cursor, "slider": slider, "opening": opening, "repaints": repaints}[arguments.what](arguments.folder)
