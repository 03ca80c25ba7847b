"""Kramers–Kronig phase retrieval, the classical remover: no training, and best with a measured reference.

The logarithm of the ratio of CARS to reference gives the phase by a Hilbert transform (Y. Liu, Y. J. Lee and M. T. Cicerone,
Opt. Lett. 34, 1363 (2009)); what is done ahead of it and after it is in `phase_retrieval`.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_crimson.remover.phase_retrieval import Float64, PhaseRetrieval, Plan, RetrievalSettings

__all__ = ["KKSettings", "KramersKronig"]


@dataclass(frozen=True, kw_only=True)
class KKSettings(RetrievalSettings):
    """Choices of the Kramers–Kronig retrieval; see `RetrievalSettings`."""


class KramersKronig(PhaseRetrieval):
    """Kramers–Kronig phase retrieval with phase-error and scale correction, as a remover."""

    name = "kk"
    batch_values = 2**18  # some 15 MB with all that is made of them

    def __init__(self, settings: KKSettings | None = None) -> None:
        self.settings = settings or KKSettings()

    def phase(self, log_amplitude: Float64, plan: Plan) -> Float64:
        """Hilbert transform of the logarithmic amplitude (N, W)."""
        return plan.hilbert(log_amplitude)
