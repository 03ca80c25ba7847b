"""`Pipeline`: preparation and removal as one ordered piece of data, and the running of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import xarray as xr

from napari_crimson.carried import steps_of, with_steps
from napari_crimson.correction import spectrum_on_axis
from napari_crimson.errors import CrimsonError
from napari_crimson.io.spectrum import read_spectrum
from napari_crimson.pipeline.remover_settings import check_remover, check_settings, load_with_settings
from napari_crimson.pipeline.steps import Step
from napari_crimson.provenance import GIVEN
from napari_crimson.remove import Removal, plan_removal
from napari_crimson.remover import DTYPES, Remover, removers
from napari_crimson.results.sinks import MemorySink, Resume
from napari_crimson.stack import as_stack
from napari_crimson.stream import Progress
from napari_crimson.toml import toml_from_dict

__all__ = ["GIVEN", "NONE", "OWN", "Pipeline"]

Spectra = Mapping[str, xr.DataArray]

MOST_STEPS = 100
OWN, NONE = "auto", "none"
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Steps of a preparation, in order, and the removal behind them: a recipe, without device and output.

    Attributes
    ----------
    steps : tuple of Step
    remover : str
        A name of `removers`, or the path of a .safetensors file.
    reference, dark : str
        ``auto`` for the stack's own, ``none``, or the path of a file with a spectrum, which takes the place of the
        stack's own ahead of all steps.
    precision : str
    uncertainty : bool
    dtype : str
        Of the results, ``float32`` or ``float16``.
    settings : mapping
        Of the remover, by field name (see `pipeline.remover_options`); those left out keep their defaults.

    Raises
    ------
    CrimsonError
        If a value is not what it must be.
    """

    steps: tuple[Step, ...] = ()
    remover: str = "cnn"
    reference: str = OWN
    dark: str = OWN
    precision: str = "auto"
    uncertainty: bool = False
    dtype: str = "float32"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if len(self.steps) > MOST_STEPS:
            raise CrimsonError(f"{len(self.steps)} steps: a pipeline has at most {MOST_STEPS}")
        for name in ("remover", "reference", "dark"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value or not value.isprintable():
                raise CrimsonError(f"{name} = {value!r}: give a name or a path, as a text")
        if self.remover != GIVEN:
            check_remover(self.remover)
        if self.precision not in PRECISIONS:
            raise CrimsonError(f"precision = {self.precision!r}: give one of {', '.join(PRECISIONS)}")
        if not isinstance(self.uncertainty, bool):
            raise CrimsonError(f"uncertainty = {self.uncertainty!r}: give true or false")
        if self.dtype not in DTYPES:
            raise CrimsonError(f"dtype = {self.dtype!r}: give one of {', '.join(DTYPES)}")
        object.__setattr__(self, "settings", check_settings(self.remover, self.settings))

    def table(self) -> dict[str, Any]:
        """The pipeline as plain values, as they stand in a recipe."""
        steps = [{"name": step.name, **step.options} for step in self.steps]
        return {**self._removal(), **({"step": steps} if steps else {})}

    def to_toml(self) -> str:
        """The pipeline as the text of a recipe, which `read_pipeline` reads."""
        return toml_from_dict(self.table())

    def write(self, path: str | Path) -> Path:
        """Write the recipe to a file; its name should end in .toml.

        Raises
        ------
        CrimsonError
            If that fails.
        """
        path = Path(path).expanduser()
        try:
            path.write_text(self.to_toml(), encoding="utf-8")
        except OSError as error:
            raise CrimsonError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error
        return path

    def read_spectra(self, wavenumber: Any = None) -> dict[str, xr.DataArray]:
        """Read the spectra that the recipe names by a path, with `wavenumber` as the axis of a file that does not tell its own.

        Raises `CrimsonError` if a file is missing or holds no spectrum, or a script once gave an array.
        """
        found = {}
        for name in ("reference", "dark"):
            value = getattr(self, name)
            if value == GIVEN:
                raise CrimsonError(
                    f"the {name} of this recipe was an array given by a script; name a file in its place, or 'auto' or 'none'"
                )
            if value not in (OWN, NONE):
                found[name] = read_spectrum(value, wavenumber)
        return found

    def load_remover(self, *, device: str = "auto") -> Remover:
        """Make the remover, with its settings, ready to be called.

        Raises
        ------
        CrimsonError
            As `napari_crimson.load_remover`; or if it was a function that a script gave.
        """
        if self.remover == GIVEN:
            raise CrimsonError(f"the remover of this recipe was a function given by a script; give one of {', '.join(removers())}")
        return load_with_settings(self.remover, self.settings, device=device, precision=self.precision)

    def prepare(
        self, stack: xr.Dataset, *, spectra: Spectra | None = None, progress: Callable[[str, float], object] | None = None
    ) -> xr.Dataset:
        """Put spectra named by the recipe into a stack, and do all steps on it.

        Lazy but for `denoise_svd` and `estimate_reference`, which read the stack once.

        Parameters
        ----------
        stack : xarray.Dataset
            As `open_stack` gives it.
        spectra : mapping, optional
            Of `read_spectra`, where they have been read already; or whatever is to serve a recipe that says ``given``.
        progress : callable, optional
            Called with the name of a step and the fraction of it that is done, 0 to 1; whatever it raises ends the work.

        Raises
        ------
        CrimsonError
            As the step does, with its number and name.
        """
        ds = self._with_spectra(as_stack(stack), self.read_spectra() if spectra is None else spectra)
        for number, step in enumerate(self.steps, start=1):
            tell = None if progress is None else lambda part, name=step.name: progress(name, part)
            if tell is not None:
                tell(0.0)
            try:
                ds = step.kind.run(ds, step.options, tell)
            except CrimsonError as error:
                raise CrimsonError(f"step {number} ({step.name}): {error}") from error
        steps = self._all_steps(stack)
        return with_steps(ds, steps) if steps else ds

    def plan(
        self,
        stack: xr.Dataset,
        *,
        output: str | Path | None = None,
        device: str = "auto",
        resume: Resume = True,
        remover: Remover | None = None,
        spectra: Spectra | None = None,
        progress: Callable[[str, float], object] | None = None,
        earlier: Sequence[MemorySink] | None = None,
        dry_run: bool = False,
    ) -> Removal:
        """Prepare a stack and make its removal ready to run.

        `remover` and `spectra` are those of `load_remover` and `read_spectra`, for a batch that loads them once; for the
        others, and the errors, see `prepare`, `remove_background` and `plan_removal`. A `dry_run` leaves out the steps that
        read the whole stack; they change no shape.
        """
        named = self.read_spectra() if spectra is None else spectra
        loaded = remover or self.load_remover(device=device)
        light = tuple(step for step in self.steps if not (dry_run and step.kind.reads_stack))
        prepared = replace(self, steps=light).prepare(stack, spectra=named, progress=progress)
        unprepared = len(light) < len(self.steps)
        if unprepared:
            prepared = with_steps(prepared, self._all_steps(stack))
        own: dict[str, Any] = {name: prepared[name] if name in named and name in prepared else OWN for name in ("reference", "dark")}
        return plan_removal(
            prepared,
            loaded,
            **own,
            output=output,
            uncertainty=self.uncertainty,
            dtype=self.dtype,
            resume=resume,
            recipe=self._removal(),
            earlier=earlier,
            dry_run="unprepared" if unprepared else dry_run,
        )

    def run(
        self,
        stack: xr.Dataset,
        *,
        output: str | Path | None = None,
        device: str = "auto",
        resume: Resume = True,
        progress: Callable[[Progress], object] | None = None,
        preparing: Callable[[str, float], object] | None = None,
    ) -> xr.Dataset:
        """Prepare a stack and remove its background.

        `progress` is called after each block of the removal, `preparing` as by `prepare`; for the rest see `remove_background`.
        """
        job = self.plan(stack, output=output, device=device, resume=resume, progress=preparing)
        with closing(job.run()) as blocks:
            for block in blocks:
                if progress is not None:
                    progress(block)
        return job.dataset

    def with_changes(self, **changes: Any) -> Pipeline:
        """The pipeline with other values, None for those that stay; another remover starts from its own defaults."""
        new = {name: value for name, value in changes.items() if value is not None}
        if new.get("remover", self.remover) != self.remover:
            new.setdefault("settings", {})
        return replace(self, **new)

    def _all_steps(self, stack: xr.Dataset) -> list[dict[str, Any]]:
        """Steps that a stack has behind it, and those of this pipeline."""
        return [*steps_of(stack), *self.table().get("step", [])]

    def _removal(self) -> dict[str, Any]:
        """The removal as plain values, without the steps."""
        words = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("steps", "settings")}
        if self.dtype == DTYPES[0]:  # as recipes were before there was another
            del words["dtype"]
        return {**words, **({"settings": dict(self.settings)} if self.settings else {})}

    def _with_spectra(self, ds: xr.Dataset, spectra: Spectra) -> xr.Dataset:
        """Put in the spectra that a recipe names, and leave out those it does not want."""
        axis = ds["wavenumber"].values
        for name in ("reference", "dark"):
            if name in spectra:
                ds = ds.assign({name: ("wavenumber", spectrum_on_axis(name, spectra[name], axis))})
            elif getattr(self, name) == NONE:
                ds = ds.drop_vars(name, errors="ignore")
            elif getattr(self, name) != OWN:
                raise CrimsonError(f"the recipe wants the {name} '{getattr(self, name)}', which is not among the spectra given")
        return ds
