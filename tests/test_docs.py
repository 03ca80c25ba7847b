"""The pages of the documentation: in the site, with links, pictures and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from napari_crimson.cli.terminal import printable

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
MOST_BYTES = 250_000  # of a picture


def leaves(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    return [leaf for branch in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(branch)]


def test_every_page_is_in_the_site() -> None:
    assert sorted(leaves(SITE["nav"])) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).is_file(), f"{page.name} points at {target}"


def test_every_picture_is_shown_and_small() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (*PAGES, ROOT / "README.md"))
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in text, f"no page shows {picture.name}"
        assert picture.stat().st_size < MOST_BYTES, picture.name


def test_pictures_that_are_taken_anew_are_those_shown() -> None:
    scripts = "".join(script.read_text(encoding="utf-8") for script in (ROOT / "docs" / "screenshots").glob("*.py"))
    taken = re.findall(r'"(\w+)": take_\w+', scripts)
    assert len(taken) > 10
    missing = [name for name in taken if not (ROOT / "docs" / "images" / f"{name}.png").is_file()]
    assert not missing


COMMANDS = {
    re.sub(r"\s+#.*", "", line).strip()
    for page in PAGES
    for line in re.findall(r"^(?:    )?napari-crimson (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_commands_have_options_that_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_crimson.__main__ import main

    name, *words = command.split()
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = printable(capsys.readouterr().out)
    assert not [word for word in words if word.startswith("--") and word.partition("=")[0] not in shown]
