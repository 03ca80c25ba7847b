# ruff: noqa: T201 - a script that prints its tables
"""What a reference estimated from the stack itself is worth, beside none and the stack's own.

    python benchmarks/excitation.py                       # simulated tissue and liquids
    python benchmarks/excitation.py --drawn               # spectra of the prior: mixed, one in many heights, all alike
    python benchmarks/excitation.py --stack tissue.h5     # a stack with its truth beside it, tissue_truth.npz (wavenumber, raman)

Prints median Pearson r, error relative to the truth (nRMSE) and slope, 600 to 3400 cm⁻¹.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from napari_crimson import open_stack, prepare, remove_background, score, simulate_stack
from napari_crimson.excitation import estimate_reference
from napari_crimson.physics import add_noise, cars_intensity
from napari_crimson.stack import make_stack
from napari_crimson.synthesis.wide import Wide

FIGURES = ("r_median", "nrmse", "slope")


def measured(path: Path) -> tuple[xr.Dataset, np.ndarray]:
    """A stack and its truth (N, W), on its axis."""
    ds = prepare.crop(open_stack(path), 450, 3800)
    known = np.load(path.with_name(path.stem + "_truth.npz"))
    order = np.argsort(known["wavenumber"])
    rows = known["raman"].reshape(-1, order.size)[:, order]
    return ds, np.stack([np.interp(ds["wavenumber"].values, known["wavenumber"][order], row) for row in rows])


def drawn(kind: str, stacks: int = 16, pixels: int = 200) -> Iterator[tuple[xr.Dataset, np.ndarray]]:
    """Stacks of substances of the prior: 2 to 5 in many mixtures ("mixed"), or one, in many heights ("scaled") or in one ("alike")."""
    prior = Wide(organic_share=1.0, empty_share=0.0, drawn_out_share=0.0)
    generator, rng = torch.Generator().manual_seed(21), np.random.default_rng(21)
    wavenumber = torch.linspace(500, 3500, 1000)
    for _ in range(stacks):
        substances = int(rng.integers(2, 6)) if kind == "mixed" else 1
        real, imaginary = prior._susceptibility(substances, wavenumber, torch.zeros(substances, 1), generator)
        heights = np.ones((pixels, 1)) if kind == "alike" else rng.uniform(0.2, 1, (pixels, 1))
        shares = torch.tensor(rng.dirichlet(np.full(len(real), 0.5), pixels) * heights, dtype=torch.float32)
        real, imaginary = shares @ real, shares @ imaginary
        light = prior._excitation(1, wavenumber, generator)
        cars = cars_intensity(light, torch.ones_like(imaginary), real, imaginary)
        photons = torch.full((pixels, 1), float(10 ** rng.uniform(4, 5.5)))
        cars = add_noise(cars / cars.amax(), photons, torch.full((pixels, 1), 10.0), generator)
        axis = wavenumber.numpy().astype(float)
        yield make_stack(cars.numpy().reshape(10, -1, axis.size), axis, reference=light.numpy()[0]), imaginary.numpy().astype(float)


def rows(ds: xr.Dataset, truth: np.ndarray, remover: str) -> dict[str, np.ndarray]:
    """Figures without a reference, with one estimated from the stack, and with its own."""
    axis = ds["wavenumber"].values
    window = (axis > 600) & (axis < 3400)
    alone = ds.drop_vars("reference")
    found = {}
    for name, stack in (("none", alone), ("from the stack", estimate_reference(alone)), ("measured", ds)):
        answer = remove_background(stack, remover, device="cpu")["raman"].values.reshape(truth.shape).astype(float)
        figures = score(truth[:, window], np.nan_to_num(answer[:, window]))
        found[name] = np.array([figures[figure] for figure in FIGURES])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", type=Path, help="a stack with its truth beside it")
    parser.add_argument("--drawn", action="store_true", help="stacks of spectra of the prior")
    parser.add_argument("--removers", default="cnn,rnn,kk")
    given = parser.parse_args()
    stack = given.stack
    sets: dict[str, list[tuple[xr.Dataset, np.ndarray]]] = {}
    if stack is not None:
        ds, truth = measured(stack)
        sets = {
            stack.stem: [(ds, truth)],
            f"{stack.stem}, 12 components": [(prepare.denoise_svd(ds, prepare.SVDSettings(components=12)), truth)],
        }
    elif given.drawn:
        sets = {f"prior, {kind}, median of 16": list(drawn(kind)) for kind in ("mixed", "scaled", "alike")}
    else:
        for sample in ("tissue", "liquids"):
            phantoms = [simulate_stack((40, 40), sample=sample, seed=seed) for seed in (1, 2, 3)]
            sets[f"simulated {sample}, mean of 3"] = [
                (ds.drop_vars("raman"), ds["raman"].values.reshape(-1, ds.sizes["wavenumber"]).astype(float)) for ds in phantoms
            ]
    for name, stacks in sets.items():
        for remover in given.removers.split(","):
            each = [rows(ds, truth, remover) for ds, truth in stacks]
            for reference in each[0]:
                of_each = np.array([row[reference] for row in each])
                r, error, slope = np.median(of_each, axis=0) if given.drawn else of_each.mean(axis=0)
                gain = of_each[:, 1] / [row["none"][1] for row in each]
                print(
                    f"{name:32s} {remover:4s} reference {reference:15s} r {r:.3f}  nRMSE {error:.3f}  slope {slope:.3f}  "
                    f"error 5 % smaller than without in {(gain < 0.95).sum()}, larger in {(gain > 1.05).sum()} of {len(gain)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
