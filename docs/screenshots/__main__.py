"""Take the pictures of the documentation anew: ``make screenshots``, or ``python docs/screenshots [--into FOLDER] [NAME…]`` with a display.

Each is taken from the real window, clicked through, or of what a command or an example really gives; no picture is retouched.
The figures of training, the physics check and networks are drawn by what they show: see CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as settings:
    os.environ["NAPARI_CONFIG"] = f"{settings}/settings.yaml"  # nobody's own settings are in the pictures
    os.environ["CRIMSON_WEIGHTS"] = f"{settings}/weights"  # nor weights
    import window
    from axis import AXIS
    from docks import DOCKS
    from programs import PROGRAMS

    PICTURES = AXIS | DOCKS | PROGRAMS
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}; all of them where none is given")
    parser.add_argument("--into", type=Path, default=window.FOLDER, metavar="FOLDER", help="where they are kept; docs/images by default")
    given = parser.parse_args()
    wanted, window.FOLDER = given.names or list(PICTURES), given.into.resolve()
    if unknown := set(wanted) - PICTURES.keys():
        sys.exit(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    for name in wanted:
        PICTURES[name](name)
