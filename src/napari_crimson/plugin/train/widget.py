"""The dock widget *Plugins › CRIMSON › Train*: adapt a network to this microscope, look, and keep it under a name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_crimson import weights
from napari_crimson.adaptation import guess_photons
from napari_crimson.errors import CrimsonError
from napari_crimson.pixels import choose_pixels
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.docks import abandon_all, end_with_its_dock, release_all, release_with
from napari_crimson.plugin.looks import move_bar
from napari_crimson.plugin.pointing.cursor import Cursor, pixel_at
from napari_crimson.plugin.pointing.newest import Newest
from napari_crimson.plugin.pointing.spectra_source import Pixel, SpectraSource
from napari_crimson.plugin.report import Report, duration
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.scrolling import let_scroll
from napari_crimson.plugin.train.form import BAR_STEPS, TrainForm
from napari_crimson.plugin.train.job import Adaptation, News, TrainJob
from napari_crimson.plugin.train.plots import AFTER, BEFORE, TrainPlots

if TYPE_CHECKING:
    import napari
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_crimson.correction import Correction
    from napari_crimson.training import Validation

__all__ = ["TrainWidget"]

_PIXEL, _FIRST, _LIGHT, _SAVE = "pixel", "first pixel", "light", "save"  # the keys of the work aside
_MIN_WIDTH_PX = 400


class TrainWidget(QWidget):
    """One training at a time, on one stack; its best weights wait until they are saved, or another training begins.

    Attributes
    ----------
    pixel : tuple of int, optional
        The one that is looked at.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.pixel: Pixel | None = None
        self.form, self.plots = TrainForm(napari_viewer), TrainPlots(napari_viewer)
        rows = QVBoxLayout(self)
        rows.addWidget(self.form)
        rows.addWidget(self.plots, 1)
        self.setMinimumWidth(_MIN_WIDTH_PX)
        let_scroll(self)
        find_room(self, napari_viewer)
        self._jobs: list[TrainJob] = []  # at most one; a list, for what lets go of it without knowing the widget
        self._layer: Image | None = None
        self._source: SpectraSource | None = None
        self._networks: dict[str, Correction] = {}
        self._validations: list[Validation] = []
        self.newest = Newest(self._take)
        self.mouse = Cursor(napari_viewer)
        self.mouse.clicks_pin = True
        for part in (self.newest, self.mouse):
            part.setParent(self)
        self.mouse.clicked.connect(self._clicked)
        self.form.stack.chosen.connect(self._stack_chosen)
        self.form.train.clicked.connect(self.run)
        self.form.cancel.clicked.connect(self.cancel)
        self.form.save.clicked.connect(self.save)
        self._release: list[Callable[[], object]] = [
            self.newest.close,
            self.mouse.close,
            self.form.let_go,
            partial(abandon_all, self._jobs),
        ]
        release_with(self, self._release)
        self._stack_chosen()

    @property
    def _job(self) -> TrainJob | None:
        return self._jobs[0] if self._jobs else None

    @property
    def running(self) -> bool:
        """Whether a training is under way."""
        return self._job is not None and self._job.running

    def run(self) -> None:
        """Begin with what is chosen; errors are told as notifications."""
        layer = self.form.stack.layer
        if self.running or layer is None:
            return
        try:
            self._look_at(layer)
            assert self._source is not None
            stack = self._source.stack
            task = Adaptation(
                stack=stack,
                reference=self.form.reference(stack),
                start=self.form.start.currentText(),
                photons=self.form.photon_range(),
                steps=self.form.steps.value(),
            )
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        self._networks, self._validations = {}, []
        self.plots.begin()
        job = TrainJob(task, self._take_news, listener=self._report)
        self._jobs[:] = [job]
        job.start()

    def cancel(self) -> None:
        """Stop the training, if there is one, after the step it is in."""
        if self._job and self._job.running:
            self._job.cancel()
            self.form.status.setText("Stopping after this step …")

    def save(self) -> None:
        """Keep the best weights under the name shown; errors are told as notifications."""
        run, name = self._job.run if self._job else None, self.form.name.text().strip()
        if run is None:
            return

        def keep() -> Iterator[str]:
            weights.keep(name, *run.result(), run.curve)
            yield name

        self.form.save.setEnabled(False)
        self.newest.ask(_SAVE, keep, urgent=True)

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari parts the widget from its dock, which is how it closes one."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            release_all(self._release)
            end_with_its_dock(self)
        return bool(super().event(event))

    # --- the training ----------------------------------------------------------------------------------

    def _report(self, report: Report) -> None:
        """Show the phases of a job; what goes on within is `_take_news`."""
        busy, job = report.phase in ("starting", "preparing", "running"), self._job
        found = job is not None and job.run is not None
        self.form.set_busy(busy=busy)
        self.form.save.setEnabled(found and not busy)
        if report.phase == "starting":
            move_bar(self.form.bar, 0)
            self.form.status.setText(f"Loading {self.form.start.currentText()} and the reference …")
        elif report.phase == "failed":
            self.form.status.setText(f"Stopped: {report.error}")
        elif report.phase == "complete":
            move_bar(self.form.bar, BAR_STEPS)
            self.form.status.setText(f"Complete. {self._errors()}\nLook at the pixel, and save it to use it.")
        elif found:
            self.form.status.setText(f"Cancelled. {self._errors()}\nThe best so far can be saved.")
        else:
            self.form.status.setText("Cancelled before anything was better than the start; there is nothing to save.")

    def _take_news(self, news: News) -> None:
        job = self._job
        if job is None:
            return
        if news.validation:
            self._validations.append(news.validation)
        self.plots.add(news)
        move_bar(self.form.bar, BAR_STEPS * news.step // job.task.steps)
        left = f" · {duration(news.seconds_left)} left" if news.step else ""
        self.form.status.setText(f"Step {news.step} of {job.task.steps} on {news.device}{left}\n{self._errors()}")
        for name, network in ((BEFORE, news.before), (AFTER, news.after)):
            if network:
                self._networks[name] = network
                self._ask_pixel()

    def _errors(self) -> str:
        """The error on held-out spectra, from and to."""
        if not self._validations:
            return ""
        first, best = self._validations[0], min(self._validations, key=lambda one: one.error)
        after = f" → {best.error:.3g} at step {best.step}" if best.step else ", not beaten yet"
        return f"Held-out error {first.error:.3g} at the start{after}."

    # --- the stack and its pixel -----------------------------------------------------------------------

    def _stack_chosen(self) -> None:
        """Look at another stack, but for one that is in training or waits to be saved."""
        if self.running:
            return
        layer = self.form.stack.layer
        self.form.set_busy(busy=False)
        self.form.stack_chosen()
        if layer is None:
            self.form.status.setText("Open a stack, or File › Open Sample › CRIMSON.")
            return
        try:
            self._look_at(layer)
        except CrimsonError as error:
            self.form.status.setText(str(error))
            return
        self.form.status.setText("Choose a reference, and train. A click in the image picks the pixel to look at.")

    def _look_at(self, layer: Image) -> None:
        """Take the spectra of a layer as they are now."""
        source = SpectraSource(layer)
        if layer is not self._layer:
            self.pixel, self._networks = None, {}
            self.newest.ask(_LIGHT, lambda: iter([guess_photons(source.stack)]))
            self.newest.ask(_FIRST, lambda: iter([tuple(map(int, choose_pixels(source.stack).index[0]))]))
        self._layer, self._source = layer, source
        self.plots.expect(source.wavenumber)

    def _clicked(self, position: tuple[float, ...]) -> None:
        """Look at the pixel at a position in world coordinates."""
        layer, source = self._layer, self._source
        if layer is None or source is None or layer not in self._viewer.layers or not self.isVisible():
            return
        pixel = pixel_at(layer, position)
        if pixel in source:
            self.newest.drop(_FIRST)
            self.pixel = pixel
            self._ask_pixel()

    def _ask_pixel(self) -> None:
        source, pixel, networks = self._source, self.pixel, dict(self._networks)
        if source is not None and pixel is not None:
            self.newest.ask(_PIXEL, lambda: _answers(source, pixel, networks))

    def _take(self, key: Hashable, answer: Any) -> None:
        """Take what was done aside."""
        if isinstance(answer, Exception):
            if key == _SAVE:
                self.form.save.setEnabled(True)
            self.form.status.setText(str(answer))
            tell(answer)
        elif key == _SAVE:
            self.form.status.setText(f"Saved. '{answer}' is in every list of removers; on the command line it is --remover \"{answer}\".")
        elif key == _LIGHT:
            self.form.set_photons(*answer)
        elif key == _FIRST:
            self.pixel = answer
            self._ask_pixel()
        else:
            self.plots.draw(*answer)


def _answers(
    source: SpectraSource, pixel: Pixel, networks: dict[str, Correction]
) -> Iterator[tuple[Pixel, NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]]:
    """A pixel, its axis and spectrum (W,), and what networks make of it."""
    raw = source.spectrum(pixel)
    yield pixel, source.wavenumber, raw, {name: network(raw[None])["raman"][0] for name, network in networks.items()}
