"""The physics check: where an answer does not give the measured spectrum back.

- `spectra`: from Im χ_R/χ_NR to the intensity, with one excitation for the whole stack and the noise of its counts;
- `usual`: what the residuals of a stack usually look like, and how far a pixel is from that;
- `plan`: excitation, noise and the usual residuals of a stack, from a sample of it;
- `check`: the images, lazily.
"""

from napari_crimson.resynthesis.check import check, run_check
from napari_crimson.resynthesis.spectra import CheckSettings, intensity_ratio, residuals

__all__ = ["CheckSettings", "check", "intensity_ratio", "residuals", "run_check"]
