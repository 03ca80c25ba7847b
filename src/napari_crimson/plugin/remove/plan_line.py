"""The lines above *Run* that tell what it will take: always of the settings as they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.pointing.newest import Newest
from napari_crimson.plugin.preferences import keep_memory_limit

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_crimson.plugin.remove.request import Request
    from napari_crimson.results.sinks import MemorySink

__all__ = ["PlanLine"]

_AFTER_MS = 200  # that the settings have rested


class PlanLine:
    """Plans what is set as a dry run, off the main thread, and measures the speed where that is not known yet.

    Parameters
    ----------
    parent : QWidget
        Lives longer.
    request : callable
        Gives what is set now, None where there is no stack; may raise `CrimsonError`.
    busy : callable
        Tells whether a run is on: speeds are measured when it is over.
    stopped : callable
        Gives the sinks in memory of runs that can be taken up.
    show : callable
        Takes the text.
    """

    def __init__(
        self,
        parent: QWidget,
        request: Callable[[], Request | None],
        busy: Callable[[], bool],
        stopped: Callable[[], list[MemorySink]],
        show: Callable[[str], None],
    ) -> None:
        self._request, self._busy, self._stopped, self._show = request, busy, stopped, show
        self._newest = Newest(self._answer)
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._ask)

    def renew(self, _: Any = None) -> None:
        """Settings have changed: tell anew, as soon as they rest."""
        self._timer.start()

    def close(self) -> None:
        """End."""
        self._timer.stop()
        self._newest.close()

    def _ask(self) -> None:
        self._newest.drop("plan")  # what is on its way is of other settings
        keep_memory_limit()
        try:
            request = self._request()
        except CrimsonError as error:
            self._show(str(error))
            return
        if request is None:
            self._show("")
        else:
            measure, stopped = not self._busy(), self._stopped()
            self._newest.ask("plan", lambda: _tell(request, stopped, measure))

    def _answer(self, _: Hashable, answer: Any) -> None:
        self._show(answer if isinstance(answer, str) else f"Run would stop here: {answer}")


def _tell(request: Request, stopped: list[MemorySink], measure: bool) -> Iterator[str]:
    """What a request will take, first without, then with the time."""
    from napari_crimson.estimate import estimate_removal, measure_speed

    removal = request.plan(dry_run=True, earlier=stopped)
    speed = measure_speed(removal, measure=False)
    found = estimate_removal(removal, ahead=request.ahead, spectra_per_s=speed)
    lines = found.describe()
    if speed is None and found.pixels_left:
        lines[-1] = f"measuring {found.remover} on {found.device} …" if measure else f"{lines[-1]} while a run is on"
    yield "\n".join(lines)
    if speed is None and found.pixels_left and measure:
        yield "\n".join(estimate_removal(removal, ahead=request.ahead, spectra_per_s=measure_speed(removal)).describe())
