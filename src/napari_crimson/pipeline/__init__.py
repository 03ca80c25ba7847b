"""The pipeline: preparation and removal as one recipe, in a script, a widget or a file.

- `options`: what an option of a step or a remover may be;
- `steps`: the steps there are;
- `remover_settings`: the settings of a remover;
- `pipeline`: `Pipeline`, which holds a recipe and runs it;
- `files`: recipes in .toml files and in results.
"""

from napari_crimson.pipeline.files import parse_pipeline, read_pipeline
from napari_crimson.pipeline.options import Option
from napari_crimson.pipeline.pipeline import Pipeline
from napari_crimson.pipeline.remover_settings import remover_options
from napari_crimson.pipeline.steps import STEPS, Step, StepKind

__all__ = ["STEPS", "Option", "Pipeline", "Step", "StepKind", "parse_pipeline", "read_pipeline", "remover_options"]
