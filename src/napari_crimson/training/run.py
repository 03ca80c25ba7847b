"""`TrainingRun`: the state of one training run and its steps; a checkpoint at each validation."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_crimson import weights
from napari_crimson._version import __version__
from napari_crimson.errors import CrimsonError
from napari_crimson.networks import Network, build
from napari_crimson.networks.base import DEVIATION
from napari_crimson.networks.grid import STEP_CM1
from napari_crimson.objective import draw_on_grid, judge, loss
from napari_crimson.recipe import Recipe
from napari_crimson.synthesis import PRIORS, Batch, make_prior
from napari_crimson.training import checkpoint
from napari_crimson.training.optimizer import Optimizer

if TYPE_CHECKING:
    from napari_crimson.remover import Remover

__all__ = ["TrainingRun", "Validation"]

_LEARN = ("all", "answers", "deviation")
_HELD_OUT_AXES = 32  # and more where an axis is long


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Figures on the held-out set; errors relative to 0.01 + max|χ_R|/χ_NR (or to 1 for a susceptibility)."""

    step: int
    seconds: float
    loss: float  # of training, running mean
    error: float  # mean squared
    unexplained: float  # share of a spectrum, mean, compressed as the recipe says
    pearson: float  # median
    slope: float
    within_1sd: float
    within_2sd: float
    deviation: float  # quantile loss


def _begin_from_start(network: Network, recipe: Recipe) -> None:
    """Load the weights to begin from, which must be of the same network and for the same kind of answer; another deviation begins anew."""
    tensors, card = weights.load(str(recipe.start))
    if card["network"] != recipe.network or card.get("arguments", {}) != json.loads(json.dumps(recipe.arguments)):
        raise CrimsonError(f"start = '{recipe.start}' is a {card['network']} with {card.get('arguments')}; the recipe must say the same")
    if card["convention"] != PRIORS[recipe.prior].convention:
        raise CrimsonError(f"start = '{recipe.start}' answers in the {card['convention']} convention, prior '{recipe.prior}' does not")
    deviation = {name: values for name, values in network.state_dict().items() if DEVIATION in name}
    if any(name not in tensors or tensors[name].shape != values.shape for name, values in deviation.items()):
        tensors = {name: values for name, values in tensors.items() if DEVIATION not in name} | deviation
    network.load_state_dict(tensors)


class TrainingRun:
    """One training run, step by step: stopping is closing `steps`, and what is best by then is the `result`.

    Parameters
    ----------
    recipe : Recipe
        What to train.
    device : str
        As for `load_remover`.
    folder : path, optional
        Where checkpoints go; without one there are none.

    Attributes
    ----------
    device : torch.device
    done : int
        Steps so far.
    loss : Tensor
        That of the last step.
    curve : list of dict
        The figures of each `Validation`.

    Raises
    ------
    CrimsonError
        If the recipe is unusable or the device not there.
    """

    def __init__(self, recipe: Recipe, *, device: str = "auto", folder: str | Path | None = None) -> None:
        from napari_crimson.device import keep_freed_memory, resolve_device, training_dtype

        self.recipe, self.folder = recipe, None if folder is None else Path(folder)
        self.device = torch.device(resolve_device(device))
        self.dtype = training_dtype(self.device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.loss = torch.tensor(float("nan"))
        self.prior = make_prior(recipe.prior, recipe.bounds)
        torch.manual_seed(recipe.seed)
        # float32 weights learn; a copy in the working precision runs the layers
        self.master = build(recipe.network, recipe.arguments).to(self.device)
        if recipe.start:
            _begin_from_start(self.master, recipe)
        if recipe.learn not in _LEARN:
            raise CrimsonError(f"learn = '{recipe.learn}', there are {', '.join(_LEARN)}")
        self.average = build(recipe.network, recipe.arguments).to(self.device)
        self.average.load_state_dict(self.master.state_dict())
        self.working = build(recipe.network, recipe.arguments).to(self.device, self.dtype)
        for network in (self.master, self.working):
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(recipe.learn in ("all", "deviation" if DEVIATION in name else "answers"))
        self.optimizer = Optimizer(recipe, [parameter for parameter in self.master.parameters() if parameter.requires_grad])
        self.generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self.done = 0
        self.spectra = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.held_out = list(self._held_out())

    def steps(self) -> Iterator[Validation | None]:
        """Train to the end; yields after each step, a `Validation` where one was due, and one of the start ahead of all."""
        started, losses = time.monotonic(), []
        if self.recipe.start and not self.curve:  # what has to be beaten
            yield self._validate(float("nan"))
        while self.done < self.recipe.steps:
            batch = draw_on_grid(self.recipe, self.prior, self.generator)
            self.spectra += batch.cars.shape[0]
            self.loss = self._step(batch)
            losses.append(self.loss)
            self.done += 1
            if self.done % self.recipe.validate_every == 0 or self.done == self.recipe.steps:
                now = time.monotonic()
                self.seconds, started = self.seconds + now - started, now
                mean, losses = float(torch.stack(losses).nanmean()), []
                yield self._validate(mean)
            else:
                yield None

    def _validate(self, loss: float) -> Validation:
        """Judge the averaged weights, keep them if they are the best yet, and write a checkpoint."""
        figures = judge(self.average, self.held_out, self.prior, compress=self.recipe.compress)
        judged = figures[self._judged_by]
        if not (math.isfinite(judged) and (math.isfinite(loss) or self.done == 0)):
            raise CrimsonError(
                f"the training of '{self.recipe.name}' came apart by step {self.done} (loss {loss:.3g}, {self._judged_by} {judged:.3g}); "
                f"lower its learning_rate, {self.recipe.learning_rate:g}"
            )
        validation = Validation(step=self.done, seconds=round(self.seconds, 1), loss=loss, **figures)
        if not self.curve or judged < self._best_figures[self._judged_by]:
            self.best = {k: v.detach().clone() for k, v in self.average.state_dict().items()}
        self.curve.append(asdict(validation))
        self._checkpoint()
        return validation

    @property
    def history(self) -> list[dict[str, float]]:
        """The curve that belongs to the weights: where their answers are those of the start, its own stands ahead."""
        before = self._curve_of_start
        own = [self._behind_start(row) for row in self.curve if row["step"] or not before]
        return [{key: row.get(key, math.nan) for key in self.curve[0]} for row in before] + own

    @property
    def _curve_of_start(self) -> list[dict[str, float]]:
        return weights.read_curve(self.recipe.start) if self.recipe.start and self.recipe.learn != "all" else []

    def _behind_start(self, row: dict[str, float]) -> dict[str, float]:
        """A row of the curve, counted from the beginning of what led to the answers."""
        ahead = next(reversed(self._curve_of_start), {"step": 0, "seconds": 0.0})
        return {**row, "step": int(row["step"] + ahead["step"]), "seconds": row["seconds"] + ahead["seconds"]}

    @property
    def best_step(self) -> int:
        """The step of the best weights so far; 0 while those of the start are not beaten."""
        return int(self._best_figures["step"]) if self.curve else 0

    def result(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The best weights so far, and their card.

        Raises
        ------
        CrimsonError
            If they are those that training started from, or there are none yet.
        """
        recipe = self.recipe
        if not self.curve:
            raise CrimsonError(f"'{recipe.name}' has not been validated yet; take {recipe.validate_every} of its `steps` first")
        if self.best_step == 0:
            after = min((row[self._judged_by] for row in self.curve[1:]), default=math.nan)
            raise CrimsonError(
                f"training made '{recipe.start}' no better: {self._judged_by} {self.curve[0][self._judged_by]:.4g} at the start, "
                f"{after:.4g} at best after it; nothing was saved, '{recipe.start}' serves as it is"
            )
        before = weights.read_card(recipe.start) if recipe.start and recipe.learn != "all" else {}  # of which the answers are
        card = {
            "name": recipe.name,
            "network": recipe.network,
            "convention": self.prior.convention,
            "version": __version__,
            "hardware": f"{platform.machine()} {self.device.type} {self.dtype}".replace("torch.", ""),
            "torch": torch.__version__,
            "seconds": round(self.seconds) + before.get("seconds", 0),
            "spectra": self.spectra + before.get("spectra", 0),
            **({"stopped_at_step": self.done} if self.done < recipe.steps else {}),
            "step_cm1": list(STEP_CM1),
            **self._origin(),
            "validation": self._behind_start(self._best_figures),
        }
        return self.best, card

    def _origin(self) -> dict[str, Any]:
        """What of a card tells one recipe from another."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k not in ("arguments", "bounds", "name", "network", "prior")}
        return {"arguments": self.recipe.arguments, "prior": {"name": self.recipe.prior, **asdict(self.prior)}, "recipe": recipe}

    def made(self, card: dict[str, Any]) -> bool:
        """Whether the weights of a card came of this recipe, its length apart."""

        def plain(tables: dict[str, Any]) -> Any:
            known = {name: tables.get(name, {}) for name in ("arguments", "prior", "recipe")}
            return json.loads(json.dumps({**known, "recipe": {k: v for k, v in known["recipe"].items() if k != "steps" and v is not None}}))

        return bool(plain(card) == plain(self._origin()))

    def remover(self, *, device: str = "cpu") -> Remover:
        """The best weights so far as a remover; see `result` for errors."""
        from napari_crimson.remover.network import NetworkRemover  # needs more than a bare machine has

        tensors, card = self.result()
        network = build(self.recipe.network, self.recipe.arguments)
        network.load_state_dict(tensors)
        return NetworkRemover(network, card, device=device)

    @property
    def _best_figures(self) -> dict[str, float]:
        return min(self.curve, key=lambda row: row[self._judged_by])

    @property
    def _judged_by(self) -> str:
        """The figure that chooses the weights: of what is learnt."""
        if self.recipe.learn == "deviation":
            return "deviation"
        return "unexplained" if self.recipe.compress else "error"

    def _held_out(self) -> Iterator[Batch]:
        """The validation set, in batches on axes of its own: many, as short ones would else fill it with a few."""
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed + 1_000_003)
        left = self.recipe.validation_spectra
        most = max(8, left // _HELD_OUT_AXES)
        while left > 0:
            batch = draw_on_grid(self.recipe, self.prior, generator)
            yield Batch(batch.wavenumber, *(v[: min(most, left)] for v in batch[1:]))
            left -= min(most, batch.cars.shape[0])

    def _step(self, batch: Batch) -> Tensor:
        recipe, step = self.recipe, self.done
        share = min(1.0, (step + 1) / recipe.warm_up, (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps))
        master: list[Tensor] = list(self.master.parameters())
        working: list[Tensor] = list(self.working.parameters())
        with torch.no_grad():
            torch._foreach_copy_(working, master)
        total, error = loss(self.working, batch, self.prior, compress=recipe.compress, deviation=recipe.learn != "answers")
        total.backward()  # type: ignore[no-untyped-call]
        for m, w in zip(master, working, strict=True):
            m.grad, w.grad = (None if w.grad is None else w.grad.float()), None
        norm = torch.nn.utils.clip_grad_norm_(master, 1.0)
        if not torch.isfinite(norm):  # one overflow in half precision must not end a night's training
            return error
        self.optimizer.step(share)
        keep = min(recipe.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            average: list[Tensor] = list(self.average.parameters())
            torch._foreach_lerp_(average, master, 1 - keep)
        return error

    def _identity(self) -> str:
        """What a checkpoint must share with a run that takes it up: all of the recipe but its length."""
        return json.dumps({k: v for k, v in asdict(self.recipe).items() if k != "steps"})

    def drop_checkpoint(self) -> None:
        """Remove the checkpoint, when it is done with."""
        if path := self._checkpoint_path():
            path.unlink(missing_ok=True)

    def _checkpoint_path(self) -> Path | None:
        return None if self.folder is None else self.folder / f"{self.recipe.name}.checkpoint"

    def _checkpoint(self) -> None:
        """Write what a resumed run needs, atomically, where there is a folder for it."""
        path = self._checkpoint_path()
        if path is None:
            return
        state = {
            "done": self.done,
            "spectra": self.spectra,
            "seconds": self.seconds,
            "curve": self.curve,
            "best": self.best,
            "master": self.master.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        checkpoint.write(path, self._identity(), self.device, state)

    def resume(self) -> None:
        """Take up an interrupted run of the same recipe; one of another recipe is refused."""
        path = self._checkpoint_path()
        if path is None or not path.exists():
            return
        with checkpoint.reading(path):
            self._take_up(checkpoint.read(path, self._identity(), self.device))
        if self.done > self.recipe.steps:
            raise CrimsonError(f"{path} is at step {self.done}, steps = {self.recipe.steps}; give more, or begin again with resume=False")

    def _take_up(self, state: dict[str, Any]) -> None:
        """Become the run that a checkpoint was written of."""
        self.done, self.spectra, self.seconds = state["done"], state["spectra"], state["seconds"]
        self.curve, self.best = state["curve"], state["best"]
        self.master.load_state_dict(state["master"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
