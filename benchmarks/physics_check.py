# ruff: noqa: T201 - a script that prints its tables
"""Corrupted pixels and the physics check: how well it tells them from sound ones.

A simulated tissue stack (`simulate_stack`, noise of a camera), one pixel in twelve corrupted on purpose, each remover, and the
area under the ROC curve (AUC) of ``distrust``: the chance that a corrupted pixel has more of it than a sound one.

    python benchmarks/physics_check.py table     # each corruption at its usual strength, AUC by remover
    python benchmarks/physics_check.py curve     # AUC against strength
    python benchmarks/physics_check.py sound     # sound pixels alone: do those above 1 have the larger errors?
    python benchmarks/physics_check.py figure    # docs/images/physics_check.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.stats import rankdata

from napari_crimson import load_remover, remove_background, simulate_stack
from napari_crimson.phantom import TISSUE, species_chi3
from napari_crimson.resynthesis import check

READ = 6.0  # electrons, as in simulate_stack
SHARE = 12
PIXELS = (44, 44)
STACKS = ((40_000, 0.4), (10_000, 0.2))  # photons in the brightest band, largest |χ_R|/χ_NR


@dataclass(frozen=True)
class Scene:
    """A sound stack taken apart: shapes (n,) pixels to corrupt, (W,) bands."""

    stack: xr.Dataset
    bad: np.ndarray  # which pixels
    axis: np.ndarray
    background: np.ndarray  # (n, W) mean counts at χ_R = 0
    chi: np.ndarray  # (n, W) χ_R/χ_NR
    normal: np.ndarray  # (n, W) the camera's draw, the same for every corruption
    rng: np.random.Generator

    @property
    def mean(self) -> np.ndarray:
        """Mean counts (n, W) without corruption."""
        return self.background * np.abs(1 + self.chi) ** 2


def scene(photons: float, ratio: float, seed: int) -> Scene:
    """Simulate a stack and take the pixels to corrupt apart."""
    ds = simulate_stack(PIXELS, photons=photons, ratio=ratio, seed=seed)
    axis, points = ds["wavenumber"].values, ds.sizes["wavenumber"]
    rng = np.random.default_rng(1000 + seed)
    maps = np.stack([ds[name].values.ravel() for name in ds if str(name).startswith("concentration_")], axis=1)
    shape, truth = maps @ species_chi3(axis, TISSUE), ds["raman"].values.reshape(-1, points)
    chi = shape * (shape.imag * truth).sum() / (shape.imag**2).sum()
    counts = ds["cars"].values.reshape(-1, points) - ds["dark"].values
    flat = counts / np.abs(1 + chi) ** 2
    excitation = gaussian_filter1d(flat.mean(axis=0), 4)
    bad = rng.permutation(len(chi))[: len(chi) // SHARE]
    level = flat[bad] @ excitation / (excitation @ excitation)
    return Scene(ds, bad, axis, level[:, None] * excitation, chi[bad], rng.standard_normal((bad.size, points)), rng)


# Each corruption: (scene, strength) -> mean counts (n, W), what the noise is of, and the reference used


def saturated(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The well is full: everything above (1 − strength) of the maximum is cut, ahead of the read-out."""
    top = (1 - strength) * s.mean.max(axis=1, keepdims=True)
    shot = s.mean + np.sqrt(s.mean) * s.normal
    return np.minimum(shot, top) + READ * s.rng.standard_normal(s.mean.shape), s.stack["reference"].values


def cosmic_ray(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """One to three bands, `strength` standard deviations of their noise high."""
    counts = _camera(s, s.mean)
    for row in range(len(counts)):
        first, width = s.rng.integers(30, s.axis.size - 30), s.rng.integers(1, 4)
        hit = slice(first, first + width)
        counts[row, hit] += strength * np.sqrt(s.mean[row, hit] + READ**2)
    return counts, s.stack["reference"].values


def rippled_reference(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The reference of another day: an etalon's ripple of 400 cm⁻¹."""
    return _camera(s, s.mean), _times(s, 1 + strength * np.cos(2 * np.pi * s.axis / 400))


def tilted_reference(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The reference of another alignment: a tilt of its logarithm."""
    return _camera(s, s.mean), _times(s, np.exp(strength * np.linspace(-1, 1, s.axis.size)))


def other_reference(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The reference of a sample that has lines of its own, with |χ_R|/χ_NR of `strength`."""
    protein = species_chi3(s.axis, TISSUE)[1]
    return _camera(s, s.mean), _times(s, np.abs(1 + strength * protein / np.abs(protein).max()) ** 2)


def wrong_phase(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """A line (Γ 10 cm⁻¹, anywhere) a quarter of a turn out of phase; height relative to the pixel's largest |χ_R|."""
    line = 10 / (_centres(s) - s.axis - 10j)
    height = strength * np.abs(s.chi).max(axis=1, keepdims=True)
    return _camera(s, s.background * np.abs(1 + s.chi + 1j * height * line) ** 2), s.stack["reference"].values


def incoherent_line(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian line (full width 25 cm⁻¹, anywhere) of the intensity itself, without the dip that Kramers–Kronig asks for."""
    line = np.exp(-4 * np.log(2) * ((s.axis - _centres(s)) / 25) ** 2)
    return _camera(s, s.mean * (1 + strength * line)), s.stack["reference"].values


def fluorescence(s: Scene, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Light that does not interfere, falling along the axis; relative to the pixel's maximum."""
    light = np.exp(-(s.axis - s.axis[0]) / 1200)
    return _camera(s, s.mean + strength * s.mean.max(axis=1, keepdims=True) * light), s.stack["reference"].values


Corruption = Callable[[Scene, float], tuple[np.ndarray, np.ndarray]]
# usual strength, and those of the curve
CORRUPTIONS: dict[Corruption, tuple[float, tuple[float, ...]]] = {
    saturated: (0.15, (0.02, 0.05, 0.15, 0.3)),
    cosmic_ray: (15.0, (4.0, 7.0, 15.0, 30.0)),
    rippled_reference: (0.06, (0.01, 0.03, 0.06, 0.12)),
    other_reference: (0.15, (0.02, 0.05, 0.15, 0.3)),
    wrong_phase: (0.5, (0.1, 0.25, 0.5, 1.0)),
    incoherent_line: (0.05, (0.01, 0.02, 0.05, 0.1)),
    fluorescence: (0.1, (0.01, 0.03, 0.1, 0.2)),
    tilted_reference: (0.3, (0.1, 0.3, 0.6)),
}


def main() -> None:
    """Print or draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("table", "curve", "sound", "figure"))
    parser.add_argument("--removers", default="cnn,rnn,kk")
    parser.add_argument("--seeds", default="0,1")
    options = parser.parse_args()
    removers = options.removers.split(",")
    if options.what == "figure":
        draw(Path(__file__).parents[1] / "docs" / "images" / "physics_check.png")
        return
    if options.what == "sound":
        for photons, ratio in STACKS:
            tell_errors(scene(photons, ratio, int(options.seeds.split(",")[0])), removers)
        return
    strengths = {c: (usual,) if options.what == "table" else curve for c, (usual, curve) in CORRUPTIONS.items()}
    for photons, ratio in STACKS:
        scenes = [scene(photons, ratio, int(seed)) for seed in options.seeds.split(",")]
        print(f"\n{photons} photons, ratio {ratio:g}, seeds {options.seeds}; AUC, and behind it largest change of the answer / its noise")
        print(f"{'':<28}" + "".join(f"{remover:>16}" for remover in removers))
        loaded = [load_remover(remover) for remover in removers]
        sound = [[_sound(s, remover) for s in scenes] for remover in loaded]
        calm = [np.concatenate([_distrust(s, known[0], None, None) for s, known in zip(scenes, each, strict=True)]) for each in sound]
        for share in (50, 90, 99):
            print(f"{f'sound pixels, {share} % below':<28}" + "".join(f"{np.percentile(values, share):>16.2f}" for values in calm))
        for corruption, values in strengths.items():
            for strength in values:
                cells = [
                    np.mean([_judge(s, remover, known, corruption, strength) for s, known in zip(scenes, each, strict=True)], axis=0)
                    for remover, each in zip(loaded, sound, strict=True)
                ]
                print(
                    f"{corruption.__name__:<20}{strength:>8g}" + "".join(f"{auc:>10.3f}{change:>6.1f}" for auc, change in cells), flush=True
                )


def tell_errors(s: Scene, removers: list[str]) -> None:
    """Print how the errors of sound pixels against the truth go with their distrust."""
    truth = s.stack["raman"].values.reshape(-1, s.axis.size)
    print(f"\n{s.stack.attrs['history'][0]}")
    for name in removers:
        answer = _sound(s, load_remover(name))[0]
        distrust, error = _distrust(s, answer, None, None), np.sqrt(((answer - truth) ** 2).mean(axis=1))
        odd = distrust > 1
        ratio = np.median(error[odd]) / np.median(error[~odd])
        rank = np.corrcoef(rankdata(distrust), rankdata(error))[0, 1]
        print(f"{name:<6}{100 * odd.mean():>6.1f} % above 1; error of these / of the others {ratio:.2f}; rank correlation {rank:.2f}")


def draw(path: Path) -> None:
    """Draw the distrust of a stack with a saturated patch and some cosmic rays, corrected by cnn."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    ds = simulate_stack((64, 64), seed=4).drop_vars("raman").load()
    rng = np.random.default_rng(0)
    for y, x, band in zip(rng.integers(2, 62, 12), rng.integers(2, 62, 12), rng.integers(40, 960, 12), strict=True):
        ds["cars"][y, x, band : band + 2] += 3000
    patch = ds["cars"].values[10:18, 40:52]
    ds["cars"][10:18, 40:52] = np.minimum(patch, (0.8 * patch.max(axis=-1, keepdims=True)).astype(patch.dtype))
    result = remove_background(ds, "cnn")
    distrust = check(result)["distrust"].values
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    shown = left.imshow(result["raman"].sel(wavenumber=2850, method="nearest").values, cmap="gray")
    left.set_title("cnn, 2850 cm⁻¹")
    figure.colorbar(shown, ax=left)
    shown = right.imshow(distrust, cmap="inferno", vmin=1, vmax=4)
    right.set_title("distrust")
    figure.colorbar(shown, ax=right, extend="both")
    for axes in (left, right):
        axes.set_axis_off()
    figure.savefig(path, dpi=120)


def _sound(s: Scene, remover: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The answer of the whole stack (N, W), that of the pixels to corrupt ahead of it (n, W), and its noise (n,)."""
    cars = s.stack["cars"].values.reshape(-1, s.axis.size) - s.stack["dark"].values
    reference = s.stack["reference"].values - s.stack["dark"].values
    before = remover(_camera(s, s.mean), s.axis, reference)
    return remover(cars, s.axis, reference), before, _smooth(before - remover(cars[s.bad], s.axis, reference)).std(axis=1) / np.sqrt(2)


def _judge(s: Scene, remover: object, known: tuple[np.ndarray, ...], corruption: Corruption, strength: float) -> tuple[float, float]:
    """AUC, and the median of the largest change of the answer over the bands, relative to its noise; both over 8 bands."""
    answer, before, noise = known
    counts, reference = corruption(s, strength)
    counts = np.rint(counts)
    corrupted = remover(counts, s.axis, reference - s.stack["dark"].values)
    distrust = _distrust(s, answer, counts, corrupted)
    odd = np.zeros(distrust.size, bool)
    odd[s.bad] = True
    there = np.isfinite(distrust)  # a pixel without an answer needs no check
    ranks = rankdata(distrust[there])
    n, m = odd[there].sum(), (~odd[there]).sum()
    auc = (ranks[odd[there]].sum() - n * (n + 1) / 2) / (n * m)
    return float(auc), float(np.nanmedian(np.abs(_smooth(corrupted - before)).max(axis=1) / noise))


def _distrust(s: Scene, answer: np.ndarray, counts: np.ndarray | None, corrupted: np.ndarray | None) -> np.ndarray:
    """Distrust (N,) of the stack, the bad pixels replaced."""
    cars = s.stack["cars"].values.reshape(-1, s.axis.size).astype(np.float32) - s.stack["dark"].values.astype(np.float32)
    raman = answer.copy()
    if counts is not None and corrupted is not None:
        cars[s.bad], raman[s.bad] = counts, corrupted
    ds = s.stack[["cars"]].copy()
    ds["cars"] = (ds["cars"].dims, cars.reshape(ds["cars"].shape))
    ds["raman"] = (ds["cars"].dims, raman.reshape(ds["cars"].shape))
    return check(ds)["distrust"].values.ravel()


def _camera(s: Scene, mean: np.ndarray) -> np.ndarray:
    return mean + np.sqrt(mean + READ**2) * s.normal


def _times(s: Scene, factor: np.ndarray) -> np.ndarray:
    dark = s.stack["dark"].values
    return (s.stack["reference"].values - dark) * factor + dark


def _centres(s: Scene) -> np.ndarray:
    return s.rng.uniform(s.axis[0] + 100, s.axis[-1] - 100, (len(s.mean), 1))


def _smooth(answer: np.ndarray) -> np.ndarray:
    """Means over 8 bands, the width of a line; the noise of kk is that of single bands."""
    return uniform_filter1d(answer, 8, axis=1)


if __name__ == "__main__":
    main()
