"""What may import what, held in fresh interpreters and by reading the sources (docs/architecture.md, "Walls")."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest

import napari_crimson

PACKAGE = Path(napari_crimson.__file__).parent
ROOT = Path(__file__).parents[1]
GUI = {"napari", "magicgui", "qtpy", "superqt", "pyqtgraph", "vispy", "PySide6", "PyQt5", "PyQt6"}
TORCH_ROOMS = {
    "networks",
    "physics",
    "processor",
    "synthesis",
    "weights",
    "training",
    "objective",
    "benchmark",
    "speed",
    "inspect_network",
    "device",
    "phantom",
    "remover/network.py",
    "remover/on_device.py",
    "remover/in_flight.py",
}


def modules_after(code: str, *, cwd: Path | None = None) -> set[str]:
    """Top-level modules in a fresh interpreter once `code` has run."""
    report = "import sys, atexit\natexit.register(lambda: print('\\nMODULES', *{name.partition('.')[0] for name in sys.modules}))\n"
    done = subprocess.run([sys.executable, "-c", report + code], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import napari_crimson; napari_crimson.__version__; dir(napari_crimson)",
        "import napari_crimson; napari_crimson.removers()",
        "sys.argv = ['napari-crimson', '--help']; from napari_crimson.__main__ import main\ntry: main()\nexcept SystemExit: pass",
        "import napari_crimson.plugin.reader as r; assert r.get_reader('nothing.here') is None",
    ],
    ids=["import", "removers", "help", "reader"],
)
def test_the_light_paths_import_neither_torch_nor_gui(code: str) -> None:
    assert not modules_after(code) & ({"torch"} | GUI)


def test_info_on_a_file_imports_neither_torch_nor_gui(tmp_path: Path) -> None:
    code = (
        "import numpy as np; np.savez('a.npz', cars=np.ones((2, 3, 4)), wavenumber=np.arange(4.0))\n"
        "sys.argv = ['napari-crimson', 'info', 'a.npz']; from napari_crimson.__main__ import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    assert not modules_after(code, cwd=tmp_path) & ({"torch"} | GUI)


def test_training_runs_on_torch_numpy_and_safetensors_alone(tmp_path: Path) -> None:
    declared = {re.split(r"[^\w-]", line)[0] for line in requires("napari-crimson") or [] if "extra ==" not in line}
    blocked = declared - {"torch", "numpy", "safetensors"}
    assert {"dask", "xarray", "rich", "napari"} <= blocked
    code = f"""
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Wall())
import napari_crimson.training, napari_crimson.weights
import safetensors.torch
"""
    assert not modules_after(code) & blocked


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a source file imports, wherever in it, except for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def test_gui_is_imported_only_by_the_plugin() -> None:
    guilty = {f: GUI & {name.partition(".")[0] for name in imports(PACKAGE / f)} for f in sources() if not f.startswith("plugin/")}
    assert not {file: names for file, names in guilty.items() if names}


def test_torch_is_imported_only_where_tensors_live() -> None:
    users = {file for file in sources() if "torch" in {name.partition(".")[0] for name in imports(PACKAGE / file)}}
    assert {
        file for file in users if not any(file == room or file.split("/")[0].removesuffix(".py") == room for room in TORCH_ROOMS)
    } == set()


def test_imports_run_downwards_through_the_rooms() -> None:
    """The order is the table of docs/architecture.md: a room imports its own row and the rows below."""
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`(\w+)(?:\.py|/)`", line.split("|")[1]) for line in plan.splitlines() if re.match(r"\| `\w+(\.py|/)`", line)]
    floor = {room: number for number, row in enumerate(rows) for room in row} | {"_version": len(rows)}
    upwards = []
    for file in sources():
        room = file.split("/")[0].removesuffix(".py")
        if room == "__init__":
            continue
        assert room in floor, f"{file} has no row in docs/architecture.md"
        for name in imports(PACKAGE / file):
            target = name.split(".")[1] if name.startswith("napari_crimson.") else ""
            if floor.get(target, len(rows)) < floor[room]:
                upwards.append(f"{file} imports {name}")
    assert not upwards


def test_what_is_imported_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    declared = {re.split(r"[^\w-]", line)[0].lower() for line in (*project["dependencies"], *extras)}
    imported = {name.partition(".")[0] for file in sources() for name in imports(PACKAGE / file)}
    foreign = imported - set(sys.stdlib_module_names) - {"napari_crimson"}
    assert {name for name in foreign if name.lower() not in declared} == set()
