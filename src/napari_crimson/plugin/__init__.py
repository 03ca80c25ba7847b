"""The napari plugin: the only room that knows napari, magicgui and Qt.

- `layers`: a stack as napari layers and back, the one place that turns the wavenumber axis to the front;
- `contrast`: limits from a small sample;
- `reader`, `writer`, `sample`: what the manifest offers under *File*;
- `open_widget`, `prepare_widget`, `remove_widget`, `analyse_widget`: the dock widgets under *Plugins › CRIMSON*;
- `typed_axis`: the wavenumber axis as a user types it;
- `live`: a result layer that fills in while the work goes on;
- `removal_settings`, `removal_recipe`: the form of the latter, and it as a part of a recipe;
- `prepare_form`, `steps_editor`, `step_form`, `option_text`, `recipe_menu`: the form of the preparation; `prepare_job`: its run;
- `svd_dialog`, `svd_job`: the components of an SVD to choose from; `map_view`, `plot`: what is drawn there;
- `spectrum_widget`, with `spectrum_controls`, `spectrum_plots`, `spectrum_marks`, `cursor`, `pins`, `marks`, `band_drive`, `band_image`:
  the dock of spectra; `spectra_source`, `live_remover`, `looking`: what its thread (`newest`) reads and corrects; `layer_box`, `watch`;
- `placement`: where a stack made from a layer belongs; `docks`: how the dock widgets find one another;
- `analyse_form`, `analyse_pages`: the form of the analysis, `analyse_tasks`, `analyse_job`: its work;
- `looks`: how the forms look;
- `background`: work off the main thread, `job`: one run of a removal, `report`: what they tell;
- `command`: the same run for the command palette and for scripts.

`reader`, `writer` and `sample` import neither Qt nor torch.
"""
