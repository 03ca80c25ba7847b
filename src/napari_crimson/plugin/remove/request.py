"""A removal as it was asked for in the dock: enough to plan it later, to tell what it will take, or to do a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_crimson.blocks import Region
    from napari_crimson.pipeline import Pipeline
    from napari_crimson.remove import Removal
    from napari_crimson.results.sinks import MemorySink

__all__ = ["Request"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What is to be done to which layer.

    Attributes
    ----------
    source : napari.layers.Image
    stack : xarray.Dataset
        The stack that `source` shows.
    options : mapping
        Keyword arguments of ``plan_removal``.
    recipe : Pipeline, optional
        Steps that go ahead, and the removal; where it is given, only output, device and spectra of the options count.
    choices : tuple
        The same as it was chosen, to tell two requests apart.
    """

    source: Image
    stack: xr.Dataset
    options: Mapping[str, Any]
    recipe: Pipeline | None = None
    choices: tuple[Any, ...] = ()

    @property
    def title(self) -> str:
        """What is asked for, in a few words."""
        return f"{self.source.name} · {self.options['remover']}"

    @property
    def ahead(self) -> list[str]:
        """Titles of the steps that read the whole stack ahead of the removal."""
        steps = () if self.recipe is None else self.recipe.steps
        return [step.kind.title for step in steps if step.kind.reads_stack]

    def same_as(self, other: Request) -> bool:
        """Tell whether another asks for the very same."""
        return self.source == other.source and (self.recipe, self.choices) == (other.recipe, other.choices)

    def of_region(self, region: Region) -> Request:
        """The same of some pixels only, in memory."""
        part = self.stack.isel(dict(zip(self.stack["cars"].dims[:-1], region, strict=True)))
        return replace(self, stack=part, options={**self.options, "output": None})

    def plan(
        self,
        *,
        progress: Callable[[str, float], object] | None = None,
        earlier: Sequence[MemorySink] | None = None,
        dry_run: bool = False,
    ) -> Removal:
        """Plan the removal; for a thread. See ``plan_removal`` and ``Pipeline.plan``."""
        if self.recipe is None:
            from napari_crimson.remove import plan_removal

            return plan_removal(self.stack, **self.options, earlier=earlier, dry_run=dry_run)
        layers = {name: self.options[name] for name in ("reference", "dark") if isinstance(self.options[name], xr.DataArray)}
        files = self.recipe.with_changes(**dict.fromkeys(layers, "none")).read_spectra(self.stack["wavenumber"].values)
        return self.recipe.plan(
            self.stack,
            output=self.options["output"],
            device=self.options["device"],
            spectra={**files, **layers},
            progress=progress,
            earlier=earlier,
            dry_run=dry_run,
        )
