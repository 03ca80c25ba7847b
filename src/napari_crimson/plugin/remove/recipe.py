"""What a removal has to do with recipes: the preparation ahead of it, and its settings as a part of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Label

from napari_crimson.errors import CrimsonError
from napari_crimson.plugin.docks import StepsDock, docked
from napari_crimson.plugin.looks import fit_text
from napari_crimson.plugin.preferences import offered_removers
from napari_crimson.plugin.recipe_of_layer import recipe_of_layer
from napari_crimson.plugin.remove.settings import RemovalSettings
from napari_crimson.plugin.remover_names import RemoverNames

if TYPE_CHECKING:
    import napari
    import xarray as xr

    from napari_crimson.pipeline import Pipeline, Step

__all__ = ["RemovalRecipe"]

_OWN, _NONE, _GIVEN = "auto", "none", "given"
_IN_PREPARE = "as in Prepare"
_FILE = "file"


class RemovalRecipe(RemovalSettings):
    """The form of a removal with a row for its preparation; takes and gives recipes."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._recipe: Pipeline | None = None  # as loaded; the form says most of it anew
        self._offered = False  # the steps of the Prepare dock
        self._files: dict[str, str] = {}  # spectra that a recipe names
        tip = "What goes ahead of the removal: the steps of the Prepare dock, or none."
        self._preparation = ComboBox(name="preparation", label="Preparation", choices=[("none", _NONE)], tooltip=tip)
        tip = "Settings of the recipe loaded that have no row here; another remover starts from its own."
        self._more = Label(name="more", label="Recipe", value="", tooltip=tip)
        super().__init__(viewer)
        self._preparation.choices = self._preparations
        self._preparation.native.setAccessibleName("Preparation")
        fit_text(self._more)
        self.insert(self.index(self._remover), self._preparation)
        self.insert(self.index(self._device), self._more)
        self._remover.choices = self._removers
        self._names = RemoverNames(self.native)
        self._names.changed.connect(self._names_changed)
        self._remover.changed.connect(self._show_more)
        self._show_more()
        self.preparation_changed()

    def steps(self) -> tuple[Step, ...]:
        """Steps of the preparation that is chosen.

        Raises
        ------
        CrimsonError
            If an option of one is not what it must be.
        """
        dock = docked(self._viewer, StepsDock) if self._preparation.value == _IN_PREPARE else None
        return dock.steps() if dock else ()

    def run_recipe(self) -> Pipeline | None:
        """What is to run, where it is more than a plain removal.

        Raises
        ------
        CrimsonError
            As `steps`.
        """
        steps = self.steps()
        return self.removal_recipe(strict=False).with_changes(steps=steps) if steps or self._recipe else None

    def removal_recipe(self, *, strict: bool = True) -> Pipeline:
        """The removal as a recipe, without steps.

        Raises
        ------
        CrimsonError
            If a spectrum is of a layer that is no file; where not `strict`, the recipe says "given" for it.
        """
        from napari_crimson.pipeline import Pipeline

        words = {box.name: self._word(box, strict) for box in (self._reference, self._dark)}
        return (self._recipe or Pipeline()).with_changes(steps=(), remover=self._remover.value, **words)

    def take_recipe(self, recipe: Pipeline) -> None:
        """Show the removal of a recipe; what a script gave cannot be repeated and is left as it is."""
        self._recipe = recipe
        if recipe.remover != _GIVEN:
            self._remover.reset_choices()
            self._remover.value = recipe.remover
        for box in (self._reference, self._dark):
            word = getattr(recipe, box.name)
            if word not in (_OWN, _NONE, _GIVEN):
                self._files[box.name] = word
            box.reset_choices()
            value = word if word in (_OWN, _NONE) else (_FILE, word)
            if value in box.choices:
                box.value = value
        self._show_more()

    def preparation_changed(self) -> None:
        """Offer the steps of the Prepare dock as they are now, and choose them when they are new."""
        self._preparation.reset_choices()
        offered = _IN_PREPARE in self._preparation.choices
        if offered and not self._offered:
            self._preparation.value = _IN_PREPARE
        self._offered = offered

    def _names_changed(self) -> None:
        """Offer what there is now, in its order: magicgui would put what is new behind all others."""
        chosen, offered = self._remover.value, self._removers()
        with self._remover.changed.blocked():
            self._remover.choices = ()
            self._remover.choices = offered
            self._remover.value = chosen
            self._remover.choices = self._removers

    def _removers(self, _: Any = None) -> list[str]:
        """The removers there are, that of the recipe, and the one that is chosen, also where its files have gone."""
        recipe = self._recipe
        named = [recipe.remover] if recipe and recipe.remover != _GIVEN else []
        return list(dict.fromkeys([*offered_removers(), *named, self._remover.value]))

    def _preparations(self, _: Any = None) -> list[tuple[str, str]]:
        layer, dock = self._layer(), docked(self._viewer, StepsDock)
        if layer is not None and "[[step]]" in recipe_of_layer(layer):
            return [("done already", _NONE)]
        return [*([(_IN_PREPARE, _IN_PREPARE)] if dock and dock.count else []), ("none", _NONE)]

    def _spectra(self, name: str) -> list[tuple[str, Any]]:
        named = [(f"file {Path(self._files[name]).name}", (_FILE, self._files[name]))] if name in self._files else []
        return [*super()._spectra(name), *named]

    def _spectrum(self, choice: tuple[str, str], stack: xr.Dataset) -> Any:
        return choice[1] if choice[0] == _FILE else super()._spectrum(choice, stack)

    def _word(self, box: ComboBox, strict: bool) -> str:
        """How a recipe says the choice of a reference or dark."""
        if box.value in (_OWN, _NONE):
            chosen = box.value == _OWN or _OWN not in box.choices  # none, where the stack has none, is no choice
            return _OWN if chosen else _NONE
        kind, what = box.value
        path = what if kind == _FILE else self._viewer.layers[what].source.path
        if path is None and strict:
            raise CrimsonError(
                f"the {box.name} is layer '{what}', which is no file: save it and open it again, or choose another, to keep it in a recipe"
            )
        return str(path or _GIVEN)

    def _stack_changed(self) -> None:
        super()._stack_changed()
        self.preparation_changed()

    def _show_more(self, _: Any = None) -> None:
        recipe = self.removal_recipe(strict=False)
        more = [f"{name} = {value}" for name, value in recipe.settings.items()]
        more += [f"precision = {recipe.precision}"] if recipe.precision != "auto" else []
        more += [f"dtype = {recipe.dtype}"] if recipe.dtype != "float32" else []
        more += ["with uncertainty"] if recipe.uncertainty else []
        self._more.value, self._more.visible = ", ".join(more), bool(more)
