"""Loading and saving the recipe of the Prepare dock."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QMenu

from napari_crimson.errors import CrimsonError
from napari_crimson.pipeline import parse_pipeline, read_pipeline
from napari_crimson.plugin.background import tell
from napari_crimson.plugin.layers import KEY
from napari_crimson.plugin.recipe_of_layer import recipe_of_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_crimson.plugin.prepare.form import PrepareForm
    from napari_crimson.plugin.prepare.widget import PrepareWidget

__all__ = ["RecipeMenu"]


class RecipeMenu(QMenu):
    """The menu of *Load recipe*, filled when it is opened; also does what *Save recipe* asks."""

    def __init__(self, dock: PrepareWidget, viewer: ViewerModel, form: PrepareForm) -> None:
        super().__init__(dock)
        self._dock, self._viewer = dock, viewer
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self._fill)
        form.load.setMenu(self)
        form.save.clicked.connect(self._ask_and_save)

    def load(self, path: str | Path) -> None:
        """Show the recipe of a .toml file or of a result in a Zarr folder; errors are told as notifications."""
        self._told(lambda: self._dock.take_recipe(read_pipeline(path)))

    def load_layer(self, layer: Layer) -> None:
        """Show the recipe a layer carries."""

        def take() -> None:
            text = recipe_of_layer(layer)
            prepared = layer.metadata[KEY].get("variable", "cars") == "cars"  # steps, and no removal yet
            self._dock.take_recipe(parse_pipeline(text, f"the recipe of layer '{layer.name}'"), steps_only=prepared)

        self._told(take)

    def save(self, path: str | Path) -> None:
        """Write the recipe; errors are told as notifications."""
        path = Path(path)
        self._told(lambda: self._dock.recipe().write(path if path.suffix else path.with_suffix(".toml")))

    def _fill(self) -> None:
        self.clear()
        self._add("From a recipe file …", "A .toml, from here or from the command line.", self._ask_file)
        self._add("From a result on disk …", "The folder, .zarr, that a removal has written.", self._ask_folder)
        layers = [layer for layer in self._viewer.layers if recipe_of_layer(layer)]
        if layers:
            self.addSeparator()
        for layer in layers:
            self._add(f"From layer {layer.name}", "Repeat what made this layer.", partial(self.load_layer, layer))

    def _add(self, text: str, tip: str, does: Callable[[], None]) -> None:
        action = self.addAction(text)
        action.setToolTip(tip)
        action.triggered.connect(lambda _=False: does())

    def _ask_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self._dock, "Load recipe", "", "Recipe (*.toml)")
        if chosen:
            self.load(chosen)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._dock, "Load the recipe of a result")
        if chosen:
            self.load(chosen)

    def _ask_and_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self._dock, "Save recipe", "recipe.toml", "Recipe (*.toml)")
        if chosen:
            self.save(chosen)

    def _told(self, does: Callable[[], Any]) -> None:
        try:
            does()
        except CrimsonError as error:
            tell(error)
