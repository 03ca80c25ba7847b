"""The adaptation of a network off the main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from napari_crimson.adaptation import adaptation_recipe
from napari_crimson.correction import Correction, Settings, load_once, plan_correction
from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.background import BackgroundJob
from napari_crimson.plugin.report import Report

if TYPE_CHECKING:
    from napari_crimson.training import TrainingRun, Validation

__all__ = ["Adaptation", "News", "TrainJob"]

_NEWS_S = 0.25  # between two reports
_SMOOTHING = 0.1  # weight of the newest step in the loss that is shown


@dataclass(frozen=True, eq=False, kw_only=True)
class Adaptation:
    """What is asked for.

    Attributes
    ----------
    stack : xarray.Dataset
        Its axis, where there is light, is that of the training.
    reference : str, path or DataArray
        ``"auto"`` for that of the stack, a file, or a spectrum with its axis.
    start : str
        Weights to begin from.
    photons : (float, float)
        Electrons at the brightest point of a spectrum.
    steps : int
    device : str
    """

    stack: xr.Dataset
    reference: str | Path | xr.DataArray
    start: str
    photons: tuple[float, float]
    steps: int
    device: str = "auto"

    def plan(self) -> Correction:
        """The correction by the network as it is, which checks that spectra and axis fit; see `plan_correction`."""
        reference = self.reference
        if isinstance(reference, Path):
            from napari_crimson.io.spectrum import read_spectrum

            reference = read_spectrum(reference, self.stack["wavenumber"].values)
        elif isinstance(reference, str) and "reference" not in self.stack:
            raise CrimsonError("the stack carries no reference; choose a layer or a file that was measured on glass or water")
        return plan_correction(self.stack, load_once(self.start, "cpu", "auto"), Settings(reference=reference, device="cpu"))[1]


@dataclass(frozen=True, eq=False, kw_only=True)
class News:
    """How the training stands.

    Attributes
    ----------
    step : int
    seconds_left : float
    loss : float
        Of training, smoothed over some ten steps; NaN ahead of the first.
    device : str
    validation : Validation, optional
        Where it is new.
    before, after : Correction, optional
        By the network that was started from, once; and by the best so far, where it is new.
    """

    step: int
    seconds_left: float
    loss: float
    device: str
    validation: Validation | None = None
    before: Correction | None = None
    after: Correction | None = None


class TrainJob(BackgroundJob):
    """Trains, and gives `News` to `taker`; when cancelled it keeps what was best by then.

    Attributes
    ----------
    task : Adaptation
    run : TrainingRun, optional
        Once it is over and anything better than the start was found: what there is to save.
    """

    title = "train_network"

    def __init__(self, task: Adaptation, taker: Callable[[News], None], *, listener: Callable[[Report], None] | None = None) -> None:
        super().__init__(listener=listener)
        self.task, self.taker = task, taker
        self.run: TrainingRun | None = None

    def _work(self) -> Generator[Any, None, None]:
        from napari_crimson.device import spare_core

        with spare_core():
            yield from self._adapt()
        self._complete = not self._stop.is_set()

    def _adapt(self) -> Generator[News, None, None]:
        from napari_crimson.training import TrainingRun

        task = self.task
        before = task.plan()
        assert before.reference is not None
        lit = before.lit
        measured = xr.DataArray(before.reference[lit], {"wavenumber": before.wavenumber[lit]}, "wavenumber")
        run = TrainingRun(adaptation_recipe(task.start, measured, photons=task.photons, steps=task.steps), device=task.device)
        yield from self._train(run, before)
        if run.best_step or not self._stop.is_set():
            run.result()  # tells where training made it no better
            self.run = run

    def _train(self, run: TrainingRun, before: Correction) -> Generator[News, None, None]:
        """Take the steps, with news where a validation is due and four times a second."""
        loss, said, started, best = float("nan"), 0.0, time.monotonic(), 0
        first: Correction | None = before
        for validation in run.steps():
            if self._stop.is_set():
                return
            now = time.monotonic()
            if validation is None and now < said + _NEWS_S:
                continue
            newest, said = float(run.loss), now
            loss = newest if loss != loss else loss + _SMOOTHING * (newest - loss)
            better, best = run.best_step > best, run.best_step
            yield News(
                step=run.done,
                seconds_left=(now - started) / max(1, run.done) * (run.recipe.steps - run.done),
                loss=loss,
                device=str(run.device),
                validation=validation,
                before=first,
                after=replace(before, remover=run.remover()) if better else None,
            )
            first = None

    def _show(self, news: News) -> None:
        if self.listener:
            self.taker(news)
