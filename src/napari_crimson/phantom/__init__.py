"""Simulated stacks with their truth, for samples, the demo and tests.

- `species`: the lines of what samples are made of;
- `maps`: how much of which species is where;
- `simulate`: what the microscope adds: an excitation of two colours with a ripple, a camera's dark counts and noise, and a
  reference measured on a glass whose χ_NR is not quite the sample's.
"""

from napari_crimson.phantom.simulate import SAMPLES, simulate_stack
from napari_crimson.phantom.species import LIQUIDS, TISSUE, species_chi3

__all__ = ["LIQUIDS", "SAMPLES", "TISSUE", "simulate_stack", "species_chi3"]
