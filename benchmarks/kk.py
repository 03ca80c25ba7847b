# ruff: noqa: T201, S603 - a script that prints its table and runs the interpreter it is given
"""Time Kramers–Kronig and maximum entropy, and CRIkit2 beside them where there is an environment that has it.

    python benchmarks/kk.py [--crikit crikit/bin/python] [--points 1000] [--spectra 8192]
    python benchmarks/kk.py --noise    # instead: error of kk and mem against the truth, the more photons the less

`make_crikit_fixtures.py` tells how to make that environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

JOBS = ("kk", "kk, phase and scale corrected", "kk, corrected, no reference", "mem, phase and scale corrected")
CRIKIT_SPECTRA = 256  # enough for a steady rate: its corrections go spectrum by spectrum


def simulate(spectra: int, points: int, photons: float = 2e4) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """CARS (N, W) with ten lines each and photon noise, the axis, a reference, and the truth (N, W)."""
    rng = np.random.default_rng(0)
    wavenumber = np.linspace(500.0, 2500.0, points)
    u = np.linspace(-1, 1, points)
    lines = 0.2 * rng.random((spectra, 10, 1)) * 10 / (rng.uniform(500, 2500, (spectra, 10, 1)) - wavenumber - 10j)
    excitation, chi3_nr, chi3_r = photons * np.exp(-(u**2)), 1 + 0.1 * u, lines.sum(axis=1)
    cars = rng.poisson(excitation * np.abs(chi3_nr + chi3_r) ** 2)
    return cars.astype(np.float32), wavenumber, excitation.astype(np.float32), (chi3_r / chi3_nr).imag


def measure(job: Callable[[], object], spectra: int) -> tuple[float, float]:
    """Spectra a second, and µs of processor time a spectrum, which a busy machine changes little; the best of three."""
    job()
    walls, processor = [], []
    for _ in range(3):
        wall, used = time.perf_counter(), time.process_time()
        job()
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
    return spectra / min(walls), 1e6 * min(processor) / spectra


def time_ours(spectra: int, points: int) -> list[tuple[float, float]]:
    """Measures of the four jobs."""
    from napari_crimson.remover.kramers_kronig import KKSettings, KramersKronig
    from napari_crimson.remover.maximum_entropy import MaximumEntropy

    cars, wavenumber, reference, _ = simulate(spectra, points)
    plain, corrected = KramersKronig(KKSettings(phase_correction=False, scale_correction=False)), KramersKronig()
    return [
        measure(lambda: plain(cars, wavenumber, reference), spectra),
        measure(lambda: corrected(cars, wavenumber, reference), spectra),
        measure(lambda: corrected(cars, wavenumber), spectra),
        measure(lambda: MaximumEntropy()(cars, wavenumber, reference), spectra),
    ]


def time_crikit(points: int) -> list[tuple[float, float]]:
    """Measures of the first two jobs in CRIkit2, with the settings of its own that are nearest."""
    from crikit.cri.error_correction import PhaseErrCorrectALS, ScaleErrCorrectSG
    from crikit.cri.kk import KramersKronig

    cars, _, reference, _ = simulate(CRIKIT_SPECTRA, points)
    x, nrb = cars.astype(np.float64), reference.astype(np.float64)
    kk = KramersKronig(pad_factor=1)
    phase = PhaseErrCorrectALS(smoothness_param=30, asym_param=0.01, redux=20, verbose=False)
    scale = ScaleErrCorrectSG(win_size=601, order=2)
    return [
        measure(lambda: kk.calculate(x, nrb), CRIKIT_SPECTRA),
        measure(lambda: scale.calculate(phase.calculate(kk.calculate(x, nrb)[None])), CRIKIT_SPECTRA),
    ]


def print_errors(points: int) -> None:
    """Print the median error of kk and mem, relative to the truth, by the photons of the brightest band."""
    from napari_crimson import load_remover
    from napari_crimson.remover.maximum_entropy import MaximumEntropy, MEMSettings

    removers = {"kk": load_remover("kk"), "mem": load_remover("mem"), "mem, 0.3": MaximumEntropy(MEMSettings(poles_per_point=0.3))}
    print(f"{'photons':>10s}" + "".join(f"{name:>10s}" for name in removers))
    for photons in (300, 1000, 4000, 20_000, 100_000, 10_000_000):
        cars, wavenumber, reference, truth = simulate(256, points, photons)
        errors = [
            np.median(np.linalg.norm(remover(cars, wavenumber, reference) - truth, axis=1) / np.linalg.norm(truth, axis=1))
            for remover in removers.values()
        ]
        print(f"{photons:10,d}" + "".join(f"{error:10.2f}" for error in errors))


def main() -> None:
    """Print one row a job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crikit", metavar="PYTHON", help="an interpreter that has CRIkit2")
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--spectra", type=int, default=8192)
    parser.add_argument("--noise", action="store_true", help="compare errors, not times")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.inside:
        print(json.dumps(time_crikit(a.points)))
        return
    if a.noise:
        print_errors(a.points)
        return
    ours = time_ours(a.spectra, a.points)
    theirs: list[tuple[float, float]] = []
    if a.crikit:
        command = [a.crikit, __file__, "--inside", "--points", str(a.points)]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(f"spectra a second (µs of processor time each), {a.points} points; Python {sys.version.split()[0]}, numpy {np.__version__}")
    print(f"{'':32s}{'ours':>18s}{'CRIkit2':>18s}{'ratio':>14s}")
    for i, job in enumerate(JOBS):
        row = f"{job:32s}{ours[i][0]:10,.0f} ({ours[i][1]:5.0f})"
        if i < len(theirs):
            row += f"{theirs[i][0]:10,.0f} ({theirs[i][1]:5.0f}){ours[i][0] / theirs[i][0]:7.1f} ({theirs[i][1] / ours[i][1]:4.1f})"
        print(row)


if __name__ == "__main__":
    main()
