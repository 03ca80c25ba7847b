"""Training: a recipe in, weights with their card and loss curve out.

    python -m napari_crimson.training RECIPE.toml [FOLDER]

runs on a bare machine: beyond the standard library this room needs torch, numpy and safetensors only. Spectra are
drawn fresh on the device at every step, so that there is no training set to over-fit; a held-out set, drawn once from a
seed of its own, chooses the weights that are kept. A run interrupted at any moment goes on from its last checkpoint.
`run` holds the steps of one run, which can be taken one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from napari_crimson import weights
from napari_crimson.errors import CrimsonError
from napari_crimson.recipe import Recipe, read_recipe
from napari_crimson.training.run import TrainingRun, Validation

__all__ = ["Recipe", "TrainingRun", "Validation", "train"]


def train(
    recipe: Recipe | str | Path,
    folder: str | Path = "runs",
    *,
    device: str = "auto",
    resume: bool = True,
    progress: Callable[[Validation], None] | None = None,
) -> Path:
    """Train a network and write ``FOLDER/NAME.safetensors``, its card ``.toml`` and its loss curve ``.csv``.

    Parameters
    ----------
    recipe : Recipe or path
        What to train.
    folder : path
        Where the results and the checkpoint go.
    device : str
        As for `load_remover`.
    resume : bool
        Go on from the checkpoint of an interrupted run of the same recipe, and leave weights of another recipe by this name alone;
        else begin again and replace both.
    progress : callable, optional
        Called with each `Validation`.

    Returns
    -------
    Path
        The weights, which `load_remover` takes.

    Raises
    ------
    CrimsonError
        If the recipe is unusable, the device not there, the folder not writable or holding weights of another recipe by this name,
        or the run diverged.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    _check_folder(Path(folder))
    run = TrainingRun(recipe, device=device, folder=folder)
    if resume:
        _check_place(Path(folder), run)
        run.resume()
    for validation in run.steps():
        if validation and progress:
            progress(validation)
    try:
        path = weights.save(Path(folder) / recipe.name, *run.result(), run.history)
    except OSError as error:  # the checkpoint stays
        raise CrimsonError(f"cannot write into {folder}: {error.strerror or error}; make room, the same call then goes on") from error
    except CrimsonError:
        run.drop_checkpoint()
        raise
    run.drop_checkpoint()
    return path


def _check_folder(folder: Path) -> None:
    """Find out whether results can be written before hours are spent on them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"results go here")
    except OSError as error:
        raise CrimsonError(f"cannot write into {folder}: {error.strerror or error}; choose another folder, or make room") from error


def _check_place(folder: Path, run: TrainingRun) -> None:
    """Refuse to replace weights that came of another recipe; those without a card were not written to the end."""
    path = folder / f"{run.recipe.name}.safetensors"
    if path.exists() and path.with_suffix(".toml").exists() and not _is_of(run, path):
        raise CrimsonError(
            f"{path} holds weights of another recipe or version; give another name or folder, or replace them with resume=False"
        )


def _is_of(run: TrainingRun, path: Path) -> bool:
    """Whether weights came of the recipe of a run."""
    try:
        return run.made(weights.read_card(str(path)))
    except CrimsonError:
        return False
