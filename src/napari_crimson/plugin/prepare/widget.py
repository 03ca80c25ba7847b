"""The dock widget *Plugins › CRIMSON › Prepare*: the steps that go ahead of the removal, as a recipe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline import Pipeline, Step
from napari_crimson.pipeline.options import build_settings
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.docks import StepsDock, abandon_all, docked, end_with_its_dock, open_dock, release_all, release_with
from napari_crimson.plugin.layers import stack_from_layer
from napari_crimson.plugin.prepare.form import PrepareForm
from napari_crimson.plugin.prepare.job import PrepareJob
from napari_crimson.plugin.prepare.recipe_menu import RecipeMenu
from napari_crimson.plugin.prepare.svd_dialog import SVDDialog
from napari_crimson.plugin.remove.widget import RemoveWidget
from napari_crimson.plugin.report import Report
from napari_crimson.plugin.room import find_room
from napari_crimson.plugin.typed_axis import take_typed_axis
from napari_crimson.prepare import SVDSettings

if TYPE_CHECKING:
    import napari
    import xarray as xr
    from napari.layers import Image

__all__ = ["PrepareWidget"]


class PrepareWidget(QWidget, StepsDock):
    """The recipe's steps; *Prepare* shows what they make of the stack, *Remove background* runs them ahead of its own work.

    Attributes
    ----------
    components : SVDDialog, optional
        The window to choose the components of an SVD from, while it is open or was last.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._jobs: list[PrepareJob] = []  # at most one; a list, for what lets go of it without knowing the widget
        self.components: SVDDialog | None = None
        self._closed = False
        self.form = PrepareForm(self, napari_viewer)
        self.editor = self.form.editor
        self.menu = RecipeMenu(self, napari_viewer, self.form)
        self.form.prepare.clicked.connect(self.run)
        self.form.cancel.clicked.connect(self.cancel)
        self.form.choose.clicked.connect(self.choose_components)
        self.editor.changed.connect(self._changed)
        self._release: list[Callable[[], object]] = [partial(abandon_all, self._jobs), self.form.let_go]
        release_with(self, self._release)
        find_room(self, napari_viewer)

    @property
    def _job(self) -> PrepareJob | None:
        return self._jobs[0] if self._jobs else None

    @property
    def running(self) -> bool:
        """Whether a preparation is under way."""
        return self._job is not None and self._job.running

    def steps(self) -> tuple[Step, ...]:
        """The steps that are switched on.

        Raises
        ------
        CrimsonError
            If an option of one is not what it must be.
        """
        return self.editor.steps()

    @property
    def count(self) -> int:
        """Number of steps that are switched on."""
        return 0 if self._closed else self.editor.count

    def recipe(self) -> Pipeline:
        """The steps, and the removal as it is set in *Remove background* where that is open.

        Raises
        ------
        CrimsonError
            If an option is not what it must be, or the removal rests on a layer that is no file.
        """
        remover = docked(self._viewer, RemoveWidget)
        removal = Pipeline() if remover is None else remover.removal_recipe()
        return removal.with_changes(steps=self.steps())

    def take_recipe(self, recipe: Pipeline, *, steps_only: bool = False) -> None:
        """Show a recipe: its steps here, its removal in *Remove background*, which opens if it must."""
        self.editor.set_steps(recipe.steps)
        if not steps_only:
            open_dock(self._viewer, RemoveWidget, "Remove background").take_recipe(recipe)
        self._changed()

    def run(self) -> None:
        """Prepare the stack, as a new layer; errors are told as notifications."""
        if self.running:
            return
        try:
            source, stack = self._stack()
            steps = self.steps()
            if not steps:
                raise CrimsonError("there is no step to do: add one, or switch one on")
        except CrimsonError as error:
            self._report(Report(phase="failed", error=error))
            tell(error)
            return
        job = PrepareJob(self._viewer, source, stack, Pipeline(steps=steps), listener=self._report)
        self._jobs[:] = [job]
        job.start()

    def cancel(self) -> None:
        """Stop the preparation, if there is one; it leaves nothing behind."""
        if self._job and self._job.running:
            self._job.cancel()
            self.form.status.setText("Stopping …")

    def choose_components(self) -> None:
        """Open the window to choose the number of components of the selected SVD from."""
        form = self.editor.form
        if form is None or form.kind.name != "denoise_svd":
            return
        try:
            _, stack = self._stack()
            before = Pipeline(steps=self.editor.steps(before=self.editor.row))
            settings = build_settings(SVDSettings, form.values_set())
        except CrimsonError as error:
            tell(error)
            return
        plane: dict[str, int] = {dim: self._shown(dim, stack) for dim in ("t", "z") if dim in stack["cars"].dims}
        self._close_dialog()
        self.components = SVDDialog(self._viewer, stack, before, settings, plane, parent=self)
        self.components.chosen.connect(lambda number: form.set_option("components", number))
        self.components.show()

    def _stack(self) -> tuple[Image, xr.Dataset]:
        layer = self.form.stack.layer
        if layer is None:
            raise CrimsonError("there is no stack to work on; open one, or File › Open Sample › CRIMSON")
        take_typed_axis(layer, self.form.axis.text())
        return layer, stack_from_layer(layer)

    def _shown(self, dim: str, stack: xr.Dataset) -> int:
        """Index that the slider of a dimension is at."""
        layer = self.form.stack.layer
        at: int = round(float(layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[1 + stack["cars"].dims.index(dim)]))
        return min(max(at, 0), stack.sizes[dim] - 1)

    def _report(self, report: Report) -> None:
        self.form.show_report(report)

    def _changed(self) -> None:
        """Let *Remove background* know."""
        remover = docked(self._viewer, RemoveWidget)
        if remover is not None:
            remover.preparation_changed()

    def event(self, event: QEvent) -> bool:
        """Notice when napari parts the widget from a dock that is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._close()
            end_with_its_dock(self)
        return bool(super().event(event))

    def _close(self) -> None:
        """Let go of the viewer."""
        if self._closed:
            return
        self._closed = True
        release_all(self._release)
        self._close_dialog()
        self._changed()

    def _close_dialog(self) -> None:
        if self.components is not None:
            self.components.close()
            self.components.deleteLater()
            self.components = None
