# ruff: noqa: T201 - a script that prints its tables
"""What a reference estimated from the stack itself is worth, beside none and the stack's own.

    python benchmarks/excitation.py                       # simulated tissue and liquids
    python benchmarks/excitation.py --stack tissue.h5     # a stack with its truth beside it, tissue_truth.npz (wavenumber, raman)

Prints median Pearson r, error relative to the truth (nRMSE) and slope, 600 to 3400 cm⁻¹.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

from napari_crimson import open_stack, prepare, remove_background, simulate_stack
from napari_crimson.excitation import estimate_reference

REMOVERS = ("cnn", "rnn", "kk", "mem")


def figures(answer: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Median r, nRMSE and slope of answers (N, W)."""
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (answer, truth))
    r = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.array([np.median(r), np.sqrt(((answer - truth) ** 2).mean() / (truth**2).mean()), (answer * truth).sum() / (truth**2).sum()])


def measured(path: Path) -> tuple[xr.Dataset, np.ndarray]:
    """A stack and its truth (N, W), on its axis."""
    ds = prepare.crop(open_stack(path), 450, 3800)
    known = np.load(path.with_name(path.stem + "_truth.npz"))
    order = np.argsort(known["wavenumber"])
    rows = known["raman"].reshape(-1, order.size)[:, order]
    return ds, np.stack([np.interp(ds["wavenumber"].values, known["wavenumber"][order], row) for row in rows])


def rows(ds: xr.Dataset, truth: np.ndarray, remover: str) -> dict[str, np.ndarray]:
    """Figures without a reference, with one estimated from the stack, and with its own."""
    axis = ds["wavenumber"].values
    window = (axis > 600) & (axis < 3400)
    alone = ds.drop_vars("reference")
    found = {}
    for name, stack in (("none", alone), ("from the stack", estimate_reference(alone)), ("measured", ds)):
        answer = remove_background(stack, remover, device="cpu")["raman"].values.reshape(truth.shape).astype(float)
        found[name] = figures(np.nan_to_num(answer[:, window]), truth[:, window])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", type=Path, help="a stack with its truth beside it")
    stack = parser.parse_args().stack
    sets: dict[str, list[tuple[xr.Dataset, np.ndarray]]] = {}
    if stack is not None:
        ds, truth = measured(stack)
        sets = {
            stack.stem: [(ds, truth)],
            f"{stack.stem}, 12 components": [(prepare.denoise_svd(ds, prepare.SVDSettings(components=12)), truth)],
        }
    else:
        for sample in ("tissue", "liquids"):
            drawn = [simulate_stack((40, 40), sample=sample, seed=seed) for seed in (1, 2, 3)]
            sets[f"simulated {sample}, mean of 3"] = [
                (ds.drop_vars("raman"), ds["raman"].values.reshape(-1, ds.sizes["wavenumber"]).astype(float)) for ds in drawn
            ]
    for name, stacks in sets.items():
        for remover in REMOVERS:
            each = [rows(ds, truth, remover) for ds, truth in stacks]
            for reference in each[0]:
                r, error, slope = np.mean([row[reference] for row in each], axis=0)
                print(f"{name:32s} {remover:4s} reference {reference:15s} r {r:.3f}  nRMSE {error:.3f}  slope {slope:.3f}", flush=True)


if __name__ == "__main__":
    main()
