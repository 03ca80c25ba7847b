"""Take the pictures of the documentation anew: ``make screenshots``, or ``python docs/screenshots [NAME…]`` with a display.

Each is taken from the real window, clicked through, or of what a command or an example really gives; no picture is retouched.
The figures of training, the physics check and networks are drawn by what they show: see CONTRIBUTING.md.
"""

from __future__ import annotations

import os
import sys
import tempfile

with tempfile.TemporaryDirectory() as settings:
    os.environ["NAPARI_CONFIG"] = f"{settings}/settings.yaml"  # nobody's own settings are in the pictures
    os.environ["CRIMSON_WEIGHTS"] = f"{settings}/weights"  # nor weights
    from axis import AXIS
    from docks import DOCKS
    from programs import PROGRAMS

    PICTURES = AXIS | DOCKS | PROGRAMS
    wanted = sys.argv[1:] or list(PICTURES)
    if unknown := set(wanted) - PICTURES.keys():
        sys.exit(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    for name in wanted:
        PICTURES[name](name)
