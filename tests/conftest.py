"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data() -> Path:
    """Folder of real and vendor files that may not be distributed with the project; skips where it is absent."""
    folder = Path(os.environ.get("CRIMSON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set CRIMSON_TEST_DATA to the folder that has it")
    return folder
