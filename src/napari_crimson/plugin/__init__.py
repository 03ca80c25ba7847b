"""The napari plugin: the only room that knows napari, magicgui and Qt.

A package each for the dock widgets under *Plugins › CRIMSON*: `remove` (*Remove background*), `prepare` (with the SVD chooser),
`spectrum`, `compare`, `analyse`, `check` (*Where not to trust*); `open_widget` is a single file. Below them:

- `plot`: spectra and maps drawn with pyqtgraph; `pointing`: where somebody looks, and the spectra there;
- `layers`: a stack as napari layers and back, the one place that turns the wavenumber axis to the front, by `bands_front`;
- `placement`: where a stack made from a layer belongs; `contrast`: limits from a small sample;
- `reader`, `writer`, `sample`: what the manifest offers under *File*; `show`: stacks shown from a script;
- `preferences`: what the page of napari's Preferences says;
- `shown`: which stack the slider is read for, and bringing it elsewhere (`go_to_dialog` asks where); `readout`: the line that says it;
- `axis`: the window for the wavenumbers of a stack that brings none;
- `background`: work off the main thread; `waiting`: the same where a caller waits; `report`: what is told of it;
- `garbage` (with `collector`): who collects Python's garbage while threads work; `soon`: a call when Qt has done what waits;
- `typed_axis`, `layer_box`, `looks`: parts of forms; `scrolling`: forms in a low window; `docks`: how dock widgets find one another;
  `recipe_of_layer`: the recipe a layer carries;
- `command`, `on_selected` (with `save_job`): what the palette, the menus and scripts can call.

`reader`, `writer` and `sample` import neither Qt nor torch before they are used.
"""
