"""The page *CRIMSON* of napari's Preferences: what the dock widgets begin with, how much memory may be taken, colours.

The page is the manifest's ``configurations``, and napari keeps what is set there. What cannot be used is told, and its default taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_crimson.memory import limit_memory
from napari_crimson.remover import removers

__all__ = ["Preferences", "keep_memory_limit", "offered_removers", "preferences"]

_PLUGIN = "napari-crimson"
_WEIGHTS = ".safetensors"

_told: set[str] = set()  # once, not with every dock widget that opens


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What is set on the page; here as it is at first.

    Attributes
    ----------
    remover : str
        A name of `removers`, or the path of weights.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    memory_limit_bytes : int, optional
        What a result, or a file that must be read whole, may take at most; None leaves it to what is free.
    output_folder : Path, optional
        Where results go and saving begins; None keeps results in memory.
    measured_colormap, result_colormap : str
        Of the layers of stacks.
    """

    remover: str = "cnn"
    device: str = "auto"
    memory_limit_bytes: int | None = None
    output_folder: Path | None = None
    measured_colormap: str = "gray"
    result_colormap: str = "gray"

    def colormap(self, variable: str) -> str:
        """Colormap of a layer of this variable of a stack."""
        return self.measured_colormap if variable == "cars" else self.result_colormap


def preferences() -> Preferences:
    """What is set on the page, and the defaults where napari has no page of ours."""
    from napari.settings import get_plugin_settings

    try:
        page = get_plugin_settings(_PLUGIN)
    except KeyError:  # the plugin is not registered: a script, or it is disabled
        return Preferences()
    limit_gib, own = float(page.removal.memory_limit_gib), str(page.removal.own_remover).strip()
    return Preferences(
        remover=_usable_remover(own, page.removal.remover) if own else page.removal.remover,
        device=page.removal.device,
        memory_limit_bytes=round(limit_gib * 2**30) or None,
        output_folder=_usable_folder(str(page.removal.output_folder).strip()),
        measured_colormap=page.colours.measured,
        result_colormap=page.colours.results,
    )


def offered_removers() -> list[str]:
    """Names to choose a remover from; weights that are preferred by their path are among them."""
    return list(dict.fromkeys([*removers(), preferences().remover]))


def keep_memory_limit() -> None:
    """Let the limit that is set hold from now on."""
    limit_memory(preferences().memory_limit_bytes)


def _usable_remover(name: str, otherwise: str) -> str:
    known = removers()
    if name in known:
        return name
    path = Path(name).expanduser()
    if path.suffix == _WEIGHTS and path.is_file():
        return str(path)
    _tell_once(f"Preferences: there is no remover '{name}'; give one of {', '.join(known)}, or a file of weights. {otherwise} is taken.")
    return otherwise


def _usable_folder(text: str) -> Path | None:
    if not text:
        return None
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder
    _tell_once(f"Preferences: the output folder {text} is not there; make it, or name another. Results stay in memory.")
    return None


def _tell_once(text: str) -> None:
    from napari.utils.notifications import show_warning

    if text not in _told:
        _told.add(text)
        show_warning(text)
