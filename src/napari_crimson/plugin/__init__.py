"""The napari plugin: the only room that knows napari, magicgui and Qt.

- `layers`: a stack as napari layers and back, the one place that turns the wavenumber axis to the front;
- `contrast`: limits from a small sample;
- `reader`, `writer`, `sample`: what the manifest offers under *File*;
- `open_widget`, `remove_widget`: the dock widgets under *Plugins › CRIMSON*;
- `typed_axis`: the wavenumber axis as a user types it;
- `live`: a result layer that fills in while the work goes on;
- `removal_settings`: the form of the latter;
- `looks`: how the forms look;
- `job`: one run of a removal off the main thread, `report`: what it tells;
- `command`: the same run for the command palette and for scripts.

`reader`, `writer` and `sample` import neither Qt nor torch.
"""
