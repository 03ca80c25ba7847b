"""Files in and out: `open_stack`, `save_stack`, and what they know.

- `formats`: which formats there are, and which one a path is (imports no xarray and no reader);
- `open`: `open_stack`, the one way in; `axis`: the spectral axis where the file has none;
- `found`: what a reader hands over; `lazy`: arrays that stay in their file; `dims`: named dimensions;
- one reader a format family, each with ``read(path, name) -> Found``;
- `save`: `save_stack`; `ome_zarr`: the layout of our own results.
"""

from __future__ import annotations

from napari_crimson.io.formats import can_open, formats
from napari_crimson.io.open import open_stack
from napari_crimson.io.save import save_stack

__all__ = ["can_open", "formats", "open_stack", "save_stack"]
