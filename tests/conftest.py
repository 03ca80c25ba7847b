"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Small tensors gain nothing from threads, and lose much where other work shares the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nobody's own preferences are read or written.
_SETTINGS = tempfile.TemporaryDirectory(prefix="crimson-tests-")
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "settings.yaml")
os.environ["CRIMSON_MEASURED"] = str(Path(_SETTINGS.name) / "measured.json")
os.environ["CRIMSON_WEIGHTS"] = str(Path(_SETTINGS.name) / "weights")
pytest.register_assert_rewrite("refusing")  # what it finds is told as in a test


@pytest.fixture
def shared_data() -> Path:
    """Folder of real and vendor files that may not be distributed with the project; skips where it is absent."""
    folder = Path(os.environ.get("CRIMSON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set CRIMSON_TEST_DATA to the folder that has it")
    return folder


# --- a real window -----------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of several processes, give all tests with windows to one: they share the screen and its focus. Other files go where there is room."""
    from xdist.scheduler import LoadScopeScheduling

    class OneWithWindows(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "windows" if Path(file).name.startswith(("test_plugin", "test_examples")) else file

    return OneWithWindows(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked gui, or fail it where CRIMSON_GUI_TESTS=required, if no window can be shown here; say what is missing."""
    missing = _missing_for_a_window() if item.get_closest_marker("gui") else None
    if missing and os.environ.get("CRIMSON_GUI_TESTS") == "required":
        pytest.fail(f"CRIMSON_GUI_TESTS=required, but {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)


def _missing_for_a_window() -> str | None:
    if not any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6", "PyQt5")):
        return 'no Qt binding: pip install "napari-crimson[all]"'
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display: run under xvfb-run (Debian: apt-get install xvfb)"
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    return f"QT_QPA_PLATFORM={platform} shows no window: unset it" if platform.startswith(("offscreen", "minimal")) else None


@pytest.fixture(autouse=True)
def _garbage_ends_with_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what is left of a window here: a later test's thread must not do it.

    What is still there then stays to the end, so the collector passes over it from now on: it would take seconds a test otherwise.
    """
    yield
    if request.node.get_closest_marker("gui") is not None:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def _modules_set_aside() -> None:
    """Have the collector pass over what the imports have left: napari's fixture collects all of it after each window, for seconds."""
    for name in ("napari.view_layers", "napari._qt.qt_viewer", "pyqtgraph", "torch", "dask.array", "xarray"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


@pytest.fixture
def viewer(_modules_set_aside: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A napari window that is really shown, in napari's main-thread watch; nothing of it may be left afterwards."""
    monkeypatch.setenv("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")
    monkeypatch.setattr("napari_crimson.plugin.pointing.newest._LINGER_S", 0.05)  # its threads are waited for below
    make = request.getfixturevalue("make_napari_viewer")
    window = make(show=True, strict_qt="raise")
    window.window.resize(1280, 800)
    yield window
    from superqt.utils import WorkerBase

    WorkerBase.await_workers(20_000)
    qtbot = request.getfixturevalue("qtbot")
    qtbot.wait(20)  # lets the last signals of the workers arrive
    qtbot.waitUntil(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("crimson")], timeout=20_000)


@pytest.fixture
def plot(viewer: Any, qtbot: Any) -> Any:
    """A plot of one peak in a dock, laid out."""
    from napari_crimson.plugin.plot.plot import SpectrumPlot
    from seen_plot import AXIS, PEAK

    widget = SpectrumPlot(viewer, name="Spectra", y_label="counts")
    viewer.window.add_dock_widget(widget, name="Spectra", area="right")
    widget.set_line("peak", AXIS, PEAK)
    qtbot.wait(50)
    return widget


@pytest.fixture
def press(qtbot: Any) -> Callable[[Any], None]:
    """Press a button of Qt with the mouse."""
    from qtpy.QtCore import Qt

    return lambda button: qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Notifications shown to the user."""
    from napari.utils.notifications import notification_manager

    seen: list[str] = []

    def note(notification: Any) -> None:
        seen.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield seen
    notification_manager.notification_ready.disconnect(note)
