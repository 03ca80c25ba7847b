# ruff: noqa: T201 - a script that prints its table
"""How well known species are found again: ``python benchmarks/unmixing.py [SIZE]``.

Simulated tissue (four species), corrected by Kramers–Kronig after SVD denoising, is unmixed by each method; printed are the correlations
of the spectra and the abundances with the true ones, species by species, each with the component that is its own.
"""

from __future__ import annotations

import sys

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from napari_crimson import prepare, remove_background, simulate_stack
from napari_crimson.analysis import UNMIXING, unmix
from napari_crimson.phantom import TISSUE


def main(size: int) -> None:
    """Print a line for each method, on the truth with noise and on the corrected stack."""
    stack = simulate_stack((size, size), seed=3)
    true = np.stack([stack[f"concentration_{name.replace(' ', '_')}"].values.ravel() for name in TISSUE])
    pure = np.linalg.lstsq(true.T, stack["raman"].values.reshape(-1, stack.sizes["wavenumber"]))[0]
    noise = 0.005 * np.random.default_rng(0).standard_normal(stack["raman"].shape, dtype=np.float32)
    corrected = remove_background(prepare.denoise_svd(stack.drop_vars("raman")), "kk")
    print(f"{'stack':<24}{'method':<8}{'lack of fit':>12}   r of spectra / of abundances: {', '.join(TISSUE)}")
    for name, one in (("truth, noise 0.005", xr.Dataset({"raman": stack["raman"] + noise})), ("kk after SVD", corrected)):
        for method in UNMIXING:
            found = unmix(one, method, components=len(TISSUE))  # type: ignore[arg-type]
            abundance = found["abundance"].values.reshape(len(TISSUE), -1)
            bands = np.isfinite(found["spectra"].values).all(axis=0)
            spectra_r = np.corrcoef(pure[:, bands], found["spectra"].values[:, bands])[: len(true), len(true) :]
            abundance_r = np.corrcoef(true, abundance)[: len(true), len(true) :]
            rows, own = linear_sum_assignment(-abundance_r)
            pairs = "   ".join(f"{spectra_r[row, at]:.3f} / {abundance_r[row, at]:.3f}" for row, at in zip(rows, own, strict=True))
            print(f"{name:<24}{method:<8}{float(found['lack_of_fit']):>10.2f} %   {pairs}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80)
