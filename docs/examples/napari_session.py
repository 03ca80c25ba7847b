"""A session in napari without the mouse: open, look, correct, analyse, save."""

# %% A window on a stack
import napari

from napari_crimson import save_stack, simulate_stack
from napari_crimson.plugin import on_selected
from napari_crimson.plugin.command import go_to, remove_from_layer

save_stack(simulate_stack((48, 48), seed=0)[["cars", "dark", "reference"]], "tissue.h5", overwrite=True)
viewer = napari.Viewer()
(measured,) = viewer.open("tissue.h5", plugin="napari-crimson")

# %% Look: the slider at a band, the spectrum under the cursor beside the image
go_to(viewer, "CH2")
on_selected.show_spectrum(viewer)

# %% Correct, and wait until it is done; the dock widget would let the window live meanwhile
corrected = remove_from_layer(viewer, measured, "cnn")
print(corrected.name, corrected.metadata["crimson"]["history"][-1])

# %% An image of the ratio of two bands, as a new layer
viewer.layers.selection.active = corrected
on_selected.show_ratio(viewer, "CH2", "CH3")

# %% Save the result with its axis and its record
on_selected.save(viewer, "tissue.zarr")

# %% The window stays until it is closed
napari.run()
