"""One case read in a process of its own, and what came of it: nothing, or what must not happen.

What reads may raise `CrimsonError` of one clean line. It may not raise anything else, warn, print, open what lies outside the
folder of the case, write, unpickle, start a program, or take over 1 GiB. What opens must give a pixel and a band, or `CrimsonError`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MOST_BYTES", "TARGETS", "Verdict", "serve"]

MOST_BYTES = 2**30
_LONGEST_MESSAGE = 2500
_FORBIDDEN = {"pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "ctypes.dlopen"}
_WRITES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}


class Verdict(NamedTuple):
    """What came of a case: a problem in a line or "", its traceback, whether it opened, seconds, bytes above what there was before."""

    problem: str
    trace: str
    opened: bool
    seconds: float
    peak_bytes: int


def serve(pipe: Connection) -> None:
    """Judge cases, (target, path, whether it is a good one), until the other end closes."""
    guard = _Guard()
    sys.addaudithook(guard)
    printed = tempfile.TemporaryFile()  # noqa: SIM115
    os.dup2(printed.fileno(), 1)
    os.dup2(printed.fileno(), 2)
    while True:
        try:
            target, path, is_good = pipe.recv()
        except EOFError:
            return
        if is_good:  # what is imported for the first one is none of a case's doing
            _function(target)(Path(path))
        pipe.send(_judge(_function(target), Path(path), guard, printed))


def _function(target: str) -> Callable[[Path], bool]:
    """What reads, by its name in `TARGETS`, or as ``module:function``."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name) if name else TARGETS[target]


def _judge(target: Callable[[Path], bool], path: Path, guard: _Guard, printed: Any) -> Verdict:
    from napari_crimson.errors import CrimsonError

    problem, trace, opened = "", "", False
    before, start = _files(path.parent), time.monotonic()
    memory = _forget_peak()
    with warnings.catch_warnings(record=True) as warned, guard.watching(path.parent), _limited():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # told when it is collected, in whatever case that is
        try:
            opened = target(path)
        except CrimsonError as error:
            problem, trace = _judge_message(error), traceback.format_exc()
        except BaseException as error:
            problem, trace = f"raised {type(error).__name__}: {error}", traceback.format_exc()
    seconds, peak = time.monotonic() - start, max(0, _peak() - memory)
    problem = problem or guard.seen or (f"warned: {warned[0].message}" if warned else "")
    if peak > MOST_BYTES:
        problem = problem or f"took {peak / 2**20:.0f} MiB"
    if before != _files(path.parent):
        problem = problem or "changed something on disk"
    if size := printed.seek(0, os.SEEK_END):
        printed.seek(0)
        problem = problem or f"printed: {printed.read(min(size, 300))!r}"
        printed.truncate(0)
        printed.seek(0)
    return Verdict(problem, trace if problem else "", opened, seconds, peak)


def _judge_message(error: BaseException) -> str:
    text = str(error)
    causes, cause = [], error.__cause__ or error.__context__
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(cause, MemoryError) and not _is_of_parser(cause) for cause in causes):
        return f"asked for more memory than there is: {text[:200]}"
    if not text.isprintable():
        return f"a message that is not one clean line: {text[:300]!r}"
    return f"a message of {len(text)} characters: {text[:80]}" if len(text) > _LONGEST_MESSAGE else ""


def _is_of_parser(error: BaseException) -> bool:
    """Python's parser says of too many brackets that memory is out; it is not."""
    return any(frame.filename.endswith("ast.py") for frame in traceback.extract_tb(error.__traceback__))


# --- what reads


def _stack(path: Path) -> bool:
    """Open a stack, with its own axis or a given one, tell what `info` tells, and look at a pixel and a band."""
    from napari_crimson import CrimsonError, open_stack
    from napari_crimson.cli.terminal import describe
    from napari_crimson.io import can_open

    can_open(path)
    try:
        stack = open_stack(path)
    except CrimsonError as error:
        if "wavenumber=" not in str(error):
            raise
        stack = open_stack(path, wavenumber=(1000.0, 2000.0))
    words = [*map(str, stack.attrs.get("history", ())), *(str(stack.attrs.get(key, "")) for key in stack.attrs if key != "recipe")]
    dirty = next((text for text in words if not text.isprintable()), None)
    assert dirty is None, f"text that is not clean reaches the user: {dirty!r}"
    describe(stack)
    for image in stack.data_vars.values():
        if image.ndim > 1:
            near = image[(0,) * (image.ndim - 3)][:64, :64]  # of a stack of terabytes a band alone is too many
            pixel, band = near[0, 0].data.compute(scheduler="synchronous"), near[..., -1].data.compute(scheduler="synchronous")
            assert pixel.dtype == band.dtype == image.dtype, f"a stack of {image.dtype} gives {pixel.dtype} and {band.dtype}"
            assert (pixel.shape, band.shape) == (near.shape[2:], near.shape[:2]), "a pixel and a band are of other shapes than told"
    return True


def _axis(path: Path) -> bool:
    from napari_crimson.io.axis import read_axis

    read_axis(path, 6)
    return True


def _spectrum(path: Path) -> bool:
    from napari_crimson.io.spectrum import read_spectrum

    read_spectrum(path)
    return True


def _weights(path: Path) -> bool:
    """Weights with their card, as a remover on the CPU that corrects one spectrum."""
    import numpy as np

    from napari_crimson import load_remover

    remover = load_remover(path, device="cpu")
    axis = np.linspace(1000, 1400, 200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an axis other than that of the training
        remover(np.ones((1, 200), dtype="f4") + 0.1 * np.sin(axis / 30, dtype="f4"), axis, None)
    return True


def _training(path: Path) -> bool:
    """A training recipe, up to the first spectra that it asks for."""
    import torch

    from napari_crimson.networks import build
    from napari_crimson.recipe import read_recipe
    from napari_crimson.synthesis import draw, make_prior

    recipe = read_recipe(path)
    build(recipe.network, recipe.arguments)
    prior = make_prior(recipe.prior, recipe.bounds)
    draw(prior, 2, torch.linspace(1000, 1400, 200), generator=torch.Generator().manual_seed(0))
    return True


def _pipeline(path: Path) -> bool:
    from napari_crimson.pipeline import parse_pipeline, read_pipeline

    pipeline = read_pipeline(path)
    assert parse_pipeline(pipeline.to_toml()) == pipeline, "what is written is not what was read"
    return True


TARGETS: dict[str, Callable[[Path], bool]] = {
    "stack": _stack,
    "axis": _axis,
    "spectrum": _spectrum,
    "weights": _weights,
    "training": _training,
    "pipeline": _pipeline,
}


# --- what is watched


class _Guard:
    """Hears of every file that Python opens, and of all that runs or writes, while a case is read."""

    def __init__(self) -> None:
        self.folder, self.seen = "", ""
        ours = os.environ.get("CRIMSON_MEASURED", "")  # what has been measured on this machine
        self.allowed = tuple({os.path.realpath(p) for p in (*sys.path, sys.prefix, sys.base_prefix, "/proc", "/sys", "/usr", ours) if p})

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        self.folder, self.seen = os.path.realpath(folder), ""
        yield
        self.folder = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder or self.seen:
            return
        if event == "pickle.find_class" and str(arguments[0]).partition(".")[0] == "dask":
            return  # dask packs its own graphs
        if event in _FORBIDDEN or event in _WRITES:
            self.seen = f"{event} {arguments}"[:300]
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            folder, name = self.folder, os.fsdecode(arguments[0])
            self.folder = ""  # or resolving the name would be heard too
            where, mode = os.path.realpath(name), arguments[1] or ""
            self.folder = folder
            known = where.startswith((folder, *self.allowed)) or where == os.devnull
            if not known or any(letter in mode for letter in "wax+"):
                self.seen = f"opened {where!r} with mode {mode!r}"


@contextmanager
def _limited() -> Iterator[None]:
    """Let the process take `MOST_BYTES` more than it has, where the system can be told so."""
    try:
        import resource
    except ImportError:  # Windows: the peak is looked at alone
        yield
        return
    held = _status("VmSize")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if held:
        resource.setrlimit(resource.RLIMIT_AS, (held + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _forget_peak() -> int:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    import psutil

    return _status("VmHWM") or psutil.Process().memory_info().rss


def _status(field: str) -> int:
    """A figure of this process in bytes, 0 where the system does not tell it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = {str(path): path.lstat() for path in folder.rglob("*")}
    return {name: (state.st_size, state.st_mtime_ns) for name, state in found.items()}
