"""The package as a user meets it: public names, version, metadata of the index."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import pytest

import napari_crimson

ROOT = Path(__file__).parents[1]


def test_every_public_name_is_there() -> None:
    for name in napari_crimson.__all__:
        assert getattr(napari_crimson, name) is not None
    assert set(napari_crimson.__all__) <= set(dir(napari_crimson))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'open_stacks'; it has .*open_stack"):
        _ = napari_crimson.open_stacks


def test_installed_version_is_the_one_in_the_source() -> None:
    assert version("napari-crimson") == napari_crimson.__version__


def test_the_entry_points_lead_somewhere() -> None:
    (manifest,) = (point for point in entry_points(group="napari.manifest") if point.name == "napari-crimson")
    module, _, file = manifest.value.partition(":")
    assert module == "napari_crimson"
    assert (Path(napari_crimson.__file__).parent / file).is_file()
    (command,) = (point for point in entry_points(group="console_scripts") if point.name == "napari-crimson")
    assert callable(command.load())


def test_the_manifest_at_the_root_is_the_one_in_the_package() -> None:
    assert (ROOT / "napari.yaml").read_bytes() == (ROOT / "src" / "napari_crimson" / "napari.yaml").read_bytes()


def test_no_qt_binding_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not [line for line in project["dependencies"] if line.lower().startswith(("pyside", "pyqt5", "pyqt6"))]
    assert "Framework :: napari" in metadata("napari-crimson").get_all("Classifier", [])


def test_constraints_allow_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement

    pins = dict(line.lower().replace("_", "-").split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        pin = pins.get(requirement.name.lower().replace("_", "-"))
        assert pin, f"{requirement.name} is not pinned in constraints.txt"
        assert requirement.specifier.contains(pin), (
            f"constraints.txt pins {requirement.name}=={pin}, the project wants {requirement.specifier}"
        )
