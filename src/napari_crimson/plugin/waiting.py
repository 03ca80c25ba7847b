"""Work that its caller waits for, while the window stays alive."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["wait_for"]

Result = TypeVar("Result")


def wait_for(work: Callable[[], Result]) -> Result:
    """Do work in a thread and give its result, or raise its error; meanwhile windows are painted, and clicks wait.

    For calls whose result napari takes at once, such as that of sample data. Without a window, or Qt, it is just done.
    """
    if "qtpy.QtWidgets" not in sys.modules:
        return work()
    from qtpy.QtCore import QEventLoop, QMetaObject, Qt
    from qtpy.QtWidgets import QApplication

    from napari_crimson.plugin.garbage import hold_garbage

    if QApplication.instance() is None:
        return work()
    loop = QEventLoop()
    QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    release = hold_garbage()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="crimson-wait") as pool:
            future = pool.submit(work)
            future.add_done_callback(lambda _: QMetaObject.invokeMethod(loop, "quit", Qt.ConnectionType.QueuedConnection))
            loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
            return future.result()
    finally:
        release()
        QApplication.restoreOverrideCursor()
