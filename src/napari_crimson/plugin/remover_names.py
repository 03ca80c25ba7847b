"""Lists of removers in the docks, which keep up with the weights a user keeps: from whatever dock, script or program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from qtpy.QtCore import QFileSystemWatcher, QObject, QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox

from napari_crimson import weights
from napari_crimson.plugin.preferences import offered_removers

__all__ = ["RemoverBox", "RemoverNames"]


class RemoverNames(QObject):
    """Watches the folder of the user's own weights, for as long as its parent lives.

    Attributes
    ----------
    changed : Signal
        There are other names of weights than before.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._known = weights.own_names()
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._look)
        self._watch()

    def _look(self) -> None:
        self._watch()  # the folder itself may have been removed
        found = weights.own_names()
        if found != self._known:
            self._known = found
            self.changed.emit()

    def _watch(self) -> None:
        folder = weights.own_folder()
        with suppress(OSError):  # where it cannot be made there is nothing to watch
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and not self._watcher.directories():
            self._watcher.addPath(str(folder))


class RemoverBox(QComboBox):
    """Offers removers; keeps its choice, also when its files have gone, so that what runs is never another than was chosen.

    Parameters
    ----------
    offered : callable
        Which names to offer, now.
    others : sequence of str
        Choices behind them.
    """

    def __init__(self, offered: Callable[[], list[str]] = offered_removers, *, others: Sequence[str] = ()) -> None:
        super().__init__()
        self._offered, self._others = offered, others
        self.names = RemoverNames(self)
        self.names.changed.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        chosen = self.currentText()
        choices = [*self._offered(), *self._others]
        blocker = QSignalBlocker(self)
        self.clear()
        self.addItems(choices if chosen in ("", *choices) else [*choices, chosen])
        self.setCurrentText(chosen or choices[0])
        blocker.unblock()
