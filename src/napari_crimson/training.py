"""Training: a recipe in, weights with their card and loss curve out.

    python -m napari_crimson.training RECIPE.toml [FOLDER]

runs on a bare machine: beyond the standard library this file needs torch, numpy and safetensors only. Spectra are
drawn fresh on the device at every step, so that there is no training set to over-fit; a held-out set, drawn once from a
seed of its own, chooses the weights that are kept. A run interrupted at any moment goes on from its last checkpoint.
"""

from __future__ import annotations

import csv
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile

import torch
from torch import Tensor

from napari_crimson import weights
from napari_crimson._version import __version__
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import build
from napari_crimson.networks.grid import STEP_CM1
from napari_crimson.objective import draw_on_grid, judge, loss
from napari_crimson.recipe import Recipe, read_recipe
from napari_crimson.synthesis import PRIORS, Batch, make_prior

__all__ = ["Recipe", "Validation", "train"]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Figures on the held-out set; errors relative to 0.01 + max|χ_R|/χ_NR (or to 1 for a susceptibility)."""

    step: int
    seconds: float
    loss: float  # of training, running mean
    error: float  # mean squared
    pearson: float  # median
    slope: float
    within_1sd: float


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
        Go on from the checkpoint of an interrupted run of the same recipe.
    progress : callable, optional
        Called with each `Validation`.

    Returns
    -------
    Path
        The weights, which `load_remover` takes.

    Raises
    ------
    CrimsonError
        If the recipe is unusable, the device not there, the folder not writable, or the run diverged.
    """
    from napari_crimson.device import resolve_device, training_dtype

    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    target = torch.device(resolve_device(device))
    _check_folder(Path(folder))
    run = _Run(recipe, Path(folder), target, training_dtype(target))
    if resume:
        run.resume()
    for validation in run.steps():
        if progress:
            progress(validation)
    return run.finish()


def _check_folder(folder: Path) -> None:
    """Find out whether results can be written before hours are spent on them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(b"results go here")
    except OSError as error:
        raise CrimsonError(f"cannot write into {folder}: {error.strerror or error}; choose another folder, or make room") from error


def _starting_weights(recipe: Recipe) -> dict[str, Tensor]:
    """Tensors of the weights to begin from, which must be of the same network and for the same kind of answer."""
    tensors, card = weights.load(str(recipe.start))
    if card["network"] != recipe.network or card.get("arguments", {}) != json.loads(json.dumps(recipe.arguments)):
        raise CrimsonError(f"start = '{recipe.start}' is a {card['network']} with {card.get('arguments')}; the recipe must say the same")
    if card["convention"] != PRIORS[recipe.prior].convention:
        raise CrimsonError(f"start = '{recipe.start}' answers in the {card['convention']} convention, prior '{recipe.prior}' does not")
    return tensors


class _Run:
    """The state of one training run."""

    def __init__(self, recipe: Recipe, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.recipe, self.folder, self.device, self.dtype = recipe, folder, device, dtype
        self.prior = make_prior(recipe.prior, recipe.bounds)
        torch.manual_seed(recipe.seed)
        # float32 weights learn; a copy in the working precision runs the layers
        self.master = build(recipe.network, recipe.arguments).to(device)
        if recipe.start:
            self.master.load_state_dict(_starting_weights(recipe))
        self.average = build(recipe.network, recipe.arguments).to(device)
        self.average.load_state_dict(self.master.state_dict())
        self.working = build(recipe.network, recipe.arguments).to(device, dtype)
        self.optimizer = torch.optim.AdamW(
            self.master.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
        )
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        self.done = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.held_out = list(self._held_out())

    def steps(self) -> Iterator[Validation]:
        """Train to the end, yielding at each validation."""
        started, losses = time.monotonic(), []
        if self.recipe.start and not self.curve:  # what has to be beaten
            yield self._validate(float("nan"))
        while self.done < self.recipe.steps:
            losses.append(self._step(draw_on_grid(self.recipe, self.prior, self.generator)))
            self.done += 1
            if self.done % self.recipe.validate_every == 0 or self.done == self.recipe.steps:
                now = time.monotonic()
                self.seconds, started = self.seconds + now - started, now
                mean, losses = float(torch.stack(losses).nanmean()), []
                if not math.isfinite(mean):
                    raise CrimsonError(f"the loss of '{self.recipe.name}' is {mean} at step {self.done}; lower its learning_rate")
                yield self._validate(mean)

    def _validate(self, loss: float) -> Validation:
        """Judge the averaged weights, keep them if they are the best yet, and write a checkpoint."""
        figures = judge(self.average, self.held_out, self.prior)
        validation = Validation(step=self.done, seconds=round(self.seconds, 1), loss=loss, **figures)
        if not self.curve or validation.error < min(row["error"] for row in self.curve):
            self.best = {k: v.detach().clone() for k, v in self.average.state_dict().items()}
        self.curve.append(asdict(validation))
        self._checkpoint()
        return validation

    def finish(self) -> Path:
        """Write the best weights, card and curve; the checkpoint is then done with."""
        recipe, best = self.recipe, min(self.curve, key=lambda row: row["error"])
        if best["step"] == 0:
            self._checkpoint_path().unlink(missing_ok=True)
            raise CrimsonError(
                f"training made '{recipe.start}' no better: error {best['error']:.4g} at the start, "
                f"{min(row['error'] for row in self.curve[1:]):.4g} at best after it; nothing was saved, '{recipe.start}' serves as it is"
            )
        card = {
            "name": recipe.name,
            "network": recipe.network,
            "convention": self.prior.convention,
            "version": __version__,
            "hardware": f"{platform.machine()} {self.device.type} {self.dtype}".replace("torch.", ""),
            "torch": torch.__version__,
            "seconds": round(self.seconds),
            "spectra": recipe.steps * recipe.batch_points // (sum(recipe.points) // 2),
            "step_cm1": list(STEP_CM1),
            "arguments": recipe.arguments,
            "prior": {"name": recipe.prior, **asdict(self.prior)},
            "recipe": {k: v for k, v in asdict(recipe).items() if k not in ("arguments", "bounds", "name", "network", "prior")},
            "validation": best,
        }
        path = weights.save(self.folder / recipe.name, self.best, card)
        with path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.curve[0]))
            writer.writeheader()
            writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in self.curve)
        self._checkpoint_path().unlink(missing_ok=True)
        return path

    def _held_out(self) -> Iterator[Batch]:
        """The validation set, in batches on axes of its own."""
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed + 1_000_003)
        left = self.recipe.validation_spectra
        while left > 0:
            batch = draw_on_grid(self.recipe, self.prior, generator)
            yield Batch(batch.wavenumber, *(v[:left] for v in batch[1:]))
            left -= batch.cars.shape[0]

    def _step(self, batch: Batch) -> Tensor:
        recipe, step = self.recipe, self.done
        rate = min(1.0, (step + 1) / recipe.warm_up, (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate
        master: list[Tensor] = list(self.master.parameters())
        working: list[Tensor] = list(self.working.parameters())
        with torch.no_grad():
            torch._foreach_copy_(working, master)
        total, error = loss(self.working, batch, self.prior)
        total.backward()  # type: ignore[no-untyped-call]
        for m, w in zip(master, working, strict=True):
            m.grad, w.grad = (None if w.grad is None else w.grad.float()), None
        norm = torch.nn.utils.clip_grad_norm_(master, 1.0)
        if not torch.isfinite(norm):  # one overflow in half precision must not end a night's training
            return error
        self.optimizer.step()
        keep = min(recipe.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            average: list[Tensor] = list(self.average.parameters())
            torch._foreach_lerp_(average, master, 1 - keep)
        return error

    def _identity(self) -> str:
        """What a checkpoint must share with a run that takes it up: all of the recipe but its length."""
        return json.dumps({k: v for k, v in asdict(self.recipe).items() if k != "steps"})

    def _checkpoint_path(self) -> Path:
        return self.folder / f"{self.recipe.name}.checkpoint"

    def _checkpoint(self) -> None:
        """Write what a resumed run needs, atomically."""
        path = self._checkpoint_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": self._identity(),
            "done": self.done,
            "seconds": self.seconds,
            "curve": self.curve,
            "best": self.best,
            "master": self.master.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        torch.save(state, partial := path.with_suffix(".partial"))
        partial.replace(path)

    def resume(self) -> None:
        """Take up an interrupted run of the same recipe; one of another recipe is refused."""
        path = self._checkpoint_path()
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:  # torch says it in many ways
            raise CrimsonError(f"{path}: no readable checkpoint; delete it, or begin again with resume=False") from error
        if state["recipe"] != self._identity():
            raise CrimsonError(f"{path} belongs to another recipe; delete it, or train into another folder")
        self.done, self.seconds, self.curve, self.best = state["done"], state["seconds"], state["curve"], state["best"]
        self.master.load_state_dict(state["master"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())


def main(arguments: list[str]) -> int:
    """Train from the command line of a bare machine, one line a validation."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m napari_crimson.training RECIPE.toml [FOLDER]\n")
        return 2

    def report(validation: Validation) -> None:
        sys.stdout.write("  ".join(f"{k} {v:.5g}" for k, v in asdict(validation).items()) + "\n")
        sys.stdout.flush()

    try:
        path = train(*arguments, progress=report)
    except CrimsonError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
