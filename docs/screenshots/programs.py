"""Pictures of what commands print and examples draw."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from html import escape
from pathlib import Path

from napari.qt import get_qapp
from PIL import Image
from qtpy.QtWidgets import QLabel
from window import keep, settle

from napari_crimson import save_stack, simulate_stack

__all__ = ["PROGRAMS"]

EXAMPLES = Path(__file__).parents[1] / "examples"
PAPER, INK, FAINT = "#26272e", "#e8e8e8", "#8ab4f8"
WIDTH_PX = 1100
SCHEDULER = "tcp://127.0.0.1:8786"


def take_batch(name: str) -> None:
    """Three stacks on the command line, the last of them cut short on its way."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("night").mkdir()
        for seed, stack in enumerate(("cell-1", "cell-2", "cell-3")):
            save_stack(simulate_stack((32, 32), seed=seed)[["cars", "dark", "reference"]], f"night/{stack}.h5")
        whole = Path("night/cell-3.h5").read_bytes()
        Path("night/cell-3.h5").write_bytes(whole[: len(whole) // 3])
        commands = ("napari-crimson correct night/*.h5 --out corrected --remover kk", "napari-crimson info corrected/cell-1.zarr")
        keep_terminal([(command, printed(command)) for command in commands], name)


def take_cluster(name: str) -> None:
    """Two stacks on the two workers of a scheduler of this machine."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("night").mkdir()
        for seed, stack in enumerate(("cell-1", "cell-2")):
            save_stack(simulate_stack((32, 32), seed=seed)[["cars", "dark", "reference"]], f"night/{stack}.h5")
        with serving("scheduler --host 127.0.0.1 --port 8786 --no-dashboard"), serving(f"worker {SCHEDULER} --nthreads 1 --nworkers 2"):
            commands = (
                f"napari-crimson correct night/*.h5 --out corrected --remover kk --scheduler {SCHEDULER}",
                "napari-crimson info corrected/cell-1.zarr",
            )
            keep_terminal([(command, printed(command)) for command in commands], name)


@contextmanager
def serving(command: str) -> Iterator[None]:
    """A command of dask, for as long as it is needed."""
    dask = Path(sys.executable).with_name("dask")
    with subprocess.Popen([dask, *command.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        settle(5.0)  # for its port; whoever comes early tries again
        try:
            yield
        finally:
            process.terminate()


def take_example(name: str) -> None:
    """The figure of the first example."""
    os.environ["MPLBACKEND"] = "Agg"
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        runpy.run_path(str(EXAMPLES / "open_correct_plot.py"))
        keep(Image.open("tissue.png"), name)


def printed(command: str) -> str:
    """What a command prints, on either of its outputs."""
    words = [part for word in command.split() for part in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    program = Path(sys.executable).with_name(words[0])
    shown = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run([program, *words[1:]], check=False, **shown).stdout  # noqa: S603 - our own


def keep_terminal(session: list[tuple[str, str]], name: str) -> None:
    """Draw commands and what they printed as a terminal shows them."""
    get_qapp()
    lines = "\n".join(f'<span style="color: {FAINT}">$ {escape(command)}</span>\n{escape(output)}' for command, output in session)
    terminal = QLabel(f'<pre style="white-space: pre-wrap">{lines}</pre>')
    terminal.setWordWrap(True)
    terminal.setFixedWidth(WIDTH_PX)
    terminal.setStyleSheet(f"background: {PAPER}; color: {INK}; font-family: monospace; font-size: 13px; padding: 8px 14px;")
    terminal.show()
    settle(0.2)
    keep(terminal, name)
    terminal.close()


PROGRAMS = {"batch": take_batch, "cluster": take_cluster, "example": take_example}
