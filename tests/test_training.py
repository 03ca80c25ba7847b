"""Training: a recipe becomes weights that load; interruption costs nothing; nothing is unpickled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_crimson import load_remover, train, weights
from napari_crimson.errors import CrimsonError
from napari_crimson.objective import unexplained
from napari_crimson.recipe import Recipe, read_recipe
from napari_crimson.training import TrainingRun, Validation
from napari_crimson.training.optimizer import OPTIMIZERS
from refusing import refused

TINY = Recipe(
    name="tiny",
    network="cnn",
    arguments={"widths": [8, 8], "kernel": 3, "dilations": [1]},
    steps=6,
    validate_every=3,
    batch_points=4_000,
    points=(128, 192),
    validation_spectra=16,
)


def interrupted(recipe: Recipe, folder: Path) -> None:
    """Train up to the first validation, and leave the checkpoint."""

    def interrupt(validation: Validation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, folder, device="cpu", progress=interrupt)


def test_weights_come_with_card_and_curve_and_load_as_a_remover(tmp_path: Path) -> None:
    seen: list[Validation] = []
    path = train(TINY, tmp_path, device="cpu", progress=seen.append)
    card = weights.read_card(path)
    assert [v.step for v in seen] == [3, 6]
    assert card["network"] == "cnn"
    assert card["convention"] == "relative"
    assert card["validation"]["error"] == min(v.error for v in seen)
    assert card["prior"]["name"] == "wide"
    assert path.with_suffix(".csv").read_text().count("\n") == 3
    assert not list(tmp_path.glob("*.checkpoint"))
    remover = load_remover(path, device="cpu")
    assert remover(torch.rand(3, 200).numpy() + 1, torch.linspace(500, 1500, 200).numpy()).shape == (3, 200)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_interrupted_run_ends_as_an_undisturbed_one(optimizer: str, tmp_path: Path) -> None:
    recipe = replace(TINY, optimizer=optimizer)
    whole = train(recipe, tmp_path / "whole", device="cpu")

    interrupted(recipe, tmp_path / "broken")
    resumed = train(recipe, tmp_path / "broken", device="cpu")
    torch.testing.assert_close(weights.load(resumed)[0], weights.load(whole)[0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_error_falls_and_every_weight_learns(optimizer: str, tmp_path: Path) -> None:
    seen: list[Validation] = []
    recipe = replace(
        TINY,
        optimizer=optimizer,
        steps=80,
        validate_every=20,
        warm_up=10,
        averaging=0.9,
        batch_points=16_000,
        arguments={"widths": [16, 24], "kernel": 3},
    )
    run = TrainingRun(recipe, device="cpu")
    before = {name: values.clone() for name, values in run.master.state_dict().items()}
    seen += filter(None, run.steps())
    assert seen[-1].error < seen[0].error
    after = run.master.state_dict()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_the_deviation_is_learnt_alone_and_the_answers_stay(tmp_path: Path) -> None:
    start = train(TINY, tmp_path, device="cpu")
    seen: list[Validation] = []
    recipe = replace(TINY, name="more", start=str(start), learn="deviation", steps=60, validate_every=20, learning_rate=3e-3, warm_up=5)
    spectra = [weights.read_card(start)["spectra"]]
    before, after = weights.load(start)[0], weights.load(train(recipe, tmp_path, device="cpu", progress=seen.append))[0]
    changed = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"log_sd"}
    assert seen[-1].deviation < seen[0].deviation
    assert seen[-1].error == seen[0].error
    spectra.append(weights.read_card(tmp_path / "more.safetensors")["spectra"])
    assert spectra[1] - spectra[0] == pytest.approx(10 * spectra[0], rel=0.1)  # of 60 steps behind those of 6
    assert [row["step"] for row in weights.read_curve(tmp_path / "more.safetensors")] == [3, 6, 26, 46, 66]
    with pytest.raises(CrimsonError, match="learn = 'most', there are all, answers, deviation"):
        TrainingRun(replace(TINY, learn="most"), device="cpu")


def test_answers_are_learnt_without_the_deviation(tmp_path: Path) -> None:
    start = train(TINY, tmp_path, device="cpu")
    more = train(replace(TINY, name="more", start=str(start), learn="answers", steps=60, validate_every=60), tmp_path, device="cpu")
    before, after = weights.load(start)[0], weights.load(more)[0]
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if "log_sd" in name}


def test_compressed_a_spectrum_counts_by_what_is_left_of_it_and_hopeless_ones_do_not_lead(tmp_path: Path) -> None:
    truth = torch.zeros(3, 500)
    truth[0, 100], truth[1, 50:450], truth[2, 100] = 1.0, 0.5, 1.0  # one narrow line, broad ones, and one answered by nothing
    residual = torch.stack([0.1 * truth[0], 0.1 * truth[1], truth[2]])
    plain = unexplained(residual, truth, 0.0)
    torch.testing.assert_close(plain[:2], torch.tensor([0.01, 0.01]), rtol=0.01, atol=0)
    pressed = unexplained(residual, truth, 0.01)
    assert pressed[2] / pressed[0] < 10 < plain[2] / plain[0]
    torch.testing.assert_close(unexplained(3 * residual, 3 * truth, 0.01), pressed, rtol=0.01, atol=0)
    recipe = replace(TINY, compress=0.05, steps=60, validate_every=20, warm_up=10, averaging=0.9, learning_rate=3e-3, batch_points=16_000)
    curve = weights.read_curve(train(recipe, tmp_path, device="cpu"))
    assert curve[-1]["unexplained"] < curve[0]["unexplained"]
    assert weights.read_card(tmp_path / "tiny.safetensors")["validation"]["unexplained"] == pytest.approx(
        min(row["unexplained"] for row in curve), rel=1e-4
    )


def test_a_deviation_of_another_make_begins_anew(tmp_path: Path) -> None:
    tensors, card = weights.load(train(TINY, tmp_path, device="cpu"))
    old = {name: values for name, values in tensors.items() if "log_sd" not in name} | {"head.log_sd.0.weight": torch.ones(32, 8, 3)}
    start = weights.save(tmp_path / "old", old, card)
    run = TrainingRun(replace(TINY, name="more", start=str(start)), device="cpu")
    torch.testing.assert_close(run.master.state_dict()["stem.weight"], tensors["stem.weight"])


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(CrimsonError, match="optimizer = 'sgd', there are adamw, muon"):
        TrainingRun(replace(TINY, optimizer="sgd"), device="cpu")


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    interrupted(TINY, tmp_path)
    with refused(tmp_path, "belongs to another recipe"):
        train(replace(TINY, seed=2), tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network = 'cnn'\nlerning_rate = 1", "recipe.toml: unknown lerning_rate; a recipe has .*learning_rate"),
        ("steps = 3", "a recipe must say network = 'cnn' or 'rnn'"),
        ("network = 'cnn'\nbounds = 3\nname = 1\nx = 2", "unknown x; a recipe has arguments"),
        ("network = 'cnn'\nnetwork = 'rnn'", r"no readable recipe \(Cannot overwrite a value .*\)"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with refused(tmp_path, message):
        read_recipe(file)


@pytest.mark.parametrize("name", weights.shipped_names())
def test_the_shipped_recipes_are_those_of_the_shipped_weights(name: str) -> None:
    recipe = read_recipe(Path(__file__).parents[1] / "recipes" / f"{name}.toml")
    card = weights.read_card(name)
    assert card["network"] == recipe.network
    assert card["arguments"] == {k: list(v) if isinstance(v, tuple) else v for k, v in recipe.arguments.items()}
    assert card["prior"]["name"] == recipe.prior
    assert card["recipe"]["steps"] == recipe.steps
    assert card["recipe"]["seed"] == recipe.seed
    assert card["recipe"].get("start") == recipe.start
    for bound, value in recipe.bounds.items():
        assert card["prior"][bound] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('steps = "many"', "steps = 'many'.*whole number"),
        ("steps = 0", "steps = 0.*above 0"),
        ("points = [128]", r"points = \(128,\).*two numbers"),
        ("step_cm1 = [8.0, 0.8]", "lower first"),
        ("arguments = 3", "arguments = 3.*table"),
        ("learning_rate = nan", "learning_rate = nan"),
        ("points = [128.5, 200]", "two numbers above 0 .*, both whole"),
        ("averaging = 5", "averaging = 5, expected a number below 1"),
        ("decay = 9", "decay = 9, expected a share"),
        ('learn = "deviation"', "learn = 'deviation', expected with start"),
        ("seed = 18446744073709551616", "seed = 18446744073709551616, expected one of up to"),
        ("range_cm1 = [200.0, 200.001]", r"range_cm1 = \[200.0, 200.001\] in steps of .*: give a range of one step and more"),
        ("step_cm1 = [1e-4, 1e-4]", "of 100,000 at most"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "r.toml").write_text(f'network = "cnn"\n{line}\n')
    with refused(tmp_path, rf"r\.toml: .*{told}"):
        read_recipe(tmp_path / "r.toml")


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with refused(tmp_path, r"cannot write into .*choose another folder"):
        train(TINY, tmp_path / "file" / "runs", device="cpu")


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / "tiny.checkpoint").write_bytes(b"junk")
    with refused(tmp_path, "no readable checkpoint"):
        train(TINY, tmp_path, device="cpu")


def test_a_checkpoint_of_another_program_is_told(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "tiny.checkpoint")
    with refused(tmp_path, "no readable checkpoint of this version; delete it"):
        train(TINY, tmp_path, device="cpu")


def test_a_checkpoint_of_another_kind_of_device_is_no_damaged_one(tmp_path: Path) -> None:
    interrupted(TINY, tmp_path)
    path = tmp_path / "tiny.checkpoint"
    torch.save({**torch.load(path, weights_only=True), "device": "cuda"}, path)
    with refused(tmp_path, r"was written on 'cuda', this run is on 'cpu'; go on there, or begin again with resume=False"):
        train(TINY, tmp_path, device="cpu")


def test_a_full_disk_is_told_and_costs_no_step_that_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(TINY, tmp_path / "whole", device="cpu")
    interrupted(TINY, tmp_path / "full")

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"as far as it went")
        raise RuntimeError("unexpected pos\nframe #0: c10::ThrowEnforceNotMet")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with refused(
            tmp_path / "full", r"cannot write .*tiny\.checkpoint .*; make room, the same call then goes on from the checkpoint before"
        ):
            train(TINY, tmp_path / "full", device="cpu")
    part = train(TINY, tmp_path / "full", device="cpu")
    torch.testing.assert_close(weights.load(part)[0], weights.load(whole)[0])


def test_weights_that_lack_their_card_are_written_again(tmp_path: Path) -> None:
    path = train(TINY, tmp_path, device="cpu")
    path.with_suffix(".toml").unlink()
    assert weights.load(train(TINY, tmp_path, device="cpu"))


def test_a_run_without_a_validation_has_no_result() -> None:
    with pytest.raises(CrimsonError, match="'tiny' has not been validated yet; take 3 of its `steps` first"):
        TrainingRun(TINY, device="cpu").result()


def test_a_run_that_has_come_further_than_asked_for_is_told(tmp_path: Path) -> None:
    interrupted(TINY, tmp_path)
    with refused(tmp_path, "is at step 3, steps = 2; give more"):
        train(replace(TINY, steps=2), tmp_path, device="cpu")


def test_training_that_comes_apart_leaves_no_weights(tmp_path: Path) -> None:
    with refused(tmp_path, r"came apart by step 3 .*; lower its learning_rate, 1e\+20"):
        train(replace(TINY, learning_rate=1e20, warm_up=1), tmp_path, device="cpu")


def test_weights_of_another_recipe_are_not_replaced_unasked(tmp_path: Path) -> None:
    path = train(TINY, tmp_path, device="cpu")
    with refused(tmp_path, r"tiny\.safetensors holds weights of another recipe or version; give another name"):
        train(replace(TINY, bounds={"empty_share": 0.5}), tmp_path, device="cpu")
    assert train(replace(TINY, steps=9), tmp_path, device="cpu") == path  # the same, longer
    train(replace(TINY, bounds={"empty_share": 0.5}), tmp_path, device="cpu", resume=False)
    assert weights.read_card(path)["prior"]["empty_share"] == 0.5


def test_a_card_counts_the_spectra_that_were_drawn(tmp_path: Path) -> None:
    recipe = replace(TINY, points=(200, 200), step_cm1=(2.0, 2.0), batch_points=4_000)
    assert weights.read_card(train(recipe, tmp_path, device="cpu"))["spectra"] == 6 * (4_000 // 201)


def test_short_axes_do_not_fill_the_held_out_set() -> None:
    run = TrainingRun(replace(TINY, points=(64, 2000), validation_spectra=640, batch_points=64_000), device="cpu")
    assert sum(batch.cars.shape[0] for batch in run.held_out) == 640
    assert len(run.held_out) >= 32
