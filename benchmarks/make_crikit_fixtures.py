"""Write tests/fixtures/kramers_kronig.npz: what CRIkit2 0.4.4 answers on simulated spectra.

Needs an environment of its own, since CRIkit2 asks for more than its phase retrieval uses:

    python -m venv crikit && crikit/bin/pip install numpy scipy cvxopt && crikit/bin/pip install --no-deps CRIkit2==0.4.4
    crikit/bin/python benchmarks/make_crikit_fixtures.py
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
from crikit.cri.error_correction import PhaseErrCorrectALS, ScaleErrCorrectSG
from crikit.cri.kk import KramersKronig

FIXTURE = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "kramers_kronig.npz"
SPECTRA, POINTS, STEP_CM1 = 6, 500, 2.0
SMOOTHNESS, ASYMMETRY, REDUX, WINDOW, ORDER = 10.0, 0.01, 10, 201, 2


def simulate() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra of a few lines, every other one with photon noise, and a reference of another slope."""
    rng = np.random.default_rng(20)
    wavenumber = 600.0 + STEP_CM1 * np.arange(POINTS)
    u = np.linspace(-1, 1, POINTS)
    excitation = 2e4 * np.exp(-((u - 0.2) ** 2)) * (1 + 0.03 * np.sin(9 * u))
    cars = np.empty((SPECTRA, POINTS))
    for row in cars:
        centre, width, height = rng.uniform(650, 1550, 8), rng.uniform(5, 15, 8), rng.uniform(0.02, 0.3, 8)
        chi = (height * width / (centre - wavenumber[:, None] - 1j * width)).sum(axis=1)
        row[:] = excitation * np.abs(1 + 0.05 * u + chi) ** 2
    cars[1::2] = rng.poisson(cars[1::2])
    reference = excitation * (1.1 - 0.1 * u + 0.05 * u**2) ** 2
    return wavenumber, cars.astype(np.float32), reference.astype(np.float32)


def main() -> None:
    """Run CRIkit2 and store its input and its answers, imaginary parts."""
    wavenumber, cars, reference = simulate()
    plain = KramersKronig(pad_factor=1).calculate(cars.astype(np.float64), reference.astype(np.float64))
    phased = PhaseErrCorrectALS(smoothness_param=SMOOTHNESS, asym_param=ASYMMETRY, redux=REDUX, verbose=False).calculate(plain[None])[0]
    scaled = ScaleErrCorrectSG(win_size=WINDOW, order=ORDER).calculate(phased)
    FIXTURE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        FIXTURE,
        wavenumber=wavenumber,
        cars=cars,
        reference=reference,
        plain=plain.imag,
        phased=phased.imag,
        scaled=scaled.imag,
        smoothness=SMOOTHNESS,
        asymmetry=ASYMMETRY,
        knot_cm1=REDUX * STEP_CM1,
        trend_cm1=(WINDOW + 0.5) * STEP_CM1,
        trend_order=ORDER,
        program=f"CRIkit2 {version('CRIkit2')}",
    )


if __name__ == "__main__":
    main()
